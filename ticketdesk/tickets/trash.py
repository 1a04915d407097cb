"""The trash: tickets that were deleted, until they are restored or gone for ever."""

from collections.abc import Sequence
from datetime import datetime

from flask import current_app
from sqlalchemy import BigInteger, cast, func, select, text, tuple_, update

from config import Settings
from ticketdesk import events
from ticketdesk.core.actors import Actor
from ticketdesk.core.errors import NotFound
from ticketdesk.extensions import db
from ticketdesk.jobs.queue import queue, task
from ticketdesk.models import Act, ActKind, Event, EventKind, Ticket
from ticketdesk.models.columns import BIGINT_MAX
from ticketdesk.tickets import acts
from ticketdesk.tickets.service import lock

PAGE_SIZE = 50
PURGED_AT_ONCE = 500

_IN_TRASH = (Ticket.gone_at.is_not(None), Ticket.merged_into_id.is_(None))

# What was merged into a ticket goes with it. Mails may be about several tickets and show the titles of all.
_DOOMED = text(
    """
    SELECT unnest(ticket_family(id)) FROM (
        SELECT id FROM ticket
        WHERE gone_at < now() - make_interval(days => :days) AND merged_into_id IS NULL
        ORDER BY gone_at LIMIT :most FOR UPDATE SKIP LOCKED
    ) AS doomed
    """
)
_PURGE = (
    "SELECT set_config('ticketdesk.purging', 'on', true)",
    "DELETE FROM outgoing_mail WHERE ticket_ids && CAST(:ids AS bigint[])"
    " OR event_id IN (SELECT id FROM event WHERE ticket_id = ANY (:ids))",
    "DELETE FROM event WHERE ticket_id = ANY (:ids)",
    "DELETE FROM message WHERE ticket_id = ANY (:ids)",
    "DELETE FROM confirmation WHERE ticket_id = ANY (:ids)",
    "DELETE FROM ai_suggestion WHERE ticket_id = ANY (:ids)",
    "DELETE FROM draft WHERE ticket_id = ANY (:ids)",
    "DELETE FROM presence WHERE ticket_id = ANY (:ids)",
    "DELETE FROM idempotency_key WHERE ticket_id = ANY (:ids)",
    "DELETE FROM ticket WHERE id = ANY (:ids)",
    "SELECT set_config('ticketdesk.purging', '', true)",
)


def trash(ticket_ids: Sequence[int], actor: Actor) -> Act | None:
    """Put tickets into the trash; those that are gone already are passed over. None where all are.

    Nothing else about them changes, and nobody is mailed.
    """
    gone = [ticket.id for ticket in lock(ticket_ids)]
    if not gone:
        return None
    db.session.execute(update(Ticket).where(Ticket.id.in_(gone)).values(gone_at=func.now()))
    recorded = events.record_many(EventKind.TRASHED, {ticket_id: {} for ticket_id in gone}, actor)
    return acts.write(ActKind.TRASH, gone, [event.id for event in recorded], actor)


def restore(ticket_ids: Sequence[int], actor: Actor) -> int:
    """Take tickets out of the trash as they were, and return how many; those that are not in it are passed over."""
    back = [ticket.id for ticket in lock(ticket_ids, present=False) if ticket.in_trash]
    if back:
        db.session.execute(update(Ticket).where(Ticket.id.in_(back)).values(gone_at=None))
        events.record_many(EventKind.RESTORED, {ticket_id: {} for ticket_id in back}, actor)
    return len(back)


def in_trash(ticket_id: int) -> Ticket:
    """A ticket that is in the trash, or the one there that it was merged into.

    Raises:
        NotFound: it is not there, or it is not in the trash.
    """
    known = 0 < ticket_id <= BIGINT_MAX
    survivor = func.ticket_survivor(cast(ticket_id, BigInteger))
    ticket = db.session.scalar(select(Ticket).where(Ticket.id == survivor, *_IN_TRASH)) if known else None
    if ticket is None:
        raise NotFound("There is no such ticket in the trash.")
    return ticket


def page(*, after: tuple[datetime, int] | None = None, most: int = PAGE_SIZE) -> Sequence[Ticket]:
    """What is in the trash, the latest first; ``after`` is the moment and the id of the last one already seen."""
    statement = select(Ticket).where(*_IN_TRASH).order_by(Ticket.gone_at.desc(), Ticket.id.desc()).limit(most)
    if after is not None:
        statement = statement.where(tuple_(Ticket.gone_at, Ticket.id) < tuple_(*after))
    return db.session.scalars(statement).all()


def deleted_by(tickets: Sequence[Ticket]) -> dict[int, str]:
    """Who put each of these into the trash, by the ticket's id."""
    last = (
        select(Event.ticket_id, Event.actor_label)
        .where(Event.ticket_id.in_([ticket.id for ticket in tickets]), Event.kind == EventKind.TRASHED)
        .order_by(Event.id)
    )
    return {row.ticket_id: row.actor_label for row in db.session.execute(last)}


@queue.periodic(cron="*/10 * * * *")
@task("trash.purge")
def purge_regularly(timestamp: int) -> None:
    """Empty the trash of what has been there for `TRASH_DAYS`; what is beyond one run's fill follows in the next."""
    settings: Settings = current_app.config["SETTINGS"]
    purge(settings.trash_days)


def purge(days: int) -> int:
    """Delete for ever what has been in the trash this long, up to 500 tickets at once, and return how many.

    With a ticket goes all that was said and done about it, its history included,
    and the tickets that were merged into it.
    """
    ids = list(db.session.scalars(_DOOMED, {"days": days, "most": PURGED_AT_ONCE}))
    if ids:
        for statement in _PURGE:
            db.session.execute(text(statement), {"ids": ids})
        db.session.expire_all()
    return len(ids)
