"""The closed vocabularies of the desk, and what each word means.

The database holds the same words in CHECK constraints, the prompt and the
engines answer in them, and every door shows them. The meanings stand here once
because the customer's form, the prompt and the API reference all print them.
"""

from enum import StrEnum
from functools import cached_property


class Category(StrEnum):
    """What a ticket is about."""

    BILLING = "billing"
    TECHNICAL = "technical"
    ACCOUNT = "account"
    GENERAL = "general"


class Priority(StrEnum):
    """How urgent a ticket is, from least to most."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @cached_property
    def rank(self) -> int:
        """0 for low to 3 for critical, the order staff sort by."""
        return list(Priority).index(self)


class Status(StrEnum):
    """Where a ticket stands on its way from question to answer."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    CLOSED = "closed"

    @cached_property
    def rank(self) -> int:
        """0 for open to 3 for closed, the order of a ticket's way."""
        return list(Status).index(self)


class Rating(StrEnum):
    """What a requester says of the help they got."""

    GOOD = "good"
    BAD = "bad"
    """It could be better."""


DEFAULT_CATEGORY = Category.GENERAL
DEFAULT_PRIORITY = Priority.MEDIUM

CATEGORY_MEANINGS = {
    Category.BILLING: "payments, invoices, refunds, subscriptions",
    Category.TECHNICAL: "bugs, errors, crashes, performance",
    Category.ACCOUNT: "login, password, profile, access",
    Category.GENERAL: "the rest: questions, feedback, anything that fits nowhere else",
}

PRIORITY_MEANINGS = {
    Priority.LOW: "cosmetic, questions, wishes",
    Priority.MEDIUM: "a problem with a way around it",
    Priority.HIGH: "work is blocked or money is at stake, no way around it",
    Priority.CRITICAL: "system down, data loss, security",
}


# What people read; the words of programs are less kind.
RATING_NAMES = {Rating.GOOD: "Good", Rating.BAD: "Could be better"}


class SetBy(StrEnum):
    """Who or what chose a ticket's category or priority."""

    CUSTOMER = "customer"
    STAFF = "staff"
    API = "api"
    GEMINI = "gemini"
    OPENAI = "openai"
    LOCAL = "local"
    DEFAULT = "default"

    @property
    def is_human(self) -> bool:
        """Whether a person (or the program a person wrote) decided; engines never overrule these."""
        return self in {SetBy.CUSTOMER, SetBy.STAFF, SetBy.API}


TITLE_MAX = 200
DESCRIPTION_MAX = 20_000
NAME_MAX = 200
EMAIL_MAX = 254
