"""What staff write on a ticket's page: read from the form, sent, and given back where it was stopped."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from markupsafe import Markup

from ticketdesk.attachments import service as attachments
from ticketdesk.attachments.policy import FIELD
from ticketdesk.attachments.service import Received
from ticketdesk.attachments.waiting import FIELD as WAITING
from ticketdesk.attachments.waiting import Waiting, read_words
from ticketdesk.core.errors import Conflict, Invalid
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.gate import caller
from ticketdesk.models import Attachment, CannedReply, MessageKind, Staff, Ticket
from ticketdesk.staff.reading import Files, Form, me, read_id, read_word
from ticketdesk.tickets import assignment, canned, drafts, idempotency, markdown, service, variables
from ticketdesk.tickets.canned import NO_EFFECT, Effect
from ticketdesk.tickets.conversation import AnsweredMeanwhile
from ticketdesk.tickets.thread import Post


@dataclass(frozen=True, slots=True)
class Composer:
    """What stands in the box for writing.

    ``texts`` holds what was typed for each kind of message, and ``effect`` what
    changes with it once it is sent. ``newer`` holds what was said meanwhile and
    stopped the reply, ``fault`` why the text cannot be sent. ``waiting`` holds the
    files that were taken in, and ``refused`` why others were not. ``nonce`` is made
    for each page, so that sending it twice says it once.
    """

    kind: MessageKind = MessageKind.REPLY
    texts: Mapping[MessageKind, str] = field(default_factory=dict)
    effect: Effect = NO_EFFECT
    newer: Sequence[Post] = ()
    fault: str = ""
    waiting: Sequence[Waiting] = ()
    refused: Sequence[str] = ()
    nonce: str = field(default_factory=secrets.token_urlsafe)


@dataclass(frozen=True, slots=True)
class Sent:
    """What was done, in a sentence, and the id of the message, if there is one."""

    sentence: str
    message_id: int | None


@dataclass(frozen=True, slots=True)
class Offered:
    """A canned reply as it is offered for a ticket: its text is filled in."""

    canned: CannedReply
    text: str
    effect: Effect


def begun(ticket: Ticket) -> Composer:
    """The box with what the caller has begun to write earlier, if anything."""
    kept = drafts.drafts_of(me(), ticket)
    only_a_note = MessageKind.NOTE in kept and MessageKind.REPLY not in kept
    return Composer(MessageKind.NOTE if only_a_note else MessageKind.REPLY, kept)


def take_in(form: Form, files: Files) -> Received:
    """Take in the files that the box brings. It ends the transaction, because storing may take a while."""
    db.session.rollback()
    received = attachments.receive(files.getlist(FIELD), read_words(form.getlist(WAITING)))
    db.session.commit()
    return received


def returned(
    form: Form, received: Received, *, newer: Sequence[Post] = (), stopped: Invalid | Conflict | None = None
) -> Composer:
    """The box as it was sent, with those of its files that were taken in, and why it was stopped."""
    texts = {kind: form.get(kind, "") for kind in MessageKind}
    faults = stopped.faults if isinstance(stopped, Invalid) else ()
    fault = " ".join(fault.message for fault in faults if fault.field != FIELD)
    if isinstance(stopped, Conflict):
        fault = str(stopped)
    refused = [fault.message for fault in faults if fault.field == FIELD]
    return Composer(_kind(form), texts, _effect(form), newer, fault, attachments.still(received.waiting), refused)


def inserted(ticket: Ticket, form: Form, received: Received) -> Composer:
    """The box as it was sent, with a canned reply behind what was typed; for browsers without a script.

    Raises:
        NotFound: the canned reply is not there, or not the caller's.
    """
    box = returned(form, received, stopped=Invalid(*received.faults) if received.faults else None)
    if not form.get("canned"):
        return replace(box, fault="Choose a canned reply to insert.")
    picked = offer(canned.canned_reply(read_id(form["canned"]) or 0, me()), ticket)
    text = "\n\n".join(part for part in (box.texts[box.kind].rstrip(), picked.text) if part)
    return replace(box, texts={**box.texts, box.kind: text}, effect=picked.effect or box.effect)


def offered(ticket: Ticket) -> Sequence[Offered]:
    """The canned replies that the caller can use on the ticket."""
    return [offer(each, ticket) for each in canned.canned_replies_for(me())]


def offer(each: CannedReply, ticket: Ticket) -> Offered:
    """A canned reply for a ticket. One with a variable that is no longer known stays as it is, and is stopped later."""
    text = each.body or ""
    if not variables.faults(text):
        text = variables.fill(text, ticket, caller().actor)
    return Offered(each, text, canned.effect_of(each))


def preview(ticket: Ticket, form: Form) -> Markup:
    """What was typed as its readers will see it.

    Raises:
        Invalid: a variable is unknown or not closed.
    """
    kind = _kind(form)
    text = form.get(kind, "")
    return markdown.render(text) if kind is MessageKind.NOTE else canned.preview(text, ticket, caller().actor)


def send(ticket_id: int, form: Form, received: Received) -> Sent:
    """Say what the form holds, once however often it is sent.

    Raises:
        Invalid: the text or a file cannot be sent.
        AnsweredMeanwhile: there are messages that the author has not seen.
        NotFound: there is no such ticket.
    """
    kind, effect, staff = _kind(form), _effect(form), me()
    status = read_word("status", Status, form) if kind is MessageKind.REPLY else None
    nonce = form.get("nonce") or secrets.token_urlsafe()
    digest = idempotency.digest(
        "message", str(staff.id), str(ticket_id), nonce, kind, form.get(kind, ""), *received.identity
    )
    done = idempotency.earlier_answer(digest, digest)
    if not done:
        try:
            received.all_taken()
            ticket = service.locked(ticket_id)
            files = attachments.claim(received.waiting)
            done = {"id": _say(ticket, kind, effect, status, form, files)}
            idempotency.claim(_sent_with(staff, ticket_id, nonce), "", ticket, {})
            if idempotency.claim(digest, digest, ticket, done):
                db.session.commit()
        except (AnsweredMeanwhile, Invalid):
            # What is new may be this very reply, sent with these files by the first of two clicks.
            db.session.rollback()
            done = idempotency.earlier_answer(digest, digest)
            if not done:
                raise
        db.session.rollback()
    effect = replace(effect, status=status or effect.status)
    return Sent(_sentence(kind, effect, said=done["id"] is not None), done["id"])


def keep(ticket_id: int, form: Form) -> None:
    """Keep what the caller has written so far, for when they come back, unless it is sent.

    Raises:
        Invalid: a text is too long or cannot be stored.
        NotFound: there is no such ticket.
    """
    staff = me()
    # This may arrive while what it holds is being sent. The lock lets one wait for the other to be finished.
    ticket = service.locked(ticket_id)
    if idempotency.earlier_answer(_sent_with(staff, ticket_id, form.get("nonce", "")), "") is None:
        for kind in MessageKind:
            drafts.save_draft(staff, ticket, kind, form.get(kind, ""))
    db.session.commit()


def chips(effect: Effect) -> Sequence[tuple[str, str, str]]:
    """What an effect changes, one by one: the field, its value in the form, and the word for it."""
    found = [(name, word, word) for name in ("status", "priority", "category") if (word := getattr(effect, name))]
    if effect.assignee is not None:
        found.append(("assignee", str(effect.assignee.id), effect.assignee.name))
    return [*found, *(("tag", tag, tag) for tag in effect.tags)]


def _say(
    ticket: Ticket, kind: MessageKind, effect: Effect, status: Status | None, form: Form, files: Sequence[Attachment]
) -> int | None:
    staff, seen = me(), read_id(form.get("seen", "")) or 0
    message = canned.send(
        ticket,
        kind,
        form.get(kind, ""),
        caller().actor,
        effect,
        status=status,
        expected_last_message_id=seen,
        files=files,
    )
    drafts.clear_draft(staff, ticket, kind)
    # What was begun in the other box stays for the next time.
    other = MessageKind.REPLY if kind is MessageKind.NOTE else MessageKind.NOTE
    drafts.save_draft(staff, ticket, other, form.get(other, ""))
    return message.id if message else None


def _sent_with(staff: Staff, ticket_id: int, nonce: str) -> str:
    """The key under which it is known that the box of a page was sent."""
    return idempotency.digest("box", str(staff.id), str(ticket_id), nonce)


def _sentence(kind: MessageKind, effect: Effect, *, said: bool) -> str:
    if not said:
        return "The ticket is changed."
    sentence = "Your note is added" if kind is MessageKind.NOTE else "Your reply is sent"
    if effect == Effect(status=Status.RESOLVED):
        return f"{sentence}, and the ticket is resolved."
    return f"{sentence}, and the ticket is changed." if effect else f"{sentence}."


def _kind(form: Form) -> MessageKind:
    return MessageKind.NOTE if form.get("kind") == MessageKind.NOTE else MessageKind.REPLY


def _effect(form: Form) -> Effect:
    """What is pending in the box, as a macro brought it.

    Raises:
        Invalid: a value is none of its field.
    """
    assignee = form.get("set_assignee")
    return Effect(
        read_word("set_status", Status, form),
        read_word("set_priority", Priority, form),
        read_word("set_category", Category, form),
        assignment.agent(read_id(assignee) or 0) if assignee else None,
        tuple(tag for tag in form.getlist("set_tag") if tag),
    )
