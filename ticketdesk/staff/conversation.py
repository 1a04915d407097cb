"""What staff write on a ticket's page: read from the form, sent, and given back where it was stopped."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.gate import caller
from ticketdesk.models import Channel, Message, MessageKind, Staff, Ticket
from ticketdesk.staff.reading import Form, read_id, read_words
from ticketdesk.tickets import conversation, drafts, idempotency, service
from ticketdesk.tickets.conversation import AnsweredMeanwhile
from ticketdesk.tickets.thread import Post


@dataclass(frozen=True, slots=True)
class Composer:
    """What stands in the box for writing.

    ``texts`` holds what was typed for each kind of message. ``newer`` holds what
    was said meanwhile and stopped the reply, ``fault`` why the text cannot be sent.
    ``nonce`` is made for each page, so that sending it twice says it once.
    """

    kind: MessageKind = MessageKind.REPLY
    texts: Mapping[MessageKind, str] = field(default_factory=dict)
    newer: Sequence[Post] = ()
    fault: str = ""
    nonce: str = field(default_factory=secrets.token_urlsafe)


def begun(ticket: Ticket) -> Composer:
    """The box with what the caller has begun to write earlier, if anything."""
    kept = drafts.drafts_of(_me(), ticket)
    only_a_note = MessageKind.NOTE in kept and MessageKind.REPLY not in kept
    return Composer(MessageKind.NOTE if only_a_note else MessageKind.REPLY, kept)


def returned(form: Form, *, newer: Sequence[Post] = (), fault: str = "") -> Composer:
    """The box as it was sent."""
    return Composer(_kind(form), {kind: form.get(kind, "") for kind in MessageKind}, newer, fault)


def send(ticket_id: int, form: Form) -> str:
    """Say what the form holds, once however often it is sent, and return the sentence that tells so.

    Raises:
        Invalid: the text cannot be sent.
        AnsweredMeanwhile: there are messages that the author has not seen.
        NotFound: there is no such ticket.
    """
    kind, staff = _kind(form), _me()
    nonce = form.get("nonce") or secrets.token_urlsafe()
    digest = idempotency.digest("message", str(staff.id), str(ticket_id), nonce, kind, form.get(kind, ""))
    if not idempotency.earlier_answer(digest, digest):
        try:
            ticket = service.locked(ticket_id)
            message = _say(ticket, kind, form, staff)
            if idempotency.claim(digest, digest, ticket, {"id": message.id}):
                db.session.commit()
        except AnsweredMeanwhile:
            # What is new may be this very reply, sent by the first of two clicks.
            db.session.rollback()
            if not idempotency.earlier_answer(digest, digest):
                raise
        db.session.rollback()
    if kind is MessageKind.NOTE:
        return "Your note is added."
    return "Your reply is sent, and the ticket is resolved." if _status(form) else "Your reply is sent."


def keep(ticket: Ticket, form: Form) -> None:
    """Keep what the caller has written so far, for when they come back.

    Raises:
        Invalid: a text is too long or cannot be stored.
    """
    for kind in MessageKind:
        drafts.save_draft(_me(), ticket, kind, form.get(kind, ""))
    db.session.commit()


def _say(ticket: Ticket, kind: MessageKind, form: Form, staff: Staff) -> Message:
    actor, body = caller().actor, form.get(kind, "")
    if kind is MessageKind.NOTE:
        message = conversation.add_note(ticket, body, actor, Channel.STAFF)
    else:
        seen = read_id(form.get("seen", "")) or 0
        message = conversation.add_reply(
            ticket, body, actor, Channel.STAFF, status=_status(form), expected_last_message_id=seen
        )
    drafts.clear_draft(staff, ticket, kind)
    # What was begun in the other box stays for the next time.
    other = MessageKind.REPLY if kind is MessageKind.NOTE else MessageKind.NOTE
    drafts.save_draft(staff, ticket, other, form.get(other, ""))
    return message


def _kind(form: Form) -> MessageKind:
    return MessageKind.NOTE if form.get("kind") == MessageKind.NOTE else MessageKind.REPLY


def _status(form: Form) -> Status | None:
    return next(iter(read_words("status", Status, [form.get("status", "")])), None)


def _me() -> Staff:
    staff = caller().staff
    if staff is None:
        raise LookupError("The gate lets nobody but staff in here.")
    return staff
