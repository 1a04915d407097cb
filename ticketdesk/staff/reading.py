"""Reading what the console's addresses and forms say: numbers, words, changes."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from werkzeug.datastructures import FileStorage, MultiDict

from ticketdesk import local_time
from ticketdesk.core.errors import FieldFault, Invalid
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.gate import caller
from ticketdesk.models import Staff
from ticketdesk.models.columns import BIGINT_MAX
from ticketdesk.tickets import assignment
from ticketdesk.tickets.filter import Assignee
from ticketdesk.tickets.pages import PAGE_MAX
from ticketdesk.tickets.rules import tidy_tag
from ticketdesk.tickets.service import Changes, Clear

Form = MultiDict[str, str]
Files = MultiDict[str, FileStorage]
Word = TypeVar("Word", bound=StrEnum)

# The fields that are set to a word, in the order in which the console shows them.
FIELDS: dict[str, type[StrEnum]] = {"status": Status, "priority": Priority, "category": Category}


# What a form says in place of a moment, to end a sleep.
WAKE = "wake"


def me() -> Staff:
    """The account of whoever has the page open; the gate lets nobody else into the console."""
    staff = caller().staff
    if staff is None:
        raise LookupError("The gate lets nobody but staff in here.")
    return staff


def read_id(value: str) -> int | None:
    """The value as a row's id, or None where it cannot be one."""
    # As many digits as a bigint has; Python refuses to read very long numbers at all.
    known = value.isascii() and value.isdigit() and len(value) <= 19 and 0 < int(value) <= BIGINT_MAX
    return int(value) if known else None


def read_words(field: str, vocabulary: type[Word], values: Iterable[str]) -> frozenset[Word]:
    """The values as words of the vocabulary; empty ones are left out, as a form sends them.

    Raises:
        Invalid: a value is no word of the vocabulary.
    """
    try:
        return frozenset(vocabulary(value) for value in values if value)
    except ValueError:
        raise Invalid(FieldFault(field, f"This must be one of: {', '.join(vocabulary)}.")) from None


def read_word(field: str, vocabulary: type[Word], form: Form) -> Word | None:
    """The word that the form has for the field, None where it is missing or empty.

    Raises:
        Invalid: the value is no word of the vocabulary.
    """
    return next(iter(read_words(field, vocabulary, [form.get(field, "")])), None)


def read_before(thing: str, form: Form) -> int | None:
    """The number that all on a page of a list are before, None on the first page.

    Raises:
        Invalid: it cannot be the number of such a thing.
    """
    if "before" not in form:
        return None
    before = read_id(form["before"])
    if before is None:
        raise Invalid(FieldFault("before", f"This is not the number of a {thing}."))
    return before


def read_changes(form: Form) -> Changes:
    """The changes in the form; a field that is missing or empty stays as it is.

    Raises:
        Invalid: a value is no word of its vocabulary.
    """
    return Changes(
        category=read_word("category", Category, form),
        priority=read_word("priority", Priority, form),
        status=read_word("status", Status, form),
    )


def read_assignee(form: Form) -> Staff | Clear | None:
    """Whose the ticket is to be: an account's id, ``me``, or ``none`` for nobody's; None where the form does not say.

    Raises:
        Invalid: there is no such account.
    """
    match form.get("assignee", ""):
        case "":
            return None
        case Assignee.NONE:
            return Clear.CLEAR
        case Assignee.ME:
            return caller().staff
        case other:
            return assignment.agent(read_id(other) or 0)


def read_bulk(form: Form) -> Changes:
    """The changes in the form for many tickets; what is missing or empty stays as it is on each.

    Raises:
        Invalid: a value is no word of its vocabulary, no moment, or there is no such account.
    """
    return replace(
        read_changes(form),
        assignee=read_assignee(form),
        add_tags=_tags("add_tags", form),
        remove_tags=_tags("remove_tags", form),
        snoozed_until=_sleep(form),
    )


def read_ticket_ids(form: Form) -> Sequence[int]:
    """The ids of the tickets that are ticked, as many as a page shows.

    Raises:
        Invalid: there are more, or one is no id.
    """
    values = form.getlist("ticket")
    if len(values) > PAGE_MAX:
        raise Invalid(FieldFault("ticket", f"At most {PAGE_MAX} tickets can be changed at once."))
    ids = [read_id(value) for value in values]
    if None in ids:
        raise Invalid(FieldFault("ticket", "This is not the number of a ticket."))
    return [ticket_id for ticket_id in ids if ticket_id is not None]


def _tags(field: str, form: Form) -> frozenset[str]:
    return frozenset(tag for typed in form.get(field, "").split(",") if (tag := tidy_tag(typed)))


def _sleep(form: Form) -> datetime | Clear | None:
    match form.get("snooze", ""):
        case "":
            return None
        case word if word == WAKE:
            return Clear.CLEAR
        case moment:
            return local_time.read_moment("snooze", moment)
