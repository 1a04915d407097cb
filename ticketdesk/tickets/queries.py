"""Reading tickets: lists in keyset pages, how long they are, one ticket, its events.

Lists select columns and not entities, and a page costs what it shows: the next
page starts behind the last row's sort key, found in an index, and rows that are
passed over are never counted.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    DateTime,
    Integer,
    Select,
    bindparam,
    cast,
    func,
    or_,
    select,
    true,
    tuple_,
    union_all,
)

from ticketdesk import reading, replica
from ticketdesk.core.errors import Gone, NotFound
from ticketdesk.events import Happened
from ticketdesk.extensions import db
from ticketdesk.models import Event, EventKind, Ticket
from ticketdesk.models.columns import BIGINT_MAX
from ticketdesk.search import frequencies
from ticketdesk.search.newest import Shape, attempts, ids
from ticketdesk.search.query import Query, read
from ticketdesk.tickets import counters
from ticketdesk.tickets.filter import AnySelect, Filter, filtered
from ticketdesk.tickets.pages import PAGE_SIZE, Page, Position, cut, position_of, read_cursor
from ticketdesk.tickets.rows import HAPPENED, LISTED, Listed
from ticketdesk.tickets.stretches import stretches_of
from ticketdesk.tickets.ways import quickest
from ticketdesk.tickets.workflow import ACTIVE

# What customers are told about. A kind that is not named here is kept from them, so a new one never shows by accident.
PUBLIC_EVENTS = frozenset(
    {
        EventKind.CREATED,
        EventKind.TITLE_CHANGED,
        EventKind.CATEGORY_CHANGED,
        EventKind.PRIORITY_CHANGED,
        EventKind.STATUS_CHANGED,
        EventKind.REPLIED,
        EventKind.RATED,
        EventKind.MERGED,
        EventKind.UNMERGED,
        EventKind.UNDONE,
    }
)

_ANY: frozenset[Any] = frozenset()

# Where a page begins, left open so that all pages of a list are one statement.
_MOMENT = bindparam("moment", None, type_=DateTime(timezone=True))
_ID = bindparam("id", None, type_=BigInteger)


def page(wanted: Filter, *, cursor: str | None = None, limit: int = PAGE_SIZE) -> Page:
    """One page of tickets; each row has the columns that `serialize.ticket` shows.

    A list that is sorted by words is one group of equal tickets after the other,
    and each group is a list by creation that an index has in order.

    Raises:
        Invalid: the cursor is not one that a list in this order gave out.
    """
    after = None if cursor is None else read_cursor(cursor, wanted.sort)
    return cut(first(wanted, after, most=limit + 1), limit, wanted.sort)


def neighbours(wanted: Filter, ticket: Ticket) -> tuple[int | None, int | None]:
    """The ids of the tickets before and behind one in a list, also where it does not belong there any more itself.

    Each is None where the list ends.
    """
    return _next(replace(wanted, sort=wanted.sort.reversed), ticket), _next(wanted, ticket)


def _next(wanted: Filter, ticket: Ticket) -> int | None:
    found = first(wanted, position_of(ticket, wanted.sort), most=1)
    return found[0].id if found else None


def first(wanted: Filter, after: Position | None = None, *, most: int) -> list[Listed]:
    """The first rows of a list, or the first behind a position."""
    asked = read(wanted.search)
    if asked:
        latest = _latest(asked, wanted, after, most)
        if latest is not None:
            return latest
    found: list[Listed] = []
    for group, start in _groups(wanted, after):
        place = {"moment": start.moment, "id": start.id} if start else {}
        by_stretches = asked is None or quickest(asked, group, most, frequencies.current()).by_stretches
        statement = _prepared(group, asked, most, by_stretches=by_stretches, behind_position=start is not None)
        found += map(Listed._make, replica.rows(statement, **place))
        if len(found) >= most:
            break
    return found[:most]


def _latest(asked: Query, wanted: Filter, after: Position | None, most: int) -> list[Listed] | None:
    """The newest rows that match a search; None where they are not to be looked for so, or not found."""
    looks = quickest(asked, wanted, most, frequencies.current()).looks
    if looks == 0:
        return None
    kinds, behind = wanted.but_for_search, (after.moment, after.id) if after else None
    found: list[Listed] = []
    ways = attempts(asked.words, behind=behind, most=most, filtered=looks is not None)
    for look, (shape, values) in enumerate(ways):
        # Most closed tickets are older than most open ones, and the first look may be at an hour of the night.
        fruitless = look > 1 and not found
        if looks is not None and (look == looks or fruitless or not shape.within):
            return None
        found = [Listed._make(row) for row in replica.rows(_searched(shape, kinds, most), **values)]
        if len(found) == most:
            break
    return found


@lru_cache(maxsize=256)
def _searched(shape: Shape, kinds: Filter, most: int) -> reading.Statement:
    found = ids(shape)
    listing = filtered(LISTED.join(found, found.c.id == Ticket.id), kinds)
    return reading.compiled(listing.order_by(Ticket.created_at.desc(), Ticket.id.desc()).limit(reading.at_most(most)))


@lru_cache(maxsize=256)
def _prepared(
    wanted: Filter, asked: Query | None, most: int, *, by_stretches: bool, behind_position: bool
) -> reading.Statement:
    """The statement of a list, kept because making it takes longer than PostgreSQL takes to answer it.

    What a search asks for is not the same for ever, so it is told beside the filter.
    """
    listing = _listed(wanted, most, by_stretches=by_stretches, behind_position=behind_position)
    return reading.compiled(listing, plan_for_values=wanted.hangs_on_values)


def count(wanted: Filter, *, most: int) -> int:
    """How many tickets the filter shows; counting ends at ``most``, because the exact count of a million is slow."""
    return counts([wanted], most=most)[0]


def counts(wanted: Sequence[Filter], *, most: int) -> list[int]:
    """How many tickets each of the filters shows, ``most`` at the most, counted in one statement."""
    if not wanted:
        return []
    [found] = replica.rows(_counts(tuple(wanted), most))
    return list(found)


@lru_cache(maxsize=64)
def _counts(wanted: tuple[Filter, ...], most: int) -> reading.Statement:
    counted = select(*(_counted(each, most).scalar_subquery() for each in wanted))
    return reading.compiled(counted, plan_for_values=any(each.hangs_on_values for each in wanted))


def _counted(wanted: Filter, most: int) -> Select[int]:
    if not wanted.only_kinds:
        counted = filtered(select(Ticket.id), wanted).limit(reading.at_most(most))
        return select(func.count()).select_from(counted.subquery())
    kinds = counters.kinds()
    tickets: ColumnElement[int] = func.coalesce(func.sum(kinds.c.tickets), 0)
    if wanted.snoozed is False:
        # The counters do not know who sleeps, but it is a short list.
        sleeping = filtered(select(func.count(Ticket.id)), replace(wanted, snoozed=True))
        tickets = tickets - sleeping.scalar_subquery()
    fields = {"category": wanted.category, "priority": wanted.priority, "status": wanted.status}
    conditions = [kinds.c[name].in_(sorted(words)) for name, words in fields.items() if words]
    return select(cast(func.least(tickets, most), Integer)).where(*conditions)


def by_id(ticket_id: int) -> Ticket:
    """One ticket, also one that was merged into another.

    Raises:
        NotFound: there is none with this id, or it is in the trash.
    """
    ticket = db.session.get(Ticket, ticket_id) if 0 < ticket_id <= BIGINT_MAX else None
    if ticket is None:
        raise NotFound("There is no such ticket.")
    if ticket.in_trash:
        raise NotFound(f"{ticket.reference} is in the trash.")
    return ticket


@cache
def _one() -> tuple[reading.Statement, reading.Statement]:
    ticket_id: BindParameter[int] = bindparam("ticket_id", 0, type_=BigInteger)
    not_in_trash = or_(Ticket.present, Ticket.merged_into_id.is_not(None))
    return (
        reading.compiled(LISTED.where(Ticket.id == ticket_id, not_in_trash)),
        reading.compiled(HAPPENED.where(Event.ticket_id == ticket_id)),
    )


def detail(ticket_id: int) -> tuple[Listed, list[Happened]]:
    """The ticket that `by_id` finds, and what happened to it, oldest first; both only to be shown.

    Raises:
        NotFound: there is none with this id, or it is in the trash.
    """
    ticket, events = _one()
    found = reading.rows(ticket, ticket_id=ticket_id) if 0 < ticket_id <= BIGINT_MAX else []
    if not found:
        by_id(ticket_id)  # It knows why.
        raise NotFound("There is no such ticket.")
    return Listed._make(found[0]), [Happened._make(row) for row in reading.rows(events, ticket_id=ticket_id)]


def survivor_of(ticket_id: int) -> Ticket:
    """The ticket where the conversation goes on: this one, or the one that it was merged into.

    Raises:
        NotFound: there is none with this id, or it is in the trash.
    """
    known = 0 < ticket_id <= BIGINT_MAX
    found = select(Ticket).where(Ticket.id == func.ticket_survivor(cast(ticket_id, BigInteger)))
    ticket = db.session.scalar(found) if known else None
    if ticket is None:
        raise NotFound("There is no such ticket.")
    if ticket.in_trash:
        raise NotFound(f"{ticket.reference} is in the trash.")
    return ticket


def by_link(link: str) -> Ticket:
    """The ticket behind a customer's link, which is where the conversation goes on after merging.

    Raises:
        NotFound: the link leads nowhere.
        Gone: the ticket is in the trash.
    """
    try:
        link_id = uuid.UUID(hex=link)
    except ValueError:
        raise NotFound("This link leads to no ticket.") from None
    ticket = db.session.scalar(select(Ticket).where(Ticket.link_id == link_id))
    if ticket is not None and ticket.merged_into_id is not None:
        ticket = db.session.scalar(select(Ticket).where(Ticket.id == func.ticket_survivor(ticket.id)))
    if ticket is None:
        raise NotFound("This link leads to no ticket.")
    if ticket.in_trash:
        raise Gone("Support has deleted this ticket. If you still need help, write to us again.")
    return ticket


def events_of(ticket: Ticket) -> Sequence[Event]:
    """What happened to the ticket, oldest first; for staff."""
    return db.session.scalars(select(Event).where(Event.ticket_id == ticket.id).order_by(Event.id)).all()


def public_events_of(ticket: Ticket) -> Sequence[Event]:
    """What happened to the ticket as far as its requester is told, oldest first."""
    told = Event.kind.in_(sorted(PUBLIC_EVENTS))
    return db.session.scalars(select(Event).where(Event.ticket_id == ticket.id, told).order_by(Event.id)).all()


def _groups(wanted: Filter, after: Position | None) -> Iterator[tuple[Filter, Position | None]]:
    """The groups of the list from the position on, in their order; one without words is its only group."""
    if wanted.needs_triage:
        # Said again as a status, by which stretches are found.
        wanted = replace(wanted, status=(wanted.status or ACTIVE) & ACTIVE)
        if not wanted.status:
            return
    if not (words := wanted.sort.words):
        yield wanted, after
        return
    shown = getattr(wanted, wanted.sort.field) or words
    for word in words[words.index(after.word) :] if after and after.word else words:
        if word in shown:
            only: dict[str, Any] = {wanted.sort.field: frozenset({word})}
            yield replace(wanted, **only), after if after and after.word == word else None


def _listed(wanted: Filter, most: int, *, by_stretches: bool, behind_position: bool) -> AnySelect:
    """The first rows of a list, or of one group of it, behind the position."""
    moment = getattr(Ticket, wanted.sort.moment)
    limit = reading.at_most(most)

    def ordered(statement: AnySelect, moment: Any, ticket_id: Any, *leading: Any) -> AnySelect:
        down = wanted.sort.descending
        return statement.order_by(*(key.desc() if down else key for key in (*leading, moment, ticket_id))).limit(limit)

    def behind(statement: AnySelect) -> AnySelect:
        if not behind_position:
            return statement
        here, there = tuple_(moment, Ticket.id), tuple_(_MOMENT, _ID)
        return statement.where(here < there if wanted.sort.descending else here > there)

    stretches = list(stretches_of(wanted)) if by_stretches else []
    if not stretches:
        return ordered(behind(filtered(LISTED, wanted)), moment, Ticket.id)
    parts = []
    for stretch in stretches:
        inside = select(Ticket.id, moment.label("moment")).where(*stretch.conditions).correlate(stretch.values)
        found = ordered(behind(filtered(inside, stretch.rest)), moment, Ticket.id, *stretch.leading).lateral()
        parts.append(select(found.c.id, found.c.moment).select_from(stretch.values.join(found, true())))
    merged = (union_all(*parts) if len(parts) > 1 else parts[0]).subquery()
    page = ordered(select(merged.c.id), merged.c.moment, merged.c.id).subquery()
    return ordered(LISTED.join(page, page.c.id == Ticket.id), moment, Ticket.id)
