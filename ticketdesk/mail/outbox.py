"""Looking at the mails, and giving one that was not sent another chance."""

from collections.abc import Sequence
from datetime import timedelta

from flask import current_app
from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.orm import load_only

from config import Settings
from ticketdesk.core.errors import Conflict, NotFound
from ticketdesk.extensions import db
from ticketdesk.jobs.queue import enqueue, queue, task
from ticketdesk.mail import delivery
from ticketdesk.models import MailKind, MailState, OutgoingMail
from ticketdesk.models.columns import BIGINT_MAX

PAGE_SIZE = 50
KEEP_DAYS = 90

AGAIN = frozenset({MailState.FAILED, MailState.KEPT, MailState.UNSURE})
"""The states out of which a person may send a mail. What was skipped was never to be sent."""
DONE = frozenset({MailState.SENT, MailState.KEPT, MailState.SKIPPED})


def page(
    state: MailState | None = None, *, before: int | None = None, limit: int = PAGE_SIZE
) -> Sequence[OutgoingMail]:
    """Mails with the newest first, those with an id below ``before``; without their bodies."""
    statement = select(OutgoingMail).options(
        load_only(
            OutgoingMail.kind,
            OutgoingMail.ticket_ids,
            OutgoingMail.recipient,
            OutgoingMail.subject,
            OutgoingMail.state,
            OutgoingMail.attempts,
            OutgoingMail.last_error,
            OutgoingMail.created_at,
            OutgoingMail.sent_at,
            raiseload=True,
        )
    )
    if state is not None:
        statement = statement.where(OutgoingMail.state == state)
    if before is not None:
        statement = statement.where(OutgoingMail.id < before)
    return db.session.scalars(statement.order_by(OutgoingMail.id.desc()).limit(limit)).all()


def counts() -> dict[MailState, int]:
    """How many mails there are in each state but `SENT`, which are too many to count for a page."""
    statement = (
        select(OutgoingMail.state, func.count())
        .where(OutgoingMail.state.in_([state for state in MailState if state is not MailState.SENT]))
        .group_by(OutgoingMail.state)
    )
    found = {MailState(state): number for state, number in db.session.execute(statement)}
    return {state: found.get(state, 0) for state in MailState if state is not MailState.SENT}


def by_id(mail_id: int) -> OutgoingMail:
    """The mail.

    Raises:
        NotFound: there is none with this id.
    """
    mail = db.session.get(OutgoingMail, mail_id) if 0 < mail_id <= BIGINT_MAX else None
    if mail is None:
        raise NotFound(f"There is no such mail; those that were sent are forgotten after {KEEP_DAYS} days.")
    return mail


def send_again(mail_id: int) -> None:
    """Put a mail that was not sent, or that may not have been, back on its way.

    Raises:
        NotFound: there is no such mail.
        Conflict: it was sent, is on its way, or there is no mail server.
    """
    settings: Settings = current_app.config["SETTINGS"]
    if settings.mail_server is None:
        raise Conflict("There is no mail server to send it through; set MAIL_URL and start the desk again.")
    mail = db.session.get(OutgoingMail, mail_id, with_for_update=True, populate_existing=True)
    if mail is None:
        raise NotFound("There is no such mail.")
    if mail.state not in AGAIN:
        raise Conflict("This mail is sent or on its way; it has changed meanwhile.")
    mail.state = MailState.WAITING
    mail.attempts = 0
    mail.handed_over_at = None
    mail.last_error = None
    db.session.flush()
    enqueue(delivery.send, mail_id=mail.id)


@queue.periodic(cron="43 3 * * *")
@task("mail.forget")
def forget(timestamp: int) -> None:
    """Forget what was sent, kept or skipped long ago; it holds what people wrote to each other.

    Links to sign in by are forgotten after a day, whatever became of them: they have long expired.
    """
    age = func.now() - OutgoingMail.created_at
    done = and_(OutgoingMail.state.in_(DONE), age > timedelta(days=KEEP_DAYS))
    expired = and_(OutgoingMail.kind == MailKind.SIGN_IN, age > timedelta(days=1))
    db.session.execute(delete(OutgoingMail).where(or_(done, expired)))
