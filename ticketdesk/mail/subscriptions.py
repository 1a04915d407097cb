"""Which addresses want no mails that they could do without, and the links by which they say so."""

from flask import current_app
from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from config import Settings
from ticketdesk.core.errors import NotFound
from ticketdesk.extensions import db
from ticketdesk.models import MailKind, MailState, OutgoingMail, Unsubscribed

OPTIONAL = (MailKind.STATUS,)
"""The mails one can do without. The others answer what somebody asked for."""
SENTENCE = "This address has unsubscribed from mails about the status."


def unsubscribe_url(address: str) -> str:
    """The page where an address turns optional mails off and on; whoever has the link may."""
    return f"{current_app.config['PUBLIC_URL']}/unsubscribe/{_signer().dumps(address.lower())}"


def headers(address: str) -> dict[str, str]:
    """The headers by which mail programs show a button for it (RFC 2369); one click needs https (RFC 8058)."""
    settings: Settings = current_app.config["SETTINGS"]
    listed = {"List-Unsubscribe": f"<{unsubscribe_url(address)}>"}
    return listed | {"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"} if settings.https else listed


def address_of(key: str) -> str:
    """The address that a link of `unsubscribe_url` is for.

    Raises:
        NotFound: the desk did not make the link.
    """
    try:
        return str(_signer().loads(key))
    except BadData:
        raise NotFound("This link leads to no address; please check that the whole of it was copied.") from None


def is_unsubscribed(address: str) -> bool:
    """Whether the address wants no optional mails."""
    return bool(db.session.scalar(select(exists().where(Unsubscribed.address == address.lower()))))


def unsubscribe(address: str) -> None:
    """Send the address no optional mails from now on, nor those that wait to be sent."""
    db.session.execute(insert(Unsubscribed).values(address=address.lower()).on_conflict_do_nothing())
    waiting = update(OutgoingMail).where(
        OutgoingMail.state == MailState.WAITING,
        OutgoingMail.kind.in_(OPTIONAL),
        func.lower(OutgoingMail.recipient) == address.lower(),
    )
    db.session.execute(waiting.values(state=MailState.SKIPPED, last_error=SENTENCE))


def subscribe(address: str) -> None:
    """Send the address all mails again."""
    db.session.execute(delete(Unsubscribed).where(Unsubscribed.address == address.lower()))


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="unsubscribe")
