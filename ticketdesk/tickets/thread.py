"""Reading a conversation. Customers are shown `public_thread` and nothing else of this module."""

from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from markupsafe import Markup
from sqlalchemy import ARRAY, BigInteger, any_, bindparam, func, select, true

from ticketdesk import reading, replica
from ticketdesk.attachments import service as attachments
from ticketdesk.core.actors import CUSTOMER, Actor, ActorKind
from ticketdesk.extensions import db
from ticketdesk.models import Attachment, Channel, Event, EventKind, Message, MessageKind, Ticket
from ticketdesk.tickets import markdown

PAGE_SIZE = 50

# What is said stands in the thread itself.
_SAID = frozenset({EventKind.REPLIED, EventKind.NOTED})


@dataclass(frozen=True, slots=True)
class Post:
    """One message as a page shows it; the description is one without an id and a channel.

    ``merged`` is the reference of the ticket whose description it is, and ``title``
    its title, where that was merged into the one that is shown.
    """

    id: int | None
    kind: MessageKind
    author: Actor
    channel: Channel | None
    body: str
    created_at: datetime
    files: Sequence[Attachment] = ()
    merged: str | None = None
    title: str | None = None

    @property
    def html(self) -> Markup:
        """The body, safe to stand on a page."""
        return markdown.render(self.body)

    @property
    def from_requester(self) -> bool:
        """Whether the customer wrote it, not the desk."""
        return self.author.kind is ActorKind.CUSTOMER


@dataclass(frozen=True, slots=True)
class Thread:
    """A stretch of a conversation, oldest first.

    ``earlier`` is what to ask for with ``before`` to see what came earlier, and
    None where the description is the first post. ``until`` is when the stretch
    behind this one begins, and None where this is the last.
    """

    posts: Sequence[Post]
    earlier: int | None
    until: datetime | None = None

    @property
    def last_message_id(self) -> int:
        """The id to send along with a reply, so that it is stopped where somebody answered meanwhile; 0 for none."""
        return max((post.id or 0 for post in self.posts), default=0)


def waiting_for_answer(ticket_ids: Sequence[int]) -> set[int]:
    """Which of the tickets had their last public word from the customer, the description included."""
    return {row[0] for row in replica.rows(_waiting(), ids=reading.array(ticket_ids))} if ticket_ids else set()


@cache
def _waiting() -> reading.Statement:
    given = bindparam("ids", "{}", type_=ARRAY(BigInteger))
    ids = func.unnest(given).table_valued("id", name="shown").render_derived()
    last = (
        select(Message.author_kind)
        .where(Message.ticket_id == ids.c.id, Message.kind == MessageKind.REPLY)
        .order_by(Message.id.desc())
        .limit(1)
        .lateral()
    )
    by_customer = func.coalesce(last.c.author_kind, ActorKind.CUSTOMER.value) == ActorKind.CUSTOMER
    return reading.compiled(select(ids.c.id).outerjoin(last, true()).where(by_customer))


def public_thread(ticket: Ticket, *, before: int | None = None, limit: int = PAGE_SIZE) -> Thread:
    """The last posts as the requester sees them: the description and the replies, never a note."""
    return _thread(ticket, {MessageKind.REPLY}, before, limit)


def whole_thread(ticket: Ticket, *, before: int | None = None, limit: int = PAGE_SIZE) -> Thread:
    """The last posts as the desk sees them, notes included."""
    return _thread(ticket, set(MessageKind), before, limit)


def lines(thread: Thread, events: Sequence[Event]) -> Sequence[Post | Sequence[Event]]:
    """The posts, and between them what else happened in their time, run by run, in the order of time."""
    # What one act said comes before what it changed, at the same time: its own event tells that.
    told = {event.data["message"]: event.id for event in events if event.kind in _SAID}
    since = thread.posts[0].created_at if thread.earlier else None
    happened = [
        event
        for event in events
        if event.kind not in _SAID
        and (since is None or event.created_at >= since)
        and (thread.until is None or event.created_at < thread.until)
    ]
    in_order: list[Post | Event] = [*thread.posts, *happened]
    in_order.sort(key=lambda line: (line.created_at, line.id if isinstance(line, Event) else told.get(line.id, 0)))
    found: list[Post | Sequence[Event]] = []
    for line in in_order:
        if isinstance(line, Post):
            found.append(line)
        elif found and isinstance(found[-1], list):
            found[-1].append(line)
        else:
            found.append([line])
    return found


def messages_after(ticket: Ticket, message_id: int, *, limit: int) -> Sequence[Message]:
    """The messages behind the one with this id, notes included, oldest first."""
    return db.session.scalars(
        select(Message).where(Message.ticket_id == ticket.id, Message.id > message_id).order_by(Message.id).limit(limit)
    ).all()


def posts_of(messages: Iterable[Message]) -> list[Post]:
    """Messages as a page shows them, with their files."""
    messages = list(messages)
    files = attachments.of_messages(message.id for message in messages)
    return [
        Post(
            message.id,
            MessageKind(message.kind),
            Actor(ActorKind(message.author_kind), message.author_id, message.author_label),
            Channel(message.channel),
            message.body,
            message.created_at,
            files.get(message.id, ()),
        )
        for message in messages
    ]


def description_of(ticket: Ticket) -> Post:
    """The ticket's description as the first post of its conversation."""
    author = Actor(ActorKind.CUSTOMER, None, ticket.requester_name or CUSTOMER.label)
    files = attachments.of_description(ticket)
    return Post(None, MessageKind.REPLY, author, None, ticket.description, ticket.created_at, files)


def _thread(ticket: Ticket, kinds: set[MessageKind], before: int | None, limit: int) -> Thread:
    statement = select(Message).where(Message.ticket_id == ticket.id, Message.kind.in_(sorted(kinds)))
    until = None
    if before is not None:
        until = db.session.scalar(
            statement.with_only_columns(Message.created_at).where(Message.id >= before).order_by(Message.id).limit(1)
        )
        statement = statement.where(Message.id < before)
    last = db.session.scalars(statement.order_by(Message.id.desc()).limit(limit + 1)).all()
    posts = posts_of(reversed(last[:limit]))
    earlier = posts[0].id if len(last) > limit else None
    since = posts[0].created_at if earlier else None
    if earlier is None:
        posts.insert(0, description_of(ticket))
    for post in _merged(ticket):
        if (since is None or post.created_at >= since) and (until is None or post.created_at < until):
            insort(posts, post, key=lambda each: each.created_at)
    return Thread(posts, earlier, until)


def _merged(ticket: Ticket) -> Sequence[Post]:
    """The descriptions of the tickets that were merged into this one, or into one of those, oldest first."""
    return [
        replace(description_of(other), merged=other.reference, title=other.title)
        for other in db.session.scalars(
            select(Ticket)
            .where(Ticket.id == any_(func.ticket_family(ticket.id)), Ticket.id != ticket.id)
            .order_by(Ticket.created_at, Ticket.id)
        )
    ]
