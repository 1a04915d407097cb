"""What programs send and get. These models validate requests and make the OpenAPI document."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ticketdesk.ai.suggest import MIN_TEXT
from ticketdesk.core.actors import ActorKind
from ticketdesk.core.vocabulary import (
    DESCRIPTION_MAX,
    EMAIL_MAX,
    NAME_MAX,
    TITLE_MAX,
    Category,
    Priority,
    SetBy,
    Status,
)
from ticketdesk.models import EventKind
from ticketdesk.tickets.queries import PAGE_MAX, PAGE_SIZE, Sort
from ticketdesk.tickets.service import Changes, NewTicket


class Request(BaseModel):
    """Base of what programs send: unknown fields are faults, not noise."""

    model_config = ConfigDict(extra="forbid")


def _left_out() -> Any:
    """None for a field that may be left out but, where it is given, may not be null."""
    return None


Title = Annotated[str, Field(min_length=1, max_length=TITLE_MAX)]
Description = Annotated[str, Field(min_length=1, max_length=DESCRIPTION_MAX)]


class TicketIn(Request):
    """A new ticket. Category and priority may be left out: the desk's AI then fills them."""

    title: Title
    description: Description
    requester_name: Annotated[str, Field(max_length=NAME_MAX)] | None = None
    requester_email: Annotated[str, Field(max_length=EMAIL_MAX)] | None = None
    category: Category | None = None
    priority: Priority | None = None

    def to_new(self) -> NewTicket:
        """The same for the verb."""
        return NewTicket(**self.model_dump())


class TicketPatch(Request):
    """New values; what is left out stays."""

    title: Title = Field(default_factory=_left_out)
    category: Category = Field(default_factory=_left_out)
    priority: Priority = Field(default_factory=_left_out)
    status: Status = Field(default_factory=_left_out)

    def to_changes(self) -> Changes:
        """The same for the verb."""
        return Changes(**self.model_dump())


class ClassifyIn(Request):
    """A text to classify; title and description together need at least 10 characters."""

    title: Annotated[str, Field(max_length=TITLE_MAX)] = ""
    description: Annotated[str, Field(max_length=DESCRIPTION_MAX)] = ""


class ListQuery(Request):
    """Filters combine with and; a repeated key means any of its values."""

    category: list[Category] = []
    priority: list[Priority] = []
    status: list[Status] = []
    search: Annotated[
        str,
        Field(
            description="Words that must all occur in title or description, the last one also as a beginning; "
            'or a reference such as TD-1042. "…" is a phrase, - excludes, or means either.'
        ),
    ] = ""
    sort: Sort = Sort.NEWEST
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = PAGE_SIZE
    cursor: str = Field(default_factory=_left_out, description="From the Link header of the page before.")


class TicketOut(BaseModel):
    """A ticket."""

    id: int
    reference: Annotated[str, Field(examples=["TD-1042"])]
    title: str
    description: str
    category: Category
    priority: Priority
    status: Status
    requester_name: str | None
    requester_email: str | None
    classified_by: Annotated[
        SetBy, Field(description="An engine, or “default” where none answered, if either field is theirs.")
    ]
    category_set_by: SetBy
    priority_set_by: SetBy
    created_at: datetime
    updated_at: datetime


class TicketCreated(TicketOut):
    """A ticket as its sender gets it."""

    url: Annotated[str, Field(description="The customer's own link to the ticket; given in this answer only.")]


class ActorOut(BaseModel):
    """Who acted."""

    kind: ActorKind
    id: int | None
    label: str


class EventOut(BaseModel):
    """One thing that happened to a ticket."""

    id: int
    kind: EventKind
    actor: ActorOut
    data: dict[str, Any]
    created_at: datetime


class TicketDetail(TicketOut):
    """A ticket with what happened to it, oldest first."""

    events: list[EventOut]


class StatsOut(BaseModel):
    """The desk in figures."""

    total_tickets: int
    open_tickets: int
    in_progress_tickets: int
    resolved_tickets: int
    closed_tickets: int
    avg_tickets_per_day: float
    priority_breakdown: dict[Priority, int]
    category_breakdown: dict[Category, int]


class Confidence(BaseModel):
    """How sure the engine is, from 0 to 1."""

    category: Annotated[float, Field(ge=0, le=1)] | None
    priority: Annotated[float, Field(ge=0, le=1)] | None


class GuessOut(BaseModel):
    """A category the engine considered."""

    category: Category
    confidence: Annotated[float, Field(ge=0, le=1)]


class SuggestionOut(BaseModel):
    """What an engine proposes for a text."""

    suggested_category: Category | None
    suggested_priority: Priority | None
    abstained: Annotated[
        bool,
        Field(
            description="The engine is less sure of the category than the desk asks for, so it proposes none; "
            "its guesses say what it considered."
        ),
    ]
    confidence: Confidence
    guesses: list[GuessOut]
    engine: str
    model: str
    took_ms: float


class FaultOut(BaseModel):
    """One fault in the input."""

    field: str
    message: str


class Problem(BaseModel):
    """An error, after RFC 9457."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: str
    errors: list[FaultOut] = []


TOO_SHORT = f"Write at least {MIN_TEXT} characters, so that there is something to classify."
