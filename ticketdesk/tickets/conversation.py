"""The verbs of a conversation: replies, which the requester reads, and notes, which stay at the desk."""

import uuid
from collections.abc import Sequence
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy import select

from ticketdesk import events
from ticketdesk.attachments.service import attach
from ticketdesk.core.actors import Actor, ActorKind
from ticketdesk.core.errors import Conflict, Forbidden
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.models import Attachment, Channel, EventKind, Message, MessageKind, Ticket
from ticketdesk.tickets.rules import Checker
from ticketdesk.tickets.service import change_status
from ticketdesk.tickets.snooze import wake
from ticketdesk.tickets.thread import Post, posts_of
from ticketdesk.tickets.workflow import DONE

DESK = frozenset({ActorKind.STAFF, ActorKind.TOKEN})


class AnsweredMeanwhile(Conflict):
    """Something was said that the author had not seen; ``posts`` holds it, oldest first, for the author to read."""

    def __init__(self, posts: Sequence[Post]) -> None:
        super().__init__("Something new was said on this ticket while you wrote; read it, then send your reply again.")
        self.posts = posts


def add_reply(
    ticket: Ticket,
    body: str,
    actor: Actor,
    channel: Channel,
    *,
    status: Status | None = None,
    expected_last_message_id: int | None = None,
    files: Sequence[Attachment] = (),
) -> Message:
    """Say something that the requester and the desk read, on a locked ticket.

    Where there are ``files``, which are claimed, they may say it all.

    ``status`` is set in the same act. Without it, a requester's reply reopens a
    ticket that is resolved or closed: what they still have to say is answered
    better there than on a second ticket. It also wakes one that sleeps. The
    desk's first reply is its first response.

    ``expected_last_message_id`` is the last message that the author has seen, 0
    where they have seen the description alone.

    Raises:
        Invalid: the body is empty, too long or cannot be stored.
        AnsweredMeanwhile: there are messages behind the last one that the author has seen.
    """
    from_requester = actor.kind is ActorKind.CUSTOMER
    if expected_last_message_id is not None:
        _refuse_if_answered(ticket, expected_last_message_id, notes=not from_requester)
    message = _add(ticket, MessageKind.REPLY, body, actor, channel, files)
    events.record(EventKind.REPLIED, ticket, actor, message=message.id, channel=channel)
    if actor.kind in DESK and ticket.first_response_at is None:
        ticket.first_response_at = message.created_at
    if status is None and from_requester and Status(ticket.status) in DONE:
        status = Status.OPEN
    if status is not None:
        change_status(ticket, status, actor)
    if from_requester:
        wake(ticket, actor)
    db.session.flush()
    return message


def add_note(ticket: Ticket, body: str, actor: Actor, channel: Channel, *, files: Sequence[Attachment] = ()) -> Message:
    """Say something that only the desk reads, on a locked ticket; ``files`` may say it all.

    Raises:
        Invalid: the body is empty, too long or cannot be stored.
        Forbidden: the actor is a customer, who could not read it again.
    """
    if actor.kind is ActorKind.CUSTOMER:
        raise Forbidden("Notes are written by the desk alone.")
    message = _add(ticket, MessageKind.NOTE, body, actor, channel, files)
    events.record(EventKind.NOTED, ticket, actor, message=message.id, channel=channel)
    return message


def _add(
    ticket: Ticket, kind: MessageKind, body: str, actor: Actor, channel: Channel, files: Sequence[Attachment]
) -> Message:
    check = Checker()
    body = check.body(body, needed=not files)
    check.done()
    message = Message(
        ticket_id=ticket.id,
        kind=kind,
        channel=channel,
        author_kind=actor.kind,
        author_id=actor.id,
        author_label=actor.label,
        body=body,
        message_id=new_message_id(),
    )
    db.session.add(message)
    db.session.flush()
    attach(files, message)
    # The trigger that makes the message's words findable has changed the ticket's row.
    db.session.expire(ticket, ["version", "updated_at"])
    return message


def _refuse_if_answered(ticket: Ticket, seen: int, *, notes: bool) -> None:
    statement = select(Message).where(Message.ticket_id == ticket.id, Message.id > seen).order_by(Message.id)
    if not notes:
        statement = statement.where(Message.kind == MessageKind.REPLY)
    if newer := db.session.scalars(statement).all():
        raise AnsweredMeanwhile(posts_of(newer))


def new_message_id() -> str:
    """A Message-ID after RFC 5322; an IPv6 address stands in brackets as a domain literal."""
    host = urlsplit(current_app.config["PUBLIC_URL"]).hostname or "localhost"
    domain = f"[IPv6:{host}]" if ":" in host else host.encode("idna").decode("ascii")
    return f"<{uuid.uuid4().hex}@{domain}>"
