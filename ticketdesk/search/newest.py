"""The newest tickets that match a query, at a cost that hardly grows with the desk.

The index of words also knows which day, week, four weeks and sixteen weeks a
ticket is from. A search looks through the latest of these stretches and takes
a longer one only where the page is not full yet, so a common word costs what
its newest matches cost, and a rare one what it has.

Beginnings of words are what an index of words is bad at, because it has to
gather the tickets of all words that begin so. Where these are very many tickets,
the common ones of the words are looked up instead. Where the words are many, too,
the other words of the query lead to tickets, or else the newest ones are walked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from math import ceil
from typing import Any

from sqlalchemy import BigInteger, Subquery, select, text

from ticketdesk import reading
from ticketdesk.extensions import db
from ticketdesk.jobs.queue import queue, task
from ticketdesk.reading import Statement
from ticketdesk.search import frequencies
from ticketdesk.search.frequencies import Frequencies
from ticketdesk.search.tsquery import Group, Node, Word, any_of, words

STRETCHES = (1, 7, 28, 112)
"""Days that the stretches of the index last; migration 0019 numbers them in this order."""

# The tickets of a beginning are gathered while they are so few; that takes a millisecond.
_GATHERED_MOST = 5_000
# A beginning of more common words than these is of no use to the index.
_FORMS_MOST = 40
# A walk ends here, because a beginning that is common on the whole may have fallen out of use.
_WALK_MOST = 10_000
# So few matches are not worth a look at stretches of time, nor are more days than these.
_FEW = 1_000
_DAYS_MOST = 448
# Words are not spread evenly, so a page is looked for among more tickets than it should take, and then many more.
RESERVE, LONGER = 1.5, 5


@dataclass(frozen=True, slots=True)
class Step:
    """One way to look for a page of matches.

    ``indexed`` is what the index is asked for, None for a walk of the newest
    tickets, of which ``walked`` are passed at the most; what it finds is compared
    with ``compared``. ``days`` bounds how old a ticket may be. None is no bound.
    """

    compared: Node
    indexed: Node | None
    days: int | None = None
    walked: int | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """What a statement of a step depends on beside its values."""

    walk: bool
    within: bool
    behind: bool


def attempts(
    query: Node, *, behind: tuple[datetime, int] | None, most: int, filtered: bool = False
) -> Iterator[tuple[Shape, dict[str, Any]]]:
    """What finds the newest ``most`` tickets that match, behind a ticket's time and id: shapes for `ids` and values.

    They are to be tried one after the other until one gives as many; the last gives all there are. Where they are
    ``filtered`` after that, each gives all that match in its time.
    """
    moment, ticket_id = behind or (None, None)
    for step in steps(query, frequencies.current(), most, before=moment):
        unit = next((place for place, days in enumerate(STRETCHES) if (step.days or 0) <= 7 * days), len(STRETCHES) - 1)
        values = {
            "compared": str(step.compared),
            "indexed": str(step.indexed),
            "unit": unit + 1,
            "stretches": ceil((step.days or 0) / STRETCHES[unit]),
            "walked": step.walked,
            "moment": moment,
            "id": ticket_id,
            "most": None if filtered else most,
        }
        yield Shape(step.indexed is None, step.days is not None, behind is not None), values


@queue.periodic(cron="* * * * *")
@task("search.sort_in")
def sort_in(timestamp: int) -> None:
    """Sort new words into the index, so that neither a search reads them apart nor a customer's request does this."""
    db.session.execute(text("SELECT gin_clean_pending_list('ix_ticket_search')"))


def finds(query: Node) -> bool:
    """Whether any ticket matches."""
    return any(reading.rows(_found(shape), **values) for shape, values in attempts(query, behind=None, most=1))


@cache
def _found(shape: Shape) -> Statement:
    return reading.compiled(select(ids(shape).c.id))


def steps(query: Node, known: Frequencies, most: int, *, before: datetime | None) -> Iterator[Step]:
    """What to try one after the other until a page of what is before a moment is full; the last finds all there is."""
    query, too_common = with_common_forms(query, known)
    indexed = _leading(query, but=too_common)
    if indexed is None and too_common is None:
        # It only says what a ticket must not have, and nearly all tickets have not.
        yield Step(query, None)
        return
    if indexed is None:
        yield Step(query, None, walked=_WALK_MOST)
        indexed = query
    if known.most(indexed) * known.tickets > _FEW:
        passed, tried = RESERVE * most / max(known.share(query), 1e-9), -1
        while (days := known.days_with(passed, before)) is not None and days <= _DAYS_MOST:
            if days > tried:
                yield Step(query, indexed, days)
            passed, tried = passed * LONGER, days
    yield Step(query, indexed)


def with_common_forms(query: Node, known: Frequencies) -> tuple[Node, Word | None]:
    """The query with the common words that begin so in place of a beginning that very many tickets have.

    Where these words are many, the query as it is, and the beginning, of which an index makes nothing.
    """
    beginning = next((word for word in words(query) if word.beginning), None)
    if beginning is None or known.share(beginning) * known.tickets <= _GATHERED_MOST:
        return query, None
    forms = known.beginning_with(beginning.lexeme)
    if len(forms) > _FORMS_MOST:
        return query, beginning
    return (_replaced(query, beginning, any_of(forms)) if forms else query), None


def _leading(query: Node, but: Word | None) -> Node | None:
    """What an index of words is to be asked for a query: the part that leads to tickets, without a word of it."""
    if isinstance(query, Word):
        return None if query == but else query
    if query.operator == "&":
        parts = [part for node in query.parts if (part := _leading(node, but))]
        return Group("&", tuple(parts)) if len(parts) > 1 else parts[0] if parts else None
    if query.operator == "!" or not all(_leading(part, but) for part in query.parts):
        return None
    return query


def _replaced(query: Node, word: Word, by: Node) -> Node:
    if isinstance(query, Word):
        return by if query == word else query
    return Group(query.operator, tuple(_replaced(part, word, by) for part in query.parts))


_BEHIND = "(created_at, id) < (CAST(:moment AS timestamptz), CAST(:id AS bigint))"
_ORDER = "ORDER BY created_at DESC, id DESC"
_WITHIN = """
    ticketdesk_stretches(created_at) && ARRAY (
        SELECT generate_series(stretch - CAST(:stretches AS int), stretch) FROM (
            SELECT (ticketdesk_stretches(coalesce(CAST(:moment AS timestamptz), max(created_at))))[CAST(:unit AS int)]
                AS stretch
            FROM ticket WHERE gone_at IS NULL
        ) AS last
    )
"""


def ids(shape: Shape) -> Subquery:
    """The column ``id`` of what an attempt finds, in no order; its values are parameters."""
    place = _BEHIND if shape.behind else "true"
    if shape.walk:
        found = f"gone_at IS NULL AND {place} {_ORDER} LIMIT CAST(:walked AS bigint)"
    else:
        # OFFSET keeps the planner from walking all tickets instead, for the sake of the order, and what is not about
        # words stays behind it, or it might gather all that is present from another index first. A query in a SELECT
        # of its own is one that it does not look up in its statistics, which takes longer than a search.
        found = (
            f"search_vector @@ (SELECT CAST(:indexed AS tsquery)) AND {_WITHIN if shape.within else 'true'} OFFSET 0"
        )
    statement = text(
        f"""
        SELECT id FROM (SELECT id, created_at, search_vector, gone_at FROM ticket WHERE {found}) AS matching
        WHERE gone_at IS NULL AND search_vector @@ (SELECT CAST(:compared AS tsquery)) AND {place}
        {_ORDER} LIMIT CAST(:most AS bigint)
        """  # noqa: S608  (put together from constants)
    )
    left_open = {"compared", "most", "walked" if shape.walk else "indexed"}
    left_open |= {"moment", "id"} if shape.behind else set()
    left_open |= {"moment", "unit", "stretches"} if shape.within else set()
    return statement.bindparams(**dict.fromkeys(left_open)).columns(id=BigInteger).subquery("found")
