"""Putting tickets to sleep until a moment, and waking them."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import func, select

from ticketdesk import events
from ticketdesk.core import clock
from ticketdesk.core.actors import SYSTEM, Actor
from ticketdesk.core.errors import Conflict, FieldFault, Invalid
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.models import EventKind, Ticket
from ticketdesk.tickets.workflow import DONE

SNOOZE_MAX = timedelta(days=5 * 366)
WAKE_MOST = 500
LATER = timedelta(hours=3)
MORNING = time(9)


def snooze(ticket: Ticket, until: datetime, actor: Actor) -> bool:
    """Let a locked ticket sleep until an aware moment, and say whether it did not already until then.

    A requester's reply wakes it earlier, and so does resolving or closing it.

    Raises:
        Invalid: the moment has passed or is more than five years away.
        Conflict: the ticket is resolved or closed.
    """
    if until == ticket.snoozed_until:
        return False
    if until <= clock.now():
        raise Invalid(FieldFault("snoozed_until", "This moment has passed; choose one to come."))
    if until > clock.now() + SNOOZE_MAX:
        raise Invalid(FieldFault("snoozed_until", "A ticket can sleep for five years at most."))
    until = until.astimezone(UTC)
    if Status(ticket.status) in DONE:
        raise Conflict(f"{ticket.reference} is {ticket.status}, so there is nothing to wake it for; reopen it first.")
    before = ticket.snoozed_until
    ticket.snoozed_until = until
    events.record(
        EventKind.SNOOZED,
        ticket,
        actor,
        **{"from": before.isoformat() if before else None, "to": until.isoformat()},
    )
    return True


def offers(now: datetime) -> Sequence[tuple[str, datetime]]:
    """Moments that suit somebody for whom it is ``now`` in their own time zone, each with its name, soonest first."""
    later = (now.astimezone(UTC) + LATER).astimezone(now.tzinfo)
    if later.minute or later.second or later.microsecond:
        later = later.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)

    def morning(days: int) -> datetime:
        return datetime.combine(now.date() + timedelta(days=days), MORNING, now.tzinfo)

    # On a Sunday evening next week is tomorrow.
    monday = 7 - now.weekday()
    return [
        *([("Later today", later)] if later.date() == now.date() else []),
        ("Tomorrow morning", morning(1)),
        *([("Next week", morning(monday))] if monday > 1 else []),
    ]


def wake(ticket: Ticket, actor: Actor) -> bool:
    """End a locked ticket's sleep, and say whether it slept."""
    before = ticket.snoozed_until
    if before is None:
        return False
    ticket.snoozed_until = None
    events.record(EventKind.WOKEN, ticket, actor, **{"from": before.isoformat()})
    return True


def wake_due(*, most: int = WAKE_MOST) -> int:
    """Wake the tickets whose moment has come, the most overdue first, and return how many.

    Tickets that somebody is just changing are left for the next time, and those
    that are gone sleep on until they come back.
    """
    tickets = db.session.scalars(
        select(Ticket)
        .where(Ticket.snoozed_until <= func.now(), Ticket.present)
        .order_by(Ticket.snoozed_until, Ticket.id)
        .limit(most)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    return sum(wake(ticket, SYSTEM) for ticket in tickets)
