"""Which mails follow from an event; `reactions` calls these, in the event's own transaction.

A mail that has not left yet takes in what follows: an answer that also resolves
the ticket is one mail, and so is the assignment of fifty tickets at once.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any

from flask import current_app
from psycopg.types.json import Jsonb
from sqlalchemy import bindparam, exists, func, insert, select

from config import Settings
from ticketdesk import reading
from ticketdesk.accounts import customers
from ticketdesk.attachments import service as attachments
from ticketdesk.core.actors import ActorKind
from ticketdesk.events import Happened
from ticketdesk.extensions import db
from ticketdesk.jobs.queue import enqueue
from ticketdesk.mail import compose, subscriptions
from ticketdesk.mail.addresses import greeting_name, header_text, mailbox, reply_address, thread_id
from ticketdesk.mail.delivery import send
from ticketdesk.models import (
    Event,
    EventKind,
    MailKind,
    MailState,
    Message,
    MessageKind,
    OutgoingMail,
    Staff,
    Ticket,
    reference_of,
)
from ticketdesk.tickets import markdown, serialize

# As long as tickets for a mailbox keep coming closer together than this, only the first is receipted.
RECEIPT_PAUSE = timedelta(minutes=15)
MAILBOX_LOCK = 7_402_116_004
# As many links as one asks for who does not see the first ones at once; more would be a stranger's doing.
SIGN_IN_MOST = 4
DEMO_SENTENCE = "This is a demo ticket, and its address is made up."
LISTED_MAX = 20
REFERENCES_MAX = 10

# Headers of mails that no person wrote: they ask for no answer by a machine (RFC 3834, and Exchange's own way).
AUTOMATIC = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}


def receipt(event: Happened, ticket: Ticket) -> None:
    """Tell a requester that their ticket has come in."""
    if ticket.requester_email is None:
        return
    mail = _to_requester(event, ticket, MailKind.RECEIPT)
    mail.headers |= AUTOMATIC | {"Message-ID": _thread_id(ticket)}
    if _written_lately(mail, RECEIPT_PAUSE):
        minutes = RECEIPT_PAUSE.seconds // 60
        mail.state = MailState.SKIPPED
        mail.last_error = f"This address had a receipt less than {minutes} minutes before, so that nobody can flood it."
    _post(mail, ticket=ticket, **_for_requester(ticket))


def reply(event: Happened, ticket: Ticket) -> None:
    """Bring a requester what the desk has answered."""
    message = db.session.get_one(Message, event.data["message"])
    if message.kind != MessageKind.REPLY or message.author_kind == ActorKind.CUSTOMER or ticket.requester_email is None:
        return
    mail = _to_requester(event, ticket, MailKind.REPLY)
    mail.headers |= {"Message-ID": message.message_id} | _references(ticket, before=message)
    _post(mail, ticket=ticket, **_for_requester(ticket), **_said(message), status=None)


def status(event: Happened, ticket: Ticket) -> None:
    """Tell a requester how their ticket stands now, unless they changed it themselves.

    An answer that has not left yet says it as well; a mail of its own is the desk's choice.
    """
    settings: Settings = current_app.config["SETTINGS"]
    if event.actor_kind == ActorKind.CUSTOMER or ticket.requester_email is None:
        return
    waiting = _not_gone_yet(ticket.requester_email, MailKind.REPLY, MailKind.STATUS, ticket=ticket)
    if waiting is None:
        if not settings.mail_status_changes:
            return
        mail = _to_requester(event, ticket, MailKind.STATUS)
        mail.headers |= AUTOMATIC | _references(ticket) | subscriptions.headers(ticket.requester_email)
        if mail.state == MailState.WAITING and subscriptions.is_unsubscribed(ticket.requester_email):
            mail.state, mail.last_error = MailState.SKIPPED, subscriptions.SENTENCE
        _post(mail, **_standing(ticket, ticket.status))
        return
    _write_status(waiting, ticket, ticket.status)


def sign_in(ticket: Ticket) -> None:
    """Send a requester who asks for it a link to the list of their tickets, of which this is the newest.

    It goes to the address as it stands on the ticket, however it was typed now: two
    spellings that are compared as one need not be one mailbox everywhere.
    """
    if ticket.requester_email is None:
        return
    mail = _mail(MailKind.SIGN_IN, ticket.requester_email)
    if _written_lately(mail, customers.LINK_LIFE) >= SIGN_IN_MOST:
        return
    mail.headers |= AUTOMATIC
    if _is_demo(ticket):
        mail.state, mail.last_error = MailState.SKIPPED, DEMO_SENTENCE
    key = customers.make_link_key(ticket.requester_email)
    url = f"{current_app.config['PUBLIC_URL']}/my/link/{key}"
    _post(mail, url=url, minutes=customers.LINK_LIFE.seconds // 60)


def assignment(event: Happened, ticket: Ticket) -> None:
    """Tell an agent that a ticket is theirs now, unless they took it themselves."""
    agent_id = event.data["to_id"]
    if agent_id is None or (event.actor_kind == ActorKind.STAFF and event.actor_id == agent_id) or _is_demo(ticket):
        return
    agent = db.session.get_one(Staff, agent_id)
    mail = _not_gone_yet(agent.email, MailKind.ASSIGNMENT)
    if mail is None:
        mail = _mail(MailKind.ASSIGNMENT, agent.email, agent.name, about=(event, ticket))
        mail.headers |= AUTOMATIC
    elif ticket.id not in mail.ticket_ids:
        mail.ticket_ids = [*mail.ticket_ids, ticket.id]
    shown = _assigned(mail, agent, event.actor_label)
    if mail.id is None:
        _post(mail, **shown)
    else:
        compose.write(mail, **shown)


def take_back(events: Sequence[Happened]) -> None:
    """Leave out of the mails that have not left yet what was undone, and those that tell nothing else.

    One that a worker has in hand just now leaves as it is.
    """
    undone = {event.ticket_id: event for event in events}
    waiting = db.session.scalars(
        select(OutgoingMail)
        .where(OutgoingMail.state == MailState.WAITING, OutgoingMail.ticket_ids.overlap(list(undone)))
        .with_for_update(skip_locked=True, of=OutgoingMail)
    ).all()
    for mail in waiting:
        if mail.kind == MailKind.ASSIGNMENT:
            _take_back_assignment(mail, undone)
        elif mail.kind in {MailKind.REPLY, MailKind.STATUS}:
            _take_back_status(mail, undone[mail.ticket_ids[0]])
    db.session.flush()


def _take_back_assignment(mail: OutgoingMail, undone: Mapping[int, Happened]) -> None:
    agent = db.session.scalars(select(Staff).where(Staff.email == mail.recipient)).one()
    back = {
        ticket_id
        for ticket_id, event in undone.items()
        if event.data["fields"].get("assignee", {}).get("from_id") == agent.id
    }
    left = [ticket_id for ticket_id in mail.ticket_ids if ticket_id not in back]
    if not left:
        _skip_undone(mail)
    elif len(left) < len(mail.ticket_ids):
        mail.ticket_ids = left
        compose.write(mail, **_assigned(mail, agent, db.session.get_one(Event, mail.event_id).actor_label))


def _take_back_status(mail: OutgoingMail, event: Happened) -> None:
    if "status" not in event.data["fields"]:
        return
    if mail.event_id in event.data["undoes"]:
        _skip_undone(mail)
    else:
        ticket = db.session.get_one(Ticket, event.ticket_id)
        # Whether an answer told of the status before, nobody knows any more; without it, it is true.
        _write_status(mail, ticket, None if mail.kind == MailKind.REPLY else ticket.status)


def _skip_undone(mail: OutgoingMail) -> None:
    mail.state = MailState.SKIPPED
    mail.last_error = "What it was to tell was undone before it left."


def _write_status(mail: OutgoingMail, ticket: Ticket, status: str | None) -> None:
    """Write a mail to a requester anew, with the answer that it brings, if any, and how the ticket stands."""
    shown = _standing(ticket, status)
    if mail.kind == MailKind.REPLY and mail.event is not None:
        shown |= _said(db.session.get_one(Message, mail.event.data["message"]))
    compose.write(mail, **shown)


def _standing(ticket: Ticket, status: str | None) -> dict[str, object]:
    return _for_requester(ticket) | {
        "ticket": ticket,
        "status": status,
        "unsubscribe_url": subscriptions.unsubscribe_url(ticket.requester_email or ""),
    }


def _assigned(mail: OutgoingMail, agent: Staff, by: str) -> dict[str, object]:
    listed = db.session.execute(
        select(Ticket.id, Ticket.title, Ticket.priority)
        .where(Ticket.id.in_(mail.ticket_ids[:LISTED_MAX]))
        .order_by(Ticket.id)
    ).all()
    return {
        "name": greeting_name(agent.name),
        "by": by,
        "count": len(mail.ticket_ids),
        "tickets": [(reference_of(row.id), row.title, row.priority, _console_url(row.id)) for row in listed],
    }


def _to_requester(event: Happened, ticket: Ticket, kind: MailKind) -> OutgoingMail:
    settings: Settings = current_app.config["SETTINGS"]
    mail = _mail(kind, ticket.requester_email or "", ticket.requester_name, about=(event, ticket))
    if settings.mail_reply_address is not None:
        answers = reply_address(settings.mail_reply_address, ticket.id, settings.secret_key)
        mail.headers |= {"Reply-To": answers}
    if _is_demo(ticket, event):
        mail.state, mail.last_error = MailState.SKIPPED, DEMO_SENTENCE
    return mail


def _mail(
    kind: MailKind, recipient: str, name: str | None = None, *, about: tuple[Happened, Ticket] | None = None
) -> OutgoingMail:
    event, ticket = about or (None, None)
    cause = event.id if event else uuid.uuid4().hex
    return OutgoingMail(
        event_id=event.id if event else None,
        kind=kind,
        ticket_ids=[ticket.id] if ticket else [],
        recipient=recipient,
        recipient_name=header_text(name or "") or None,
        mailbox=mailbox(recipient),
        headers={"Message-ID": f"<mail-{cause}.{kind}@{_domain()}>"},
        state=MailState.WAITING,
    )


_WRITTEN = (
    "event_id", "kind", "ticket_ids", "recipient", "recipient_name", "mailbox",
    "subject", "text", "html", "headers", "state", "last_error",
)  # fmt: skip


@cache
def _new() -> reading.Statement:
    values: dict[str, Any] = {name: bindparam(name) for name in _WRITTEN}
    return reading.compiled(insert(OutgoingMail).values(values).returning(OutgoingMail.id))


def _post(mail: OutgoingMail, **shown: object) -> None:
    """Write a mail and have it sent; past the session, because most new tickets bring one and nobody asks for it."""
    compose.write(mail, **shown)
    values = {name: getattr(mail, name) for name in _WRITTEN}
    [(mail_id,)] = reading.written(_new(), **values | {"headers": Jsonb(mail.headers)})
    if mail.state == MailState.WAITING:
        enqueue(send, mail_id=mail_id)


def _for_requester(ticket: Ticket) -> dict[str, object]:
    return {
        "name": greeting_name(ticket.requester_name),
        "url": serialize.customer_url(ticket, current_app.config["PUBLIC_URL"]),
    }


def _said(message: Message) -> dict[str, object]:
    files = attachments.of_messages([message.id]).get(message.id, ())
    return {
        "said": message.body,
        "said_html": markdown.render(message.body),
        "files": [file.name for file in files],
    }


@cache
def _any_waiting() -> reading.Statement:
    waiting = OutgoingMail.state == MailState.WAITING
    return reading.compiled(select(OutgoingMail.id).where(OutgoingMail.mailbox == bindparam("mailbox", ""), waiting))


def _not_gone_yet(recipient: str, *kinds: MailKind, ticket: Ticket | None = None) -> OutgoingMail | None:
    """The newest mail to the recipient that no worker has in hand, locked against them; perhaps one about a ticket."""
    if not reading.rows(_any_waiting(), mailbox=mailbox(recipient)):
        return None  # As nearly always, and found out in a fraction of the time.
    statement = select(OutgoingMail).where(
        OutgoingMail.mailbox == mailbox(recipient),
        OutgoingMail.recipient == recipient,
        OutgoingMail.kind.in_(kinds),
        OutgoingMail.state == MailState.WAITING,
    )
    if ticket is not None:
        statement = statement.where(OutgoingMail.ticket_ids == [ticket.id])
    # One that another transaction is writing to is passed over, so that no two wait for each other.
    return db.session.scalar(
        statement.order_by(OutgoingMail.id.desc()).limit(1).with_for_update(skip_locked=True, of=OutgoingMail)
    )


@cache
def _lately() -> tuple[reading.Statement, reading.Statement]:
    """Has those who ask about the same mailbox wait for each other, and counts; the count must begin after the wait."""
    locked = func.pg_advisory_xact_lock(func.hashtextextended(bindparam("mailbox", ""), MAILBOX_LOCK))
    counted = select(func.count()).where(
        OutgoingMail.mailbox == bindparam("mailbox", ""),
        OutgoingMail.kind == bindparam("kind", ""),
        OutgoingMail.created_at > func.now() - bindparam("span", timedelta()),
    )
    return reading.compiled(select(locked)), reading.compiled(counted)


def _written_lately(mail: OutgoingMail, span: timedelta) -> int:
    """How many mails of this kind the mailbox was written in the span; two at once ask one after the other."""
    locked, counted = _lately()
    reading.written(locked, mailbox=mail.mailbox)
    [(lately,)] = reading.written(counted, mailbox=mail.mailbox, kind=mail.kind, span=span)
    return int(lately)


def _is_demo(ticket: Ticket, event: Happened | None = None) -> bool:
    """Whether a ticket is the demo's, which the event by which it was opened says; that may be the one at hand."""
    if event is not None and event.kind == EventKind.CREATED:
        return bool(event.data.get("demo"))
    made_up = exists().where(
        Event.ticket_id == ticket.id, Event.kind == EventKind.CREATED, Event.data.contains({"demo": True})
    )
    return bool(db.session.scalar(select(made_up)))


def _references(ticket: Ticket, *, before: Message | None = None) -> dict[str, str]:
    """The headers by which mail programs show a conversation as one (RFC 5322, 3.6.4)."""
    statement = select(Message.message_id).where(
        Message.ticket_id == ticket.id,
        Message.kind == MessageKind.REPLY,
        Message.author_kind != ActorKind.CUSTOMER,
    )
    if before is not None:
        statement = statement.where(Message.id < before.id)
    last = db.session.scalars(statement.order_by(Message.id.desc()).limit(REFERENCES_MAX)).all()
    mailed = [_thread_id(ticket), *reversed(last)]
    return {"In-Reply-To": mailed[-1], "References": " ".join(mailed)}


def _thread_id(ticket: Ticket) -> str:
    settings: Settings = current_app.config["SETTINGS"]
    return thread_id(ticket.id, settings.secret_key, _domain())


def _domain() -> str:
    settings: Settings = current_app.config["SETTINGS"]
    return settings.mail_from.rpartition("@")[2]


def _console_url(ticket_id: int) -> str:
    return f"{current_app.config['PUBLIC_URL']}/staff/tickets/{ticket_id}"
