"""What programs send and get. These models validate requests and make the OpenAPI document."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ticketdesk.ai.suggest import MIN_TEXT
from ticketdesk.core.actors import ActorKind
from ticketdesk.core.vocabulary import (
    DESCRIPTION_MAX,
    EMAIL_MAX,
    NAME_MAX,
    TITLE_MAX,
    Category,
    Priority,
    Rating,
    SetBy,
    Status,
)
from ticketdesk.models import ActKind, Channel, EventKind, MessageKind, Staff
from ticketdesk.models.columns import BIGINT_MAX
from ticketdesk.models.message import BODY_MAX
from ticketdesk.models.ticket import TAG_MAX, TAGS_MAX
from ticketdesk.tickets.pages import PAGE_MAX, PAGE_SIZE, Sort
from ticketdesk.tickets.service import Changes, Clear, NewTicket


class Request(BaseModel):
    """Base of what programs send: unknown fields are faults, not noise."""

    model_config = ConfigDict(extra="forbid")


def _left_out() -> Any:
    """None for a field that may be left out but, where it is given, may not be null."""
    return None


_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


def _moment(value: Any) -> Any:
    """Pydantic would also take a number for a moment, and a moment without a zone means another one to everybody."""
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("Give a moment with its time zone, such as 2026-01-31T09:00:00Z")
    return datetime.fromisoformat(value.upper())


Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]
AccountId = Annotated[int, Field(ge=1, le=BIGINT_MAX)]
Address = Annotated[str, Field(max_length=EMAIL_MAX, pattern=r"^[^@\s]+@[^@\s]+$")]
TagText = Annotated[str, Field(min_length=1, max_length=TAG_MAX)]
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
    assignee: Annotated[
        AccountId | Address | None, Field(description="A staff account's id or e-mail address; null for nobody.")
    ] = None
    tags: Annotated[
        list[TagText], Field(max_length=TAGS_MAX, description="All of the ticket's tags; they replace those it has.")
    ] = Field(default_factory=_left_out)
    snoozed_until: Annotated[Moment | None, Field(description="When the ticket wakes; null wakes it now.")] = None

    def to_changes(self, assignee: Staff | Clear | None) -> Changes:
        """The same for the verb, with the account that ``assignee`` names."""
        until: datetime | Clear | None = self.snoozed_until
        if until is None and "snoozed_until" in self.model_fields_set:
            until = Clear.CLEAR
        return Changes(
            title=self.title,
            category=self.category,
            priority=self.priority,
            status=self.status,
            assignee=assignee,
            tags=self.tags,
            snoozed_until=until,
        )


class MessageIn(Request):
    """A new message. Say which kind it is: a reply goes to the requester, a note never leaves the desk."""

    kind: MessageKind
    body: Annotated[str, Field(min_length=1, max_length=BODY_MAX, description="Markdown.")]
    status: Annotated[Status | None, Field(description="The ticket's new status, set together with a reply.")] = None
    last_message_id: Annotated[
        int | None,
        Field(
            ge=0,
            le=BIGINT_MAX,
            description="The last message you have read, 0 for none; a reply is refused with 409 if others followed.",
        ),
    ] = None

    @model_validator(mode="after")
    def _a_note_stands_alone(self) -> Self:
        if self.kind is MessageKind.NOTE and not {"status", "last_message_id"}.isdisjoint(self.model_fields_set):
            raise ValueError("A note takes no status and no last_message_id; change the ticket with PATCH")
        return self


class AttachmentsIn(MessageIn):
    """Files for a message of their own: a reply for the requester, or a note, which never leaves the desk."""

    body: Annotated[str, Field(max_length=BODY_MAX, description="What to say with the files, as Markdown.")] = ""


class MergeIn(Request):
    """Where a ticket goes."""

    into: Annotated[int, Field(ge=1, le=BIGINT_MAX, description="The id of the ticket that survives.")]


class UndoIn(Request):
    """What is to be undone."""

    act: Annotated[
        int | None, Field(ge=1, le=BIGINT_MAX, description="The id of an act on this ticket; left out, the last one.")
    ] = None


class ClassifyIn(Request):
    """A text to classify; title and description together need at least 10 characters."""

    title: Annotated[str, Field(max_length=TITLE_MAX)] = ""
    description: Annotated[str, Field(max_length=DESCRIPTION_MAX)] = ""


class ListQuery(Request):
    """Filters combine with and; a repeated key means any of its values."""

    # Tuples, because Pydantic copies a list that is a default for each request, which takes a list 3 %.
    category: Sequence[Category] = ()
    priority: Sequence[Priority] = ()
    status: Sequence[Status] = ()
    assignee: Annotated[
        Sequence[Annotated[str, Field(pattern=r"^(none|me|[1-9][0-9]{0,17}|[^@\s]+@[^@\s]+)$")]],
        Field(description="A staff account's id or e-mail address, “none” for nobody, “me” for who is signed in."),
    ] = ()
    tag: Sequence[TagText] = ()
    requester: Annotated[str, Field(max_length=EMAIL_MAX, description="The requester's e-mail address.")] = ""
    created_after: Annotated[Moment | None, Field(description="This moment or later.")] = None
    created_before: Annotated[Moment | None, Field(description="Earlier than this moment.")] = None
    snoozed: Annotated[bool | None, Field(description="Only tickets that sleep, or none of them.")] = None
    search: Annotated[
        str,
        Field(
            description="Words that must all occur in title, description or messages, the last one also as a "
            'beginning; or a reference such as TD-1042. "…" is a phrase, - excludes, or means either.'
        ),
    ] = ""
    sort: Sort = Sort.NEWEST
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = PAGE_SIZE
    cursor: str = Field(default_factory=_left_out, description="From the Link header of the page before.")


class MessagesQuery(Request):
    """A page of a conversation."""

    after: Annotated[int, Field(ge=0, le=BIGINT_MAX, description="Messages with a greater id than this.")] = 0
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = PAGE_SIZE


class AssigneeOut(BaseModel):
    """Whose ticket it is."""

    id: int
    name: str
    email: str


class RatingOut(BaseModel):
    """What the requester says of the help they got, once the ticket is resolved or closed."""

    score: Rating
    comment: str | None
    rated_at: datetime


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
    assignee: AssigneeOut | None
    tags: list[str]
    snoozed_until: datetime | None
    first_response_at: Annotated[datetime | None, Field(description="When the desk first replied.")]
    resolved_at: Annotated[
        datetime | None, Field(description="When it was last resolved or closed; null while it is neither.")
    ]
    rating: Annotated[
        RatingOut | None, Field(description="Only the requester rates, on the ticket's page; it outlives a reopening.")
    ]
    created_at: datetime
    updated_at: datetime


class TicketCreated(TicketOut):
    """A ticket as its sender gets it."""

    url: Annotated[str, Field(description="The customer's own link to the ticket; given in this answer only.")]


class SimilarTicket(TicketOut):
    """A ticket that reads like another one."""

    score: Annotated[
        float, Field(ge=0, le=1, description="1 for the same words at the same time, half of that for long ago.")
    ]
    shared_words: Annotated[list[str], Field(description="Words of both tickets, the most telling first.")]


class ActorOut(BaseModel):
    """Who acted."""

    kind: ActorKind
    id: int | None
    label: str


class AttachmentOut(BaseModel):
    """A file. Its content is at `/api/tickets/{ticket_id}/attachments/{id}/`."""

    id: int
    message: Annotated[int | None, Field(description="The message it came with; null for the ticket's description.")]
    name: Annotated[str, Field(description="As its sender named it, made safe, with an ending that fits its content.")]
    media_type: Annotated[str, Field(description="What the content is, found by looking into it.")]
    size: Annotated[int, Field(description="Bytes.")]
    sha256: str
    created_at: datetime


class MessageOut(BaseModel):
    """A reply or a note."""

    id: int
    kind: MessageKind
    author: ActorOut
    channel: Channel
    body: Annotated[str, Field(description="Markdown; empty where files say it all.")]
    message_id: Annotated[str, Field(description="The Message-ID of mails about it, after RFC 5322.")]
    attachments: list[AttachmentOut]
    created_at: datetime


class EventOut(BaseModel):
    """One thing that happened to a ticket."""

    id: int
    kind: EventKind
    actor: ActorOut
    data: dict[str, Any]
    created_at: datetime


class ActOut(BaseModel):
    """Something that was done to one or more tickets and can be undone for an hour."""

    id: int
    kind: ActKind
    actor: ActorOut
    tickets: Annotated[list[int], Field(description="The ids of all tickets that it was about.")]
    created_at: datetime


class UndoneOut(BaseModel):
    """What became of an undo."""

    act: ActOut
    kept: Annotated[int, Field(ge=0, description="On how many tickets something had changed since, which stayed.")]
    sentence: Annotated[str, Field(description="The same for people.")]


class TicketDetail(TicketOut):
    """A ticket with what happened to it, oldest first."""

    merged_into: Annotated[
        int | None, Field(description="The id of the ticket that this one was merged into; go on there.")
    ]
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
