"""What a list of tickets shows: the filter, and the conditions that it means in SQL."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, String, and_, bindparam, func, literal, or_
from sqlalchemy.orm import InstrumentedAttribute

from ticketdesk.core.vocabulary import Category, Priority, SetBy, Status
from ticketdesk.models import Staff, Ticket
from ticketdesk.search.query import matching, read
from ticketdesk.tickets.pages import Sort
from ticketdesk.tickets.workflow import ACTIVE

AnySelect = Select[*tuple[Any, ...]]


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
    only ones (True), are left out (False) or do not matter. ``needs_triage`` leaves
    the active ones whose category neither a person nor an engine has chosen.
    ``best`` has the best matches of the search come first, whatever the order; see `tickets.best`.
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
    needs_triage: bool = False
    search: str = ""
    sort: Sort = Sort.NEWEST
    best: bool = False

    def seen_by(self, staff: Staff) -> "Filter":
        """The same with the viewer in the place of ``me``."""
        if Assignee.ME not in self.assignee:
            return self
        return replace(self, assignee=self.assignee - {Assignee.ME} | {staff.id})

    @property
    def people(self) -> list[int]:
        """The ids of the staff whose tickets it shows.

        Raises:
            ValueError: ``me`` was not replaced by the viewer; without one it would mean everybody's.
        """
        if Assignee.ME in self.assignee:
            raise ValueError("Nobody looks at this list; call seen_by first.")
        return sorted(who for who in self.assignee if isinstance(who, int))

    @property
    def only_kinds(self) -> bool:
        """Whether it goes by category, priority, status and sleep alone, so that counters know how many it shows."""
        kinds = Filter(self.category, self.priority, self.status, snoozed=self.snoozed, sort=self.sort, best=self.best)
        return self == kinds and not self.snoozed

    @property
    def but_for_search(self) -> "Filter":
        """The same without its search."""
        return replace(self, search="", best=False)

    @property
    def hangs_on_values(self) -> bool:
        """Whether its list is to be planned for its values.

        How common a word, a tag or a requester is decides between reading its matches
        and walking the list until a page is full; a plan made for any word reads a
        million tickets for a rare one.
        """
        return bool(self.search or self.tag or self.requester)


def filtered(statement: AnySelect, wanted: Filter) -> AnySelect:
    """The statement, about the tickets that the filter shows and no others; none that is gone is shown."""
    conditions: list[ColumnElement[bool] | None] = [
        _any_of(Ticket.category, wanted.category),
        _any_of(Ticket.priority, wanted.priority),
        _any_of(Ticket.status, wanted.status),
        _assigned(wanted),
        and_(Ticket.tagged, Ticket.tags.overlap(sorted(wanted.tag))) if wanted.tag else None,
        func.lower(Ticket.requester_email) == wanted.requester.lower() if wanted.requester else None,
        Ticket.created_at >= wanted.created_after if wanted.created_after else None,
        Ticket.created_at < wanted.created_before if wanted.created_before else None,
        _sleeping(wanted.snoozed),
        _unsorted() if wanted.needs_triage else None,
        matching(asked) if (asked := read(wanted.search)) else None,
    ]
    return statement.where(Ticket.present, *(condition for condition in conditions if condition is not None))


def _any_of(column: InstrumentedAttribute[str], words: frozenset[Any]) -> ColumnElement[bool] | None:
    return column.in_(_spelt_out(words)) if words else None


def _spelt_out(words: frozenset[Any]) -> BindParameter[list[Any]]:
    """Words for the planner to see: it knows which are rare, and which indexes hold them alone."""
    return bindparam(None, sorted(words), expanding=True, literal_execute=True)


def _sleeping(wanted: bool | None) -> ColumnElement[bool] | None:
    if wanted is None:
        return None
    return Ticket.snoozed_until.is_not(None) if wanted else Ticket.snoozed_until.is_(None)


def _unsorted() -> ColumnElement[bool]:
    """What needs triage, as the indexes say it that hold such tickets alone."""
    nobody = literal(SetBy.DEFAULT.value, String, literal_execute=True)
    return and_(Ticket.category_set_by == nobody, Ticket.status.in_(_spelt_out(ACTIVE)))


def _assigned(wanted: Filter) -> ColumnElement[bool] | None:
    conditions = [Ticket.assignee_id.in_(wanted.people)] if wanted.people else []
    if Assignee.NONE in wanted.assignee:
        conditions.append(Ticket.assignee_id.is_(None))
    return or_(*conditions) if conditions else None
