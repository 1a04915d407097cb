"""Tickets that read like one, for staff and programs: whoever may open one ticket may open all of them."""

import re
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from ticketdesk.ai.words import fold
from ticketdesk.extensions import db
from ticketdesk.models import Ticket
from ticketdesk.search.similar import similar_tickets

SHOWN = 5

# "sign-in" is a word of its own for the search, and so are its parts.
_WORDS = re.compile(r"(?=(\w+(?:-\w+)*))\w+")


@dataclass(frozen=True, slots=True)
class Alike:
    """A ticket that reads like another one: how much, from 0 to 1, and the words of both, as the other one has them."""

    ticket: Ticket
    score: float
    shared_words: tuple[str, ...]


def similar_to(ticket: Ticket) -> list[Alike]:
    """Up to five tickets that read most like this one, the nearest first."""
    found = similar_tickets(db.session.connection(), ticket.id, most=SHOWN)
    tickets = {
        each.id: each
        for each in db.session.scalars(
            select(Ticket)
            .where(Ticket.id.in_([similar.ticket_id for similar in found]))
            .options(joinedload(Ticket.assignee))
        )
    }
    written = _as_written(f"{ticket.title}\n{ticket.description}")
    return [
        Alike(
            tickets[similar.ticket_id],
            similar.score,
            tuple(written.get(word, word) for word in similar.shared_words),
        )
        for similar in found
    ]


def _as_written(text: str) -> dict[str, str]:
    """The words of a text by their folded form, each as it is first written there."""
    words: dict[str, str] = {}
    for match in _WORDS.finditer(text):
        for word in (match[1], match[0]):
            words.setdefault(fold(word), word)
    return words
