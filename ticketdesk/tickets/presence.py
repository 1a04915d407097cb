"""Who has a ticket open. An open page tells it every few seconds, so silence means that it was closed."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, text

from ticketdesk.extensions import db
from ticketdesk.models import Presence, Staff, Ticket

HERE_SECONDS = 20
NOTED_SECONDS = 8

# One statement: who opens a ticket also leaves behind the ones they had open before. What was noted just now is not
# written again, because open pages tell it every few seconds.
_NOTE = text(
    """
    WITH left_behind AS (
        DELETE FROM presence
        WHERE staff_id = :staff_id AND ticket_id <> :ticket_id AND seen_at < now() - make_interval(secs => :here)
    )
    INSERT INTO presence (ticket_id, staff_id, typing, seen_at) VALUES (:ticket_id, :staff_id, :typing, now())
    ON CONFLICT (ticket_id, staff_id) DO UPDATE SET typing = excluded.typing, seen_at = excluded.seen_at
    WHERE presence.typing <> excluded.typing OR presence.seen_at < now() - make_interval(secs => :noted)
    """
)


@dataclass(frozen=True, slots=True)
class Present:
    """Somebody who has the ticket open."""

    staff_id: int
    name: str
    typing: bool


def note_presence(ticket_id: int, staff: Staff, *, typing: bool = False) -> None:
    """Say that somebody has the ticket open, and whether they are writing."""
    values = {
        "ticket_id": ticket_id,
        "staff_id": staff.id,
        "typing": typing,
        "here": HERE_SECONDS,
        "noted": NOTED_SECONDS,
    }
    db.session.execute(_NOTE, values)


def who_is_here(ticket: Ticket, *, besides: Staff) -> Sequence[Present]:
    """Who else has had the ticket open within the last 20 seconds, by name."""
    rows = db.session.execute(
        select(Presence.staff_id, Staff.name, Presence.typing)
        .join(Staff, Staff.id == Presence.staff_id)
        .where(
            Presence.ticket_id == ticket.id,
            Presence.staff_id != besides.id,
            Presence.seen_at > text("now() - make_interval(secs => :here)").bindparams(here=HERE_SECONDS),
        )
        .order_by(Staff.name, Staff.id)
    )
    return [Present(row.staff_id, row.name, row.typing) for row in rows]
