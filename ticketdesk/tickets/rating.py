"""What requesters say of the help they got."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from sqlalchemy import func, select

from ticketdesk import events, reading, replica
from ticketdesk.core.actors import Actor, ActorKind
from ticketdesk.core.errors import Conflict, Forbidden
from ticketdesk.core.vocabulary import Rating, Status
from ticketdesk.models import EventKind, Ticket
from ticketdesk.tickets.rules import Checker
from ticketdesk.tickets.workflow import DONE

SPAN = timedelta(days=30)
COUNTED_MOST = 5_000


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """How many of the newest ratings are good; at most `COUNTED_MOST` of the last `SPAN` are looked at."""

    good: int
    ratings: int

    @property
    def percent(self) -> int:
        """The share of the good ones, rounded down, so that 100 means all of them; 0 where there are none."""
        return 100 * self.good // self.ratings if self.ratings else 0

    @property
    def capped(self) -> bool:
        """Whether there may be more ratings than were looked at."""
        return self.ratings == COUNTED_MOST


def rate(ticket: Ticket, rating: Rating, actor: Actor, comment: str | None = None) -> bool:
    """Say how good the help on a locked ticket was, and say whether that was something new.

    A ``comment`` of None leaves an earlier one as it is, and an empty one takes it
    away. The rating stays when the ticket is opened again, so that nobody at the
    desk can get rid of it; the requester may change it once it is resolved again.

    Raises:
        Forbidden: the actor is not the requester.
        Conflict: the ticket is neither resolved nor closed.
        Invalid: the comment is too long or cannot be stored.
    """
    if actor.kind is not ActorKind.CUSTOMER:
        raise Forbidden("Only the requester rates the help they got.")
    if Status(ticket.status) not in DONE:
        raise Conflict("This ticket is open again, so there is nothing to rate yet; you can once it is resolved.")
    check = Checker()
    said = ticket.rating_comment if comment is None else check.comment(comment)
    check.done()
    before = ticket.rating
    if is_about_now(ticket) and (rating, said) == (before, ticket.rating_comment):
        return False
    ticket.rating, ticket.rating_comment, ticket.rated_at = rating, said, func.now()
    events.record(EventKind.RATED, ticket, actor, **{"from": before, "to": rating}, commented=said is not None)
    return True


def is_about_now(ticket: Ticket) -> bool:
    """Whether the ticket was rated since it was last resolved, so that there is nothing left to ask."""
    return ticket.rated_at is not None and ticket.resolved_at is not None and ticket.rated_at >= ticket.resolved_at


def satisfaction() -> Satisfaction:
    """How content requesters are of late."""
    [counted] = replica.rows(_counted(COUNTED_MOST))
    return Satisfaction(*counted)


@cache
def _counted(most: int) -> reading.Statement:
    newest = (
        select(Ticket.rating)
        .where(Ticket.rated_at > func.now() - SPAN, Ticket.present)
        .order_by(Ticket.rated_at.desc())
        .limit(reading.at_most(most))
        .subquery()
    )
    good = func.count().filter(newest.c.rating == Rating.GOOD)
    return reading.compiled(select(good, func.count()).select_from(newest))
