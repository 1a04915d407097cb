"""The stretches of indexes that a filtered list is merged from.

An index has the tickets of one category, priority and status in their order,
another those of one assignee and status, and a small one those that need triage.
A filter means at most 64 of them, and the page is among the first rows of each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, String, Subquery, func, literal, select

from ticketdesk import reading
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.models import Ticket
from ticketdesk.tickets.filter import Assignee, Filter

_ANY: frozenset[Any] = frozenset()


@dataclass(frozen=True, slots=True)
class Stretches:
    """Stretches of an index, each of which has its tickets in the order of the list.

    ``values`` are ``number`` rows that name one stretch each by ``conditions``, ``leading``
    the index's columns that the planner does not know to be fixed, and ``rest``
    what is left to be filtered.
    """

    values: Subquery
    number: int
    conditions: Sequence[ColumnElement[bool]]
    rest: Filter
    leading: Sequence[Any] = ()


def stretches_of(wanted: Filter) -> Iterator[Stretches]:
    """The stretches that a filter is merged from, or none where it is better left to the planner.

    Tags and requesters have indexes of their own, and who sleeps is a short list.
    """
    if wanted.tag or wanted.requester or wanted.snoozed:
        return
    if wanted.assignee:
        yield from _stretches_of_assignees(wanted)
    elif wanted.category or wanted.priority or wanted.status:
        kinds = sorted(product(wanted.category or Category, wanted.priority or Priority, wanted.status or Status))
        values = _rows("kind", *zip(*kinds, strict=True), names=("category", "priority", "status"))
        conditions = [getattr(Ticket, name) == values.c[name] for name in ("category", "priority", "status")]
        yield Stretches(values, len(kinds), conditions, replace(wanted, category=_ANY, priority=_ANY, status=_ANY))


def _stretches_of_assignees(wanted: Filter) -> Iterator[Stretches]:
    rest = replace(wanted, assignee=_ANY, status=_ANY)
    statuses = sorted(wanted.status or Status)
    if people := wanted.people:
        held = list(product(people, statuses))
        values = _rows("held", *zip(*held, strict=True), names=("assignee_id", "status"))
        conditions = [Ticket.assignee_id == values.c.assignee_id, Ticket.status == values.c.status]
        yield Stretches(values, len(held), conditions, rest)
    if Assignee.NONE in wanted.assignee:
        values = _rows("free", statuses, names=("status",))
        conditions = [Ticket.assignee_id.is_(None), Ticket.status == values.c.status]
        yield Stretches(values, len(statuses), conditions, rest, leading=[Ticket.assignee_id])


def _rows(name: str, *columns: Sequence[Any], names: Sequence[str]) -> Subquery:
    """Rows made from their columns: one array each, so that the same number of them is the same statement."""
    arrays = [
        literal(reading.array(column), ARRAY(BigInteger if isinstance(column[0], int) else String(32)))
        for column in columns
    ]
    table = func.unnest(*arrays).table_valued(*names).render_derived()
    # The planner takes arrays that it does not see for ten rows long, and would plan anew each time where they are not.
    return select(table).limit(reading.at_most(len(columns[0]))).subquery(name)
