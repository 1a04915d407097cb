"""Keyset pages: the orders a list can have, and where the next page starts.

A page starts behind the last row's sort key, found in an index, so it costs
what it shows, however deep it lies.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import orjson

from ticketdesk.core.errors import FieldFault, Invalid
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.models.columns import BIGINT_MAX
from ticketdesk.tickets.rows import Listed

PAGE_SIZE = 50
PAGE_MAX = 200

Key = TypeVar("Key")
Word = Category | Priority | Status

# The words of a field in their order, and how a cursor names each.
_KEYS: dict[str, Mapping[Word, int | str]] = {
    "priority": {word: word.rank + 1 for word in Priority},
    "status": {word: word.rank + 1 for word in Status},
    "category": {word: word.value for word in sorted(Category)},
}


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

    @property
    def field(self) -> str:
        """What the list is sorted by."""
        return self.value.removeprefix("-")

    @property
    def reversed(self) -> "Sort":
        """The same order from its other end."""
        return Sort(self.value.removeprefix("-") if self.descending else f"-{self.value}")

    @property
    def words(self) -> Sequence[Word]:
        """The words of the field in this order, where it has words; the list is then one group after the other."""
        words = tuple(_KEYS.get(self.field, ()))
        return words[::-1] if self.descending else words

    @property
    def moment(self) -> str:
        """The column of the time that decides within a group, or everywhere where there are no groups."""
        return "created_at" if self.words else self.field


@dataclass(frozen=True, slots=True)
class Position:
    """A row's place in a list: its word where the list is sorted by words, its time and its id."""

    word: Word | None
    moment: datetime
    id: int


def position_of(row: Any, sort: Sort) -> Position:
    """Where a ticket, or a row of a list, stands in this order."""
    word = _read_word(_KEYS[sort.field][getattr(row, sort.field)], sort) if sort.words else None
    return Position(word, getattr(row, sort.moment), row.id)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows; ``next`` is the cursor of the page behind it, if there is one."""

    rows: Sequence[Listed]
    next: str | None


def cut(rows: Sequence[Listed], limit: int, sort: Sort) -> Page:
    """The page that these rows make, of which there is one more than the limit where another page follows."""
    return Page(rows[:limit], _write_cursor(rows[limit - 1], sort) if len(rows) > limit else None)


def read_cursor(cursor: str, sort: Sort) -> Position:
    """The position that a cursor holds.

    Raises:
        Invalid: the cursor is not one that a list in this order gave out.
    """

    def position(*parts: Any) -> Position:
        *first, moment, ticket_id = parts
        if len(first) != bool(sort.words):
            raise ValueError(first)
        return Position(_read_word(first[0], sort) if first else None, read_moment(moment), read_id(ticket_id))

    return unpack(cursor, sort, position)


def _write_cursor(row: Listed, sort: Sort) -> str:
    first = [_KEYS[sort.field][getattr(row, sort.field)]] if sort.words else []
    return pack(sort, *first, getattr(row, sort.moment), row.id)


def pack(made_for: str, *parts: Any) -> str:
    """The cursor that holds these parts of a sort key, for lists of the one order it is made for."""
    return base64.urlsafe_b64encode(orjson.dumps([made_for, *parts])).decode().rstrip("=")


def unpack(cursor: str, made_for: str, read: Callable[..., Key]) -> Key:
    """What ``read`` makes of the parts that a cursor holds; it raises ValueError or TypeError for what it did not pack.

    Nothing in a cursor is secret, and changing it reaches nothing that the filter does
    not show anyway, so every part is checked and none is signed.

    Raises:
        Invalid: the cursor is not one that a list in this order gave out.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        order, *parts = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if order != made_for:
            raise ValueError(cursor)
        return read(*parts)
    except (ValueError, TypeError, OverflowError):
        fault = FieldFault("cursor", "This cursor does not belong to this list; start again without it.")
        raise Invalid(fault) from None


def _read_word(value: Any, sort: Sort) -> Word:
    for word, key in _KEYS[sort.field].items():
        if type(value) is type(key) and value == key:
            return word
    raise ValueError(value)


def read_moment(value: Any) -> datetime:
    """The time that a part of a cursor is.

    Raises:
        ValueError, TypeError: it is none, or one without a zone.
    """
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError(value)
    return moment


def read_id(value: Any) -> int:
    """The id that a part of a cursor is.

    Raises:
        ValueError: it is none.
    """
    if type(value) is not int or not 0 < value <= BIGINT_MAX:
        raise ValueError(value)
    return value
