"""Shows where a text has the words of a search.

Found in the text as it is folded for the index, and shown in the text as it was
written: Crème is marked for creme. Pure, but for fetching the messages of a
page's tickets. What staff read: notes are among the messages.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from sqlalchemy import text

from ticketdesk.extensions import db
from ticketdesk.search.query import Query
from ticketdesk.search.tsquery import Group, Node, Word, words

SNIPPET_MAX = 140
"""Characters of a text that are shown."""
MESSAGES_MAX = 20
"""The newest messages of a ticket that are looked through."""

_BEFORE = 30

_MESSAGES = text(
    """
    SELECT ticket.id, best.kind, best.body FROM unnest(CAST(:ids AS bigint[])) AS ticket (id), LATERAL (
        SELECT kind, body, ts_rank(to_tsvector('simple', ticketdesk_fold(body)), CAST(:query AS tsquery)) AS rank, id
        FROM (
            SELECT id, kind, body FROM message WHERE ticket_id = ticket.id ORDER BY id DESC LIMIT :most
        ) AS newest
        WHERE to_tsvector('simple', ticketdesk_fold(body)) @@ CAST(:query AS tsquery)
        ORDER BY rank DESC, id DESC LIMIT 1
    ) AS best
    """
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text; ``hit`` where it is one of the words."""

    text: str
    hit: bool = False


@dataclass(frozen=True, slots=True)
class Snippet:
    """What a search shows of a ticket: its title, and the part of its texts that has most of the words.

    ``source`` is ``reply`` or ``note`` where that part is of a message.
    """

    title: tuple[Piece, ...]
    text: tuple[Piece, ...]
    source: str = ""


class Texts(Protocol):
    """A ticket, as a list has it."""

    @property
    def id(self) -> int:
        """Its id."""

    @property
    def title(self) -> str:
        """Its title."""

    @property
    def description(self) -> str:
        """Its description."""


def of(tickets: Iterable[Texts], asked: Query) -> Mapping[int, Snippet]:
    """What to show of the tickets of a page, by their ids."""
    sought = list(words(asked.words))
    tickets = list(tickets)
    found = {ticket.id: _hits(ticket.description, sought) for ticket in tickets}
    # Whether every word of a ticket is in its title and description is not known, but whether all asked for are.
    lacking = [each.id for each in tickets if len({hit.word for hit in found[each.id]}) < len(set(sought))]
    messages = _messages(lacking, sought)
    snippets = {}
    for ticket in tickets:
        shown, source, hits = ticket.description, "", found[ticket.id]
        if ticket.id in messages:
            kind, body = messages[ticket.id]
            there = _hits(body, sought)
            if len({hit.word for hit in there}) > len({hit.word for hit in hits}):
                shown, source, hits = body, kind, there
        title = _pieces(ticket.title, _hits(ticket.title, sought), 0, len(ticket.title))
        snippets[ticket.id] = Snippet(title, _cut(shown, hits), source)
    return snippets


def marked(shown: str, sought: Sequence[Word]) -> Sequence[Piece]:
    """The part of a text with most of the words, in pieces."""
    return _cut(shown, _hits(shown, sought))


def places_of(word: Word, shown: str) -> Sequence[tuple[int, int]]:
    """Where a text has a word: from which character to which."""
    return [(hit.start, hit.end) for hit in _hits(shown, [word])]


@dataclass(frozen=True, slots=True)
class _Hit:
    start: int
    end: int
    word: str


def _messages(ticket_ids: Sequence[int], sought: Sequence[Word]) -> Mapping[int, tuple[str, str]]:
    """The kind and the text of the message of each ticket that has most of the words."""
    if not ticket_ids or not sought:
        return {}
    any_word: Node = sought[0] if len(sought) == 1 else Group("|", tuple(sought))
    bounds = {"ids": list(ticket_ids), "query": str(any_word), "most": MESSAGES_MAX}
    return {row.id: (row.kind, row.body) for row in db.session.execute(_MESSAGES, bounds)}


def _hits(shown: str, sought: Sequence[Word]) -> list[_Hit]:
    """Where the words are, from the beginning on."""
    if not sought:
        return []
    folded, places = _fold(shown)
    hits = []
    for match in _pattern(tuple(sought)).finditer(folded):
        start, end = (match.start(), match.end()) if places is None else (places[match.start()], places[match.end()])
        hits.append(_Hit(start, max(end, start + 1), match[0]))
    return hits


@lru_cache(maxsize=64)
def _pattern(sought: tuple[Word, ...]) -> re.Pattern[str]:
    # The longest first, so that an address is marked as a whole and not only by its first word.
    ordered = sorted(set(sought), key=lambda word: -len(word.lexeme))
    return re.compile(
        "|".join(rf"(?<!\w){re.escape(word.lexeme)}" + (r"\w*" if word.beginning else r"(?!\w)") for word in ordered)
    )


def _fold(shown: str) -> tuple[str, Sequence[int] | None]:
    """The text as `ticketdesk_fold` makes it, and which character of the text each of its characters is from.

    None instead of the places where they are the same.
    """
    if shown.isascii():
        return shown.lower(), None
    folded, places = [], []
    for place, character in enumerate(shown):
        for letter in _folded(character):
            folded.append(letter)
            places.append(place)
    return "".join(folded), [*places, len(shown)]


@lru_cache(maxsize=4096)
def _folded(character: str) -> str:
    apart = unicodedata.normalize("NFKD", character).lower()
    return "".join(letter for letter in apart if not "\u0300" <= letter <= "\u036f").replace("ß", "ss")


def _cut(shown: str, hits: Sequence[_Hit]) -> tuple[Piece, ...]:
    """So much of the text as fits, from where most of the words are near each other."""
    if len(shown) <= SNIPPET_MAX:
        return _pieces(shown, hits, 0, len(shown))
    start = 0
    if hits:
        best = max(hits, key=lambda first: (len({hit.word for hit in _near(hits, first)}), -first.start))
        if max(hit.end for hit in _near(hits, best)) > SNIPPET_MAX:
            start = shown.find(" ", max(best.start - _BEFORE, 0), best.start) + 1 or best.start
    end = min(start + SNIPPET_MAX, len(shown))
    if end < len(shown):
        end = max(shown.rfind(" ", start, end), end - _BEFORE)
    pieces = _pieces(shown, hits, start, end)
    return (*([Piece("… ")] if start else []), *pieces, *([Piece(" …")] if end < len(shown) else []))


def _near(hits: Sequence[_Hit], first: _Hit) -> list[_Hit]:
    """The word and those behind it that a snippet has room for."""
    end = max(first.end, first.start + SNIPPET_MAX - 2 * _BEFORE)
    return [hit for hit in hits if first.start <= hit.start and hit.end <= end]


def _pieces(shown: str, hits: Sequence[_Hit], start: int, end: int) -> tuple[Piece, ...]:
    pieces, place = [], start
    for hit in hits:
        if hit.start < place or hit.end > end:
            continue
        if hit.start > place:
            pieces.append(Piece(shown[place : hit.start]))
        pieces.append(Piece(shown[hit.start : hit.end], hit=True))
        place = hit.end
    return (*pieces, *([Piece(shown[place:end])] if place < end else []))
