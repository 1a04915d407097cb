"""Taking files in, giving them to what they belong to, and finding them again.

A file is taken in before what it belongs to is written, in a transaction of its
own: first its content into the store, then its row, which waits. So storing never
holds a lock, and a row never stands for a file that is not there. What is left
waiting, and contents that got no row, are swept up later.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flask import current_app
from sqlalchemy import ColumnElement, any_, func, or_, select
from werkzeug.datastructures import FileStorage

from ticketdesk.attachments import policy
from ticketdesk.attachments.jobs import make_thumbnail
from ticketdesk.attachments.kinds import look_into
from ticketdesk.attachments.names import safe_name, shown_name
from ticketdesk.attachments.policy import FIELD, Allowance, Limits
from ticketdesk.attachments.storage import current_storage
from ticketdesk.attachments.waiting import Waiting
from ticketdesk.core.errors import FieldFault, Invalid, NotFound
from ticketdesk.extensions import db
from ticketdesk.jobs.queue import enqueue
from ticketdesk.models import Attachment, Message, MessageKind, Ticket
from ticketdesk.models.columns import BIGINT_MAX


@dataclass(frozen=True, slots=True)
class Received:
    """The files of a form: those taken in, which wait, and why others were not."""

    waiting: Sequence[Waiting] = ()
    faults: Sequence[FieldFault] = ()

    @property
    def identity(self) -> tuple[str, ...]:
        """What makes two sendings of the same files the same."""
        return tuple(f"{file.sha256} {file.name}" for file in self.waiting)

    def all_taken(self) -> None:
        """Insist.

        Raises:
            Invalid: some were not taken.
        """
        if self.faults:
            raise Invalid(*self.faults)


def limits() -> Limits:
    """How many files are taken, and how large."""
    found: Limits = current_app.config["ATTACHMENT_LIMITS"]
    return found


def receive(offered: Iterable[FileStorage], kept: Iterable[Waiting] = ()) -> Received:
    """Take in what a form brings, beside what it has brought before.

    The rows are flushed. Storing may take seconds, so the caller has no
    transaction open and commits soon after.

    Raises:
        StoreUnavailable: the store does not answer or is full.
    """
    allowance = Allowance(limits())
    waiting, rows, faults = [], [], []
    for file in kept:
        fault = allowance.count(file.name, file.size)
        if fault:
            faults.append(FieldFault(FIELD, fault))
        else:
            waiting.append(file)
    for each in offered:
        if not each.filename:  # A field that nothing was chosen in.
            continue
        content = look_into(each.stream)
        fault = allowance.fault(shown_name(each.filename), content)
        if fault or content.kind is None:
            faults.append(FieldFault(FIELD, fault))
            continue
        key = uuid.uuid4().hex
        current_storage().put(key, each.stream)
        rows.append(
            Attachment(
                key=key,
                name=safe_name(each.filename, content.kind),
                media_type=content.kind.media_type,
                size=content.size,
                sha256=content.sha256,
            )
        )
    if rows:
        db.session.add_all(rows)
        db.session.flush()
    return Received([*waiting, *map(Waiting.of, rows)], faults)


def claim(waiting: Sequence[Waiting]) -> Sequence[Attachment]:
    """The rows of files that wait, locked until the transaction ends, in the order given.

    Raises:
        Invalid: one waits no longer, because it was sent already or the form stood open for days.
    """
    ids = [file.id for file in waiting]
    if not ids:
        return []
    rows = db.session.scalars(
        select(Attachment)
        .where(Attachment.id.in_(ids), Attachment.message_id.is_(None), Attachment.ticket_id.is_(None))
        .order_by(Attachment.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    found = {row.id for row in rows}
    gone = [
        FieldFault(FIELD, f"“{file.name}” is not here any more; attach it again.")
        for file in waiting
        if file.id not in found
    ]
    if gone:
        raise Invalid(*gone)
    return sorted(rows, key=lambda row: ids.index(row.id))


def still(waiting: Iterable[Waiting]) -> Sequence[Waiting]:
    """Those of the files that wait still."""
    waiting = list(waiting)
    free = db.session.scalars(
        select(Attachment.id).where(
            Attachment.id.in_([file.id for file in waiting]),
            Attachment.message_id.is_(None),
            Attachment.ticket_id.is_(None),
        )
    ).all()
    return [file for file in waiting if file.id in free]


def attach(files: Sequence[Attachment], owner: Message | Ticket) -> None:
    """Give claimed files to a message, or to a ticket's description."""
    for file in files:
        if isinstance(owner, Message):
            file.message_id = owner.id
        else:
            file.ticket_id = owner.id
        if file.media_type in policy.SHRINKABLE:
            enqueue(make_thumbnail, attachment_id=file.id)
    db.session.flush()


def of_messages(message_ids: Iterable[int]) -> Mapping[int, Sequence[Attachment]]:
    """The files of each of these messages."""
    found: dict[int, list[Attachment]] = defaultdict(list)
    if ids := list(message_ids):
        for file in db.session.scalars(
            select(Attachment).where(Attachment.message_id.in_(ids)).order_by(Attachment.id)
        ):
            found[file.message_id or 0].append(file)
    return found


def of_description(ticket: Ticket) -> Sequence[Attachment]:
    """The files that a ticket was opened with, without those of tickets that were merged into it."""
    return db.session.scalars(select(Attachment).where(Attachment.ticket_id == ticket.id).order_by(Attachment.id)).all()


def of_ticket(ticket: Ticket) -> Sequence[Attachment]:
    """All files of a ticket, those of notes too, oldest first; what was merged into it counts as its own."""
    return db.session.scalars(
        select(Attachment).outerjoin(Message).where(_of(ticket, set(MessageKind))).order_by(Attachment.id)
    ).all()


def public_file(ticket: Ticket, attachment_id: int) -> Attachment:
    """A file that the requester may see: one of the description or of a reply, never one of a note.

    Raises:
        NotFound: there is none with this id.
    """
    return _file(ticket, attachment_id, {MessageKind.REPLY})


def any_file(ticket: Ticket, attachment_id: int) -> Attachment:
    """A file of the ticket, as the desk sees it.

    Raises:
        NotFound: there is none with this id.
    """
    return _file(ticket, attachment_id, set(MessageKind))


def _file(ticket: Ticket, attachment_id: int, kinds: set[MessageKind]) -> Attachment:
    found = None
    if 0 < attachment_id <= BIGINT_MAX:
        found = db.session.scalar(
            select(Attachment).outerjoin(Message).where(Attachment.id == attachment_id, _of(ticket, kinds))
        )
    if found is None:
        raise NotFound("There is no such file on this ticket.")
    return found


def _of(ticket: Ticket, kinds: set[MessageKind]) -> ColumnElement[bool]:
    of_message = (Message.ticket_id == ticket.id) & Message.kind.in_(sorted(kinds))
    return or_(Attachment.ticket_id == any_(func.ticket_family(ticket.id)), of_message)
