"""Sending a mail at most once for its cause, or saying that this cannot be known.

The states in the table are what survives a crash. A worker writes that it is at a
mail, and again, just before the server gets to see the text, that it might have it
from now on. Whoever finds such a mail later knows whether sending it again could
be sending it twice. No transaction is open while the server is talked to.
"""

from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from flask import current_app
from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.jobs import Job
from sqlalchemy import func, update

from config import Settings
from ticketdesk.accounts.customers import LINK_LIFE
from ticketdesk.core import clock
from ticketdesk.extensions import db
from ticketdesk.jobs.queue import TryAgainError, task
from ticketdesk.mail import compose, smtp
from ticketdesk.models import MailKind, MailState, OutgoingMail

# What a server that makes strangers wait, restarts or is down for a night asks for; 23 hours in all.
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 180, 360, 720))

log = structlog.get_logger(__name__)


class Backoff(BaseRetryStrategy):
    """Waits as `WAITS` says; a job that fails for another reason than the server's is given up after as many."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """When the job runs again, or None to give it up."""
        if job.attempts >= len(WAITS):
            return None
        return RetryDecision(retry_in={"seconds": round(WAITS[job.attempts].total_seconds())})


class _TakenOver(Exception):
    """Another worker is at the mail; this one was thought dead."""


@dataclass(slots=True)
class _Attempt:
    """One worker's try at one mail."""

    mail_id: int
    number: int
    parcel: smtp.Parcel = field(repr=False)

    def note_text_begins(self) -> None:
        """Write that the server might have the mail from now on.

        Raises:
            _TakenOver: another worker has the mail meanwhile.
        """
        ours = update(OutgoingMail).where(
            OutgoingMail.id == self.mail_id,
            OutgoingMail.state == MailState.SENDING,
            OutgoingMail.attempts == self.number,
            OutgoingMail.handed_over_at.is_(None),
        )
        changed = db.session.execute(ours.values(handed_over_at=func.now()).returning(OutgoingMail.id)).all()
        db.session.commit()
        if not changed:
            raise _TakenOver

    def finish(self, state: MailState, *, error: str | None = None) -> None:
        """Write what became of the mail; where that leaves it waiting, it has not been handed over."""
        mail = db.session.get_one(OutgoingMail, self.mail_id, with_for_update=True)
        mail.state = state
        mail.last_error = error
        if state is MailState.SENT:
            mail.sent_at = func.now()
        if state is MailState.WAITING:
            mail.handed_over_at = None
        db.session.flush()


@task("mail.send", retry=Backoff())
def send(mail_id: int) -> None:
    """Send a mail that waits; safe to run twice.

    Raises:
        TryAgainError: the server does not take it yet.
    """
    settings: Settings = current_app.config["SETTINGS"]
    attempt = _begin(mail_id, settings)
    if attempt is None or settings.mail_server is None:
        return
    try:
        smtp.send(
            settings.mail_server, attempt.parcel, timeout=settings.mail_timeout, before_text=attempt.note_text_begins
        )
    except _TakenOver:
        return
    except smtp.NotNow as error:
        _try_later(attempt, str(error))
    except smtp.Refused as error:
        attempt.finish(MailState.FAILED, error=str(error))
        log.error("mail_refused", mail_id=mail_id, reason=str(error))
    except smtp.Unsure as error:
        attempt.finish(MailState.UNSURE, error=str(error))
        log.error("mail_unsure", mail_id=mail_id, reason=str(error))
    else:
        attempt.finish(MailState.SENT)


def _begin(mail_id: int, settings: Settings) -> _Attempt | None:
    """Take the mail in hand; None where there is nothing to send."""
    mail = db.session.get(OutgoingMail, mail_id, with_for_update=True, populate_existing=True)
    if mail is None or mail.state not in {MailState.WAITING, MailState.SENDING}:
        return None
    if mail.handed_over_at is not None:
        mail.state = MailState.UNSURE
        mail.last_error = "The worker ended while the mail server was taking the mail, so it may have been sent."
        log.error("mail_unsure", mail_id=mail_id, reason=mail.last_error)
        return None
    if settings.mail_server is None:
        mail.state = MailState.KEPT
        return None
    if mail.kind == MailKind.SIGN_IN and clock.now() - mail.created_at > LINK_LIFE:
        mail.state, mail.last_error = MailState.SKIPPED, "The link in it has expired."
        return None
    try:
        parcel = compose.parcel(mail, settings)
    except ValueError as error:
        mail.state, mail.last_error = MailState.FAILED, str(error)
        log.error("mail_refused", mail_id=mail_id, reason=mail.last_error)
        return None
    mail.state = MailState.SENDING
    mail.attempts += 1
    attempt = _Attempt(mail_id, mail.attempts, parcel)
    db.session.commit()
    return attempt


def _try_later(attempt: _Attempt, reason: str) -> None:
    if attempt.number > len(WAITS):
        attempt.finish(MailState.FAILED, error=reason)
        log.error("mail_given_up", mail_id=attempt.mail_id, attempts=attempt.number, reason=reason)
        return
    attempt.finish(MailState.WAITING, error=reason)
    log.warning("mail_not_taken_yet", mail_id=attempt.mail_id, attempts=attempt.number, reason=reason)
    raise TryAgainError(reason)
