"""What staff are still writing, kept on the server while they type."""

from collections.abc import Mapping

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from ticketdesk.extensions import db
from ticketdesk.models import Draft, MessageKind, Staff, Ticket
from ticketdesk.tickets.rules import Checker


def save_draft(staff: Staff, ticket: Ticket, kind: MessageKind, body: str) -> None:
    """Keep what somebody has written so far; nothing but white space clears the draft.

    Raises:
        Invalid: the text is too long or cannot be stored.
    """
    if not body.strip():
        clear_draft(staff, ticket, kind)
        return
    check = Checker()
    body = check.draft(body)
    check.done()
    row = {"staff_id": staff.id, "ticket_id": ticket.id, "kind": kind, "body": body}
    changed = {"body": body, "updated_at": func.now()}
    db.session.execute(insert(Draft).values(row).on_conflict_do_update(constraint="pk_draft", set_=changed))


def clear_draft(staff: Staff, ticket: Ticket, kind: MessageKind) -> None:
    """Forget a draft, as the door does in the transaction that sends it."""
    db.session.execute(
        delete(Draft).where(Draft.staff_id == staff.id, Draft.ticket_id == ticket.id, Draft.kind == kind)
    )


def drafts_of(staff: Staff, ticket: Ticket) -> Mapping[MessageKind, str]:
    """What somebody has begun to write on a ticket."""
    rows = db.session.execute(
        select(Draft.kind, Draft.body).where(Draft.staff_id == staff.id, Draft.ticket_id == ticket.id)
    )
    return {MessageKind(row.kind): row.body for row in rows}
