"""How common words are, by the statistics of the search index; how many tickets came when, and of which kinds."""

import sys
import time
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from itertools import accumulate
from math import prod

from ticketdesk import reading
from ticketdesk.extensions import db
from ticketdesk.reading import Statement
from ticketdesk.search.tsquery import Node, Word

_KEPT = 60.0
_UNKNOWN = 0.001
# Of the tickets that have two words, about so many have one behind the other.
_FOLLOW = 0.05

_STATISTICS = Statement(
    b"""
    SELECT greatest(reltuples, 0) AS tickets, most_common_elems::text::text[] AS lexemes,
        most_common_elem_freqs AS shares
    FROM pg_class LEFT JOIN pg_stats
        ON schemaname = current_schema() AND tablename = 'ticket' AND attname = 'search_vector'
    WHERE oid = 'ticket'::regclass
    """,
    {},
    plan_for_values=False,
)
# Without what the counters have not folded in yet, which are the latest few.
_DAYS = Statement(b"SELECT day, tickets FROM ticket_day WHERE tickets > 0", {}, plan_for_values=False)
_KINDS = Statement(
    b"SELECT category, priority, status, tickets FROM ticket_total WHERE tickets > 0", {}, plan_for_values=False
)

Kind = tuple[str, str, str]
"""A category, a priority and a status."""


@dataclass(frozen=True, slots=True, eq=False)
class Frequencies:
    """How many tickets there are, when they came, and the share of them that has each of the common words.

    What was read at different times is not equal, so that it can be told apart at once.
    """

    tickets: float
    days: Sequence[int]
    """On which tickets came, in UTC and as `date.toordinal` numbers them."""
    until: Sequence[int]
    """How many had come when each of these days was over."""
    lexemes: tuple[str, ...]
    """In their order."""
    shares: tuple[float, ...]
    rare: float
    """The share of a word that is not among them."""
    kinds: Mapping[Kind, int] = field(default_factory=dict)
    """How many tickets there are of each kind."""

    def days_with(self, tickets: float, before: datetime | None) -> int | None:
        """How many days to go back from the latest, or from a moment, to pass so many tickets; None if there are fewer.

        Counted and not reckoned from what comes a day: a desk grows, and is closed over the holidays.
        """
        last = len(self.days) if before is None else bisect_right(self.days, before.astimezone(UTC).toordinal())
        if last == 0 or self.until[last - 1] < tickets:
            return None
        first = bisect_right(self.until, self.until[last - 1] - tickets, hi=last - 1)
        return self.days[last - 1] - self.days[first]

    def share_of(self, category: Collection[str], priority: Collection[str], status: Collection[str]) -> float:
        """The share of tickets that are of any of the kinds, where no words for a field mean all."""
        asked = (category, priority, status)
        meant = sum(
            tickets
            for kind, tickets in self.kinds.items()
            if all(not words or word in words for words, word in zip(asked, kind, strict=True))
        )
        return meant / (sum(self.kinds.values()) or 1)

    def share(self, node: Node) -> float:
        """The share of tickets that a query finds, were its words spread over them independently of each other."""
        if isinstance(node, Word):
            return self._share_of_word(node)
        parts = [self.share(part) for part in node.parts]
        if node.operator == "!":
            return 1 - parts[0]
        if node.operator == "|":
            return 1 - prod(1 - part for part in parts)
        return prod(parts) * (_FOLLOW ** (len(parts) - 1) if node.operator.startswith("<") else 1)

    def most(self, node: Node) -> float:
        """The share that a query finds at the most, however its words go together."""
        if isinstance(node, Word):
            return self._share_of_word(node)
        if node.operator == "!":
            return 1.0
        parts = [self.most(part) for part in node.parts]
        return min(sum(parts), 1.0) if node.operator == "|" else min(parts)

    def beginning_with(self, letters: str) -> Sequence[str]:
        """The common words that begin so, in their order."""
        return self.lexemes[self._places(letters)]

    def _places(self, letters: str) -> slice:
        # No lexeme holds the last of all characters, so this is behind whatever begins with the letters.
        return slice(bisect_left(self.lexemes, letters), bisect_left(self.lexemes, letters + chr(sys.maxunicode)))

    def _share_of_word(self, word: Word) -> float:
        if word.beginning:
            return 1 - (1 - self.rare) * prod(1 - share for share in self.shares[self._places(word.lexeme)])
        place = bisect_left(self.lexemes, word.lexeme)
        return self.shares[place] if self.lexemes[place : place + 1] == (word.lexeme,) else self.rare


def edition() -> tuple[str, int]:
    """Of which database, and of which minute, is what `current` gives: what follows from it is kept by this name."""
    return str(db.engine.engine.url), int(time.monotonic() / _KEPT)


def current() -> Frequencies:
    """The frequencies of the desk's database, which are read anew each minute."""
    return _read(*edition())


@lru_cache(maxsize=2)
def _read(_database: str, _minute: int) -> Frequencies:
    [(tickets, lexemes, shares)] = reading.rows(_STATISTICS)
    days = sorted(reading.rows(_DAYS))
    # Behind the shares of the lexemes stand the least and the greatest of them.
    common = sorted(zip(lexemes or (), shares or (), strict=False))
    return Frequencies(
        tickets=tickets,
        days=array("q", (day.toordinal() for day, _ in days)),
        until=array("q", accumulate(count for _, count in days)),
        lexemes=tuple(lexeme for lexeme, _ in common),
        shares=tuple(share for _, share in common),
        rare=min((share for _, share in common), default=2 * _UNKNOWN) / 2,
        kinds={(category, priority, status): count for category, priority, status, count in reading.rows(_KINDS)},
    )
