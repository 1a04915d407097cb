"""How common words are, by the statistics that PostgreSQL keeps of the search index."""

import sys
import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
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
        most_common_elem_freqs AS shares,
        (SELECT extract(epoch FROM max(created_at) - min(created_at)) / 86400 FROM ticket WHERE gone_at IS NULL) AS days
    FROM pg_class LEFT JOIN pg_stats
        ON schemaname = current_schema() AND tablename = 'ticket' AND attname = 'search_vector'
    WHERE oid = 'ticket'::regclass
    """,
    {},
    plan_for_values=False,
)


@dataclass(frozen=True, slots=True)
class Frequencies:
    """How many tickets there are, how many come a day, and the share of them that has each of the common words."""

    tickets: float
    per_day: float
    lexemes: tuple[str, ...]
    """In their order."""
    shares: tuple[float, ...]
    rare: float
    """The share of a word that is not among them."""

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


def current() -> Frequencies:
    """The frequencies of the desk's database, which are read anew each minute."""
    return _read(str(db.engine.engine.url), int(time.monotonic() / _KEPT))


@lru_cache(maxsize=4)
def _read(_database: str, _minute: int) -> Frequencies:
    [(tickets, lexemes, shares, days)] = reading.rows(_STATISTICS)
    # Behind the shares of the lexemes stand the least and the greatest of them.
    common = sorted(zip(lexemes or (), shares or (), strict=False))
    return Frequencies(
        tickets=tickets,
        per_day=tickets / max(float(days or 0), 1.0),
        lexemes=tuple(lexeme for lexeme, _ in common),
        shares=tuple(share for _, share in common),
        rare=min((share for _, share in common), default=2 * _UNKNOWN) / 2,
    )
