"""Tags: short words that staff put on tickets to find them again."""

from collections.abc import Iterable, Sequence

from sqlalchemy import exists, select
from sqlalchemy.dialects.postgresql import array, insert

from ticketdesk import events
from ticketdesk.core.actors import Actor
from ticketdesk.core.text import is_storable
from ticketdesk.extensions import db
from ticketdesk.models import EventKind, Tag, Ticket
from ticketdesk.tickets.rules import Checker, tidy_tag

COMPLETIONS = 10


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


def tags_starting_with(typed: str, *, most: int = COMPLETIONS) -> Sequence[str]:
    """Tags in use that begin with what was typed, in the order of the alphabet; all tags where nothing was."""
    beginning = tidy_tag(typed)
    if not is_storable(beginning):
        return []
    # In the collation of the tickets' tags, or their index could not be asked.
    used = exists().where(Ticket.tags.contains(array([Tag.name.collate("default")])))
    return db.session.scalars(
        select(Tag.name).where(Tag.name.startswith(beginning, autoescape=True), used).order_by(Tag.name).limit(most)
    ).all()
