"""Reading tickets: filtered lists in keyset pages, one ticket, its events.

Lists select columns and not entities, and a page costs what it shows: the next
page starts behind the last row's sort key, found in an index, and rows that are
passed over are never counted.
"""

import base64
import binascii
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Integer, Row, Select, func, literal_column, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, aliased, load_only

from ticketdesk.core.errors import FieldFault, Invalid, NotFound
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.models import Event, EventKind, Staff, Ticket
from ticketdesk.models.ticket import PRIORITY_RANK, STATUS_RANK
from ticketdesk.search.query import BIGINT_MAX, matching

PAGE_SIZE = 50
PAGE_MAX = 200

# What customers are told about. A kind that is not named here is kept from them, so a new one never shows by accident.
PUBLIC_EVENTS = frozenset(
    {
        EventKind.CREATED,
        EventKind.TITLE_CHANGED,
        EventKind.CATEGORY_CHANGED,
        EventKind.PRIORITY_CHANGED,
        EventKind.STATUS_CHANGED,
        EventKind.REPLIED,
    }
)

AnySelect = Select[*tuple[Any, ...]]
AnyRow = Row[*tuple[Any, ...]]


class Sort(StrEnum):
    """The orders a list can have, each backed by an index; ``-`` means from the greatest down.

    Priority runs from low to critical and status from open to closed; where they
    are equal, creation decides, in the same direction.
    """

    NEWEST = "-created_at"
    OLDEST = "created_at"
    LAST_UPDATED = "-updated_at"
    FIRST_UPDATED = "updated_at"
    MOST_URGENT = "-priority"
    LEAST_URGENT = "priority"
    MOST_DONE = "-status"
    LEAST_DONE = "status"
    CATEGORY_UP = "category"
    CATEGORY_DOWN = "-category"

    @property
    def descending(self) -> bool:
        """Whether the list runs from the greatest down."""
        return self.value.startswith("-")


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError(value)
    return moment


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 < value <= BIGINT_MAX:
        raise ValueError(value)
    return value


@dataclass(frozen=True, slots=True)
class _Key:
    """One part of a sort key: as SQL, taken from a row, and read back from a cursor."""

    expression: ColumnElement[Any]
    of: Callable[[AnyRow], Any]
    read: Callable[[Any], Any]


_ID = _Key(Ticket.id.expression, lambda row: row.id, _whole)
_CREATED = _Key(Ticket.created_at.expression, lambda row: row.created_at, _moment)
_UPDATED = _Key(Ticket.updated_at.expression, lambda row: row.updated_at, _moment)
_PRIORITY = _Key(literal_column(PRIORITY_RANK, Integer), lambda row: Priority(row.priority).rank + 1, _whole)
_STATUS = _Key(literal_column(STATUS_RANK, Integer), lambda row: Status(row.status).rank + 1, _whole)
_CATEGORY = _Key(Ticket.category.expression, lambda row: row.category, Category)

_KEYS = {
    "created_at": (_CREATED, _ID),
    "updated_at": (_UPDATED, _ID),
    "priority": (_PRIORITY, _CREATED, _ID),
    "status": (_STATUS, _CREATED, _ID),
    "category": (_CATEGORY, _CREATED, _ID),
}


class Assignee(StrEnum):
    """Whose tickets a list shows, where it is not a certain person's."""

    NONE = "none"
    """Nobody's."""
    ME = "me"
    """The viewer's own; a list that several people use means each of them (`Filter.seen_by`)."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list shows. Several words for one field mean any of them; fields combine with and.

    ``assignee`` holds ids of staff accounts beside words. ``created_after``
    belongs to the time it opens and ``created_before`` does not, so stretches of
    time can follow each other. ``snoozed`` tells whether sleeping tickets are the
    only ones (True), are left out (False) or do not matter.
    """

    category: frozenset[Category] = frozenset()
    priority: frozenset[Priority] = frozenset()
    status: frozenset[Status] = frozenset()
    assignee: frozenset[int | Assignee] = frozenset()
    tag: frozenset[str] = frozenset()
    requester: str = ""
    created_after: datetime | None = None
    created_before: datetime | None = None
    snoozed: bool | None = None
    search: str = ""
    sort: Sort = Sort.NEWEST

    def seen_by(self, staff: Staff) -> "Filter":
        """The same with the viewer in the place of ``me``."""
        if Assignee.ME not in self.assignee:
            return self
        return replace(self, assignee=self.assignee - {Assignee.ME} | {staff.id})


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows; ``next`` is the cursor of the page behind it, if there is one."""

    rows: Sequence[AnyRow]
    next: str | None


def page(wanted: Filter, *, cursor: str | None = None, limit: int = PAGE_SIZE) -> Page:
    """One page of tickets; each row has the columns that `serialize.ticket` shows.

    Raises:
        Invalid: the cursor is not one that a list in this order gave out.
    """
    keys = _KEYS[wanted.sort.removeprefix("-")]
    assignee = aliased(Staff, name="assignee")
    expressions = [key.expression for key in keys]
    statement = _filtered(
        select(
            Ticket.id,
            Ticket.title,
            Ticket.description,
            Ticket.requester_name,
            Ticket.requester_email,
            Ticket.category,
            Ticket.category_set_by,
            Ticket.priority,
            Ticket.priority_set_by,
            Ticket.status,
            Ticket.tags,
            Ticket.snoozed_until,
            Ticket.first_response_at,
            Ticket.resolved_at,
            Ticket.version,
            Ticket.created_at,
            Ticket.updated_at,
            assignee,
        )
        .outerjoin(assignee, assignee.id == Ticket.assignee_id)
        .options(load_only(assignee.name, assignee.email)),
        wanted,
    )
    if cursor is not None:
        here, there = tuple_(*expressions), tuple_(*_read_cursor(wanted.sort, keys, cursor))
        statement = statement.where(here < there if wanted.sort.descending else here > there)
    order = [column.desc() if wanted.sort.descending else column.asc() for column in expressions]
    rows = db.session.execute(statement.order_by(*order).limit(limit + 1)).all()
    return Page(rows[:limit], _write_cursor(wanted.sort, keys, rows[limit - 1]) if len(rows) > limit else None)


def count(wanted: Filter, *, most: int) -> int:
    """How many tickets the filter shows; counting ends at ``most``, because the exact count of a million is slow."""
    return counts([wanted], most=most)[0]


def counts(wanted: Sequence[Filter], *, most: int) -> list[int]:
    """How many tickets each of the filters shows, ``most`` at the most, counted in one statement."""
    if not wanted:
        return []
    found = [_filtered(select(Ticket.id), each).limit(most).subquery() for each in wanted]
    return list(
        db.session.execute(select(*(select(func.count()).select_from(ids).scalar_subquery() for ids in found))).one()
    )


def by_id(ticket_id: int) -> Ticket:
    """One ticket.

    Raises:
        NotFound: there is none with this id.
    """
    ticket = db.session.get(Ticket, ticket_id) if 0 < ticket_id <= BIGINT_MAX else None
    if ticket is None:
        raise NotFound("There is no such ticket.")
    return ticket


def by_link(link: str) -> Ticket:
    """The ticket behind a customer's link.

    Raises:
        NotFound: the link leads nowhere.
    """
    try:
        link_id = uuid.UUID(hex=link)
    except ValueError:
        raise NotFound("This link leads to no ticket.") from None
    ticket = db.session.scalar(select(Ticket).where(Ticket.link_id == link_id))
    if ticket is None:
        raise NotFound("This link leads to no ticket.")
    return ticket


def events_of(ticket: Ticket) -> Sequence[Event]:
    """What happened to the ticket, oldest first; for staff."""
    return db.session.scalars(select(Event).where(Event.ticket_id == ticket.id).order_by(Event.id)).all()


def public_events_of(ticket: Ticket) -> Sequence[Event]:
    """What happened to the ticket as far as its requester is told, oldest first."""
    told = Event.kind.in_(sorted(PUBLIC_EVENTS))
    return db.session.scalars(select(Event).where(Event.ticket_id == ticket.id, told).order_by(Event.id)).all()


def _filtered(statement: AnySelect, wanted: Filter) -> AnySelect:
    conditions: list[ColumnElement[bool] | None] = [
        _any_of(Ticket.category, wanted.category),
        _any_of(Ticket.priority, wanted.priority),
        _any_of(Ticket.status, wanted.status),
        _assigned(wanted.assignee),
        Ticket.tags.overlap(sorted(wanted.tag)) if wanted.tag else None,
        func.lower(Ticket.requester_email) == wanted.requester.lower() if wanted.requester else None,
        Ticket.created_at >= wanted.created_after if wanted.created_after else None,
        Ticket.created_at < wanted.created_before if wanted.created_before else None,
        _sleeping(wanted.snoozed),
        matching(wanted.search),
    ]
    return statement.where(*(condition for condition in conditions if condition is not None))


def _any_of(column: InstrumentedAttribute[str], words: frozenset[Any]) -> ColumnElement[bool] | None:
    return column.in_(sorted(words)) if words else None


def _sleeping(wanted: bool | None) -> ColumnElement[bool] | None:
    if wanted is None:
        return None
    return Ticket.snoozed_until.is_not(None) if wanted else Ticket.snoozed_until.is_(None)


def _assigned(wanted: frozenset[int | Assignee]) -> ColumnElement[bool] | None:
    """Raises ValueError where ``me`` was not replaced by the viewer: without one it would mean everybody's."""
    if Assignee.ME in wanted:
        raise ValueError("Nobody looks at this list; call seen_by first.")
    ids = sorted(who for who in wanted if isinstance(who, int))
    conditions = [Ticket.assignee_id.in_(ids)] if ids else []
    if Assignee.NONE in wanted:
        conditions.append(Ticket.assignee_id.is_(None))
    return or_(*conditions) if conditions else None


def _write_cursor(sort: Sort, keys: Sequence[_Key], row: AnyRow) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([sort, *(key.of(row) for key in keys)])).decode().rstrip("=")


def _read_cursor(sort: Sort, keys: Sequence[_Key], cursor: str) -> list[Any]:
    """The sort key that a cursor holds.

    Nothing in it is secret, and changing it reaches nothing that the filter does
    not show anyway, so every part is checked and none is signed.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        made_for, *values = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if made_for != sort:
            raise ValueError(cursor)
        return [key.read(value) for key, value in zip(keys, values, strict=True)]
    except (ValueError, TypeError, binascii.Error):
        fault = FieldFault("cursor", "This cursor does not belong to this list; start again without it.")
        raise Invalid(fault) from None
