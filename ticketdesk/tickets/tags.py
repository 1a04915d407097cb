"""Tags: short words that staff put on tickets to find them again."""

from collections.abc import Iterable, Sequence
from functools import cache

from sqlalchemy import exists, select
from sqlalchemy.dialects.postgresql import array, insert

from ticketdesk import events, reading, replica
from ticketdesk.core.actors import Actor
from ticketdesk.extensions import db
from ticketdesk.models import EventKind, Tag, Ticket
from ticketdesk.tickets.rules import Checker

OFFERED_MAX = 200
"""How many tags pages offer to choose from."""


def set_tags(ticket: Ticket, tags: Iterable[str], actor: Actor) -> bool:
    """Give a locked ticket these tags and no others, and say whether it had different ones.

    Raises:
        Invalid: a tag cannot be used, or there are too many.
    """
    check = Checker()
    tidy = check.tags(tags)
    check.done()
    before = list(ticket.tags)
    if tidy == before:
        return False
    ticket.tags = tidy
    remember(tidy)
    events.record(EventKind.TAGS_CHANGED, ticket, actor, **{"from": before, "to": tidy})
    return True


def remember(tags: Sequence[str]) -> None:
    """Let tidy tags be completed from now on."""
    if tags:
        # In one order for all, so that two who bring the same new tags do not wait for each other in a circle.
        rows = [{"name": tag} for tag in sorted(tags)]
        db.session.execute(insert(Tag).values(rows).on_conflict_do_nothing())


def offered() -> Sequence[str]:
    """The tags in use, in the order of the alphabet, `OFFERED_MAX` at the most."""
    return [name for (name,) in replica.rows(_offered())]


@cache
def _offered() -> reading.Statement:
    # In the collation of the tickets' tags, or their index could not be asked.
    used = exists().where(Ticket.tagged, Ticket.tags.contains(array([Tag.name.collate("default")])))
    return reading.compiled(select(Tag.name).where(used).order_by(Tag.name).limit(reading.at_most(OFFERED_MAX)))
