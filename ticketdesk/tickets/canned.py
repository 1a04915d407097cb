"""Canned replies and macros: answers that are written once, with the changes that go with them.

Who picks one changes its text and drops changes before it is sent, so what is
sent is a text and an `Effect` and not the canned reply itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from ticketdesk.core.actors import Actor
from ticketdesk.core.errors import FieldFault, Invalid, NotFound
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.models import Attachment, CannedReply, Channel, Message, MessageKind, Staff, Ticket
from ticketdesk.models.canned_reply import CANNED_TITLE_MAX, SHORTCUT_MAX
from ticketdesk.models.columns import BIGINT_MAX
from ticketdesk.tickets import markdown, variables
from ticketdesk.tickets.conversation import add_note, add_reply
from ticketdesk.tickets.rules import Checker
from ticketdesk.tickets.service import Changes, change
from ticketdesk.tickets.sharing import check_may_change, visible_to
from ticketdesk.tickets.tags import remember


@dataclass(frozen=True, slots=True)
class NewCannedReply:
    """What a canned reply is to be; fields that stay None are left alone when it is used."""

    title: str
    body: str = ""
    shortcut: str = ""
    status: Status | None = None
    priority: Priority | None = None
    category: Category | None = None
    assignee: Staff | None = None
    tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """What changes along with a message; None leaves a field alone, and tags are added to those that there are."""

    status: Status | None = None
    priority: Priority | None = None
    category: Category | None = None
    assignee: Staff | None = None
    tags: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.status or self.priority or self.category or self.assignee or self.tags)

    def on(self, ticket: Ticket) -> Changes:
        """The changes that this makes to a ticket."""
        return Changes(
            category=self.category,
            priority=self.priority,
            status=self.status,
            assignee=self.assignee,
            tags=[*ticket.tags, *self.tags] if self.tags else None,
        )


NO_EFFECT = Effect()


def canned_replies_for(staff: Staff) -> Sequence[CannedReply]:
    """The canned replies that somebody can use, by title."""
    return db.session.scalars(
        select(CannedReply)
        .where(visible_to(CannedReply.owner_id, staff.id))
        .order_by(func.lower(CannedReply.title), CannedReply.id)
    ).all()


def canned_reply(canned_id: int, staff: Staff) -> CannedReply:
    """A canned reply that is shared or somebody's own.

    Raises:
        NotFound: there is none with this id, or it is somebody else's.
    """
    found = db.session.get(CannedReply, canned_id) if 0 < canned_id <= BIGINT_MAX else None
    if found is None or found.owner_id not in {None, staff.id}:
        raise NotFound("There is no such canned reply; it may have been deleted.")
    return found


def create_canned_reply(new: NewCannedReply, by: Staff, *, shared: bool = False) -> CannedReply:
    """Keep an answer for later use.

    Raises:
        Invalid: a value cannot be used; all are named.
        Forbidden: it is to be shared, and the person is no admin.
    """
    owner_id = None if shared else by.id
    check_may_change(owner_id, by)
    canned = CannedReply(owner_id=owner_id)
    _fill(canned, new)
    return canned


def change_canned_reply(canned: CannedReply, new: NewCannedReply, by: Staff, *, shared: bool | None = None) -> None:
    """Make a canned reply what ``new`` says, and with ``shared`` everybody's or the person's own; None lets that be.

    Raises:
        Invalid: a value cannot be used; all are named.
        Forbidden, NotFound: it is not the person's to change, or to share.
    """
    check_may_change(canned.owner_id, by)
    if shared is not None and shared != (canned.owner_id is None):
        owner_id = None if shared else by.id
        check_may_change(owner_id, by)
        canned.owner_id = owner_id
    _fill(canned, new)


def delete_canned_reply(canned: CannedReply, by: Staff) -> None:
    """Forget a canned reply; what was sent with it stays.

    Raises:
        Forbidden, NotFound: it is not the person's to change.
    """
    check_may_change(canned.owner_id, by)
    db.session.delete(canned)
    db.session.flush()


def preview(body: str, ticket: Ticket, agent: Actor) -> Markup:
    """What the requester will see of a text with variables.

    Raises:
        Invalid: a variable is unknown or not closed; all are named.
    """
    return markdown.render(variables.fill(body, ticket, agent))


def effect_of(canned: CannedReply) -> Effect:
    """What a canned reply changes; nothing, unless it is a macro."""
    return Effect(
        Status(canned.status) if canned.status else None,
        Priority(canned.priority) if canned.priority else None,
        Category(canned.category) if canned.category else None,
        canned.assignee,
        tuple(canned.tags),
    )


def send(
    ticket: Ticket,
    kind: MessageKind,
    body: str,
    actor: Actor,
    effect: Effect = NO_EFFECT,
    *,
    status: Status | None = None,
    expected_last_message_id: int | None = None,
    files: Sequence[Attachment] = (),
) -> Message | None:
    """Say something and carry out what goes with it, in one act, on a locked ticket; returns what was said.

    The variables of a reply are filled in. A note, which may be about them, is
    said as it is. With an effect and without ``files``, which are claimed, the text
    may be missing, and nothing is said. ``status`` is set along with what is said,
    over the effect's, and does not stand for it.

    Raises:
        Invalid: the text cannot be sent, a variable in it is unknown, or the assignee's account was switched off.
        AnsweredMeanwhile: there are messages behind the last one that the author of a reply has seen.
    """
    message = None
    if effect and not body.strip() and not files:
        pass
    elif kind is MessageKind.NOTE:
        message = add_note(ticket, body, actor, Channel.STAFF, files=files)
    else:
        body = variables.fill(body, ticket, actor)
        message = add_reply(
            ticket, body, actor, Channel.STAFF, expected_last_message_id=expected_last_message_id, files=files
        )
    change(ticket, replace(effect, status=status or effect.status).on(ticket), actor)
    return message


def _fill(canned: CannedReply, new: NewCannedReply) -> None:
    check = Checker()
    title = check.line("title", new.title, CANNED_TITLE_MAX, "Give the canned reply a title.")
    body = check.body(new.body) if new.body.strip() else None
    shortcut = check.shortcut(new.shortcut, SHORTCUT_MAX)
    tags = check.tags(new.tags)
    check.faults.extend(variables.faults(body or ""))
    if body is None and not (new.status or new.priority or new.category or new.assignee or tags):
        check.faults.append(FieldFault("body", "Write a text, or choose something to change."))
    check.done()
    canned.title, canned.body, canned.shortcut, canned.tags = title, body, shortcut, tags
    canned.status, canned.priority, canned.category = new.status, new.priority, new.category
    canned.assignee = new.assignee
    remember(tags)
    db.session.add(canned)
    try:
        db.session.flush()
    except IntegrityError as error:
        if "uq_canned_reply_shortcut" not in str(error.orig):
            raise
        raise Invalid(FieldFault("shortcut", f"“/{shortcut}” leads to another canned reply already.")) from None
