"""Customers show that an address is theirs by opening a link that was mailed to it; there are no passwords."""

import secrets
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, delete, func, select

from ticketdesk.accounts.service import digest
from ticketdesk.core import clock
from ticketdesk.core.errors import NotFound
from ticketdesk.extensions import db
from ticketdesk.jobs.queue import queue, task
from ticketdesk.models import CustomerKey, KeyKind

LINK_LIFE = timedelta(minutes=30)
SESSION_LIFE = timedelta(hours=12)


def make_link_key(address: str) -> str:
    """The secret of a new link for an address, to be mailed to it."""
    return _make(KeyKind.LINK, address, LINK_LIFE)


def address_of_link(secret: str) -> str:
    """The address that a link signs in, without using it up.

    Raises:
        NotFound: it was used, has expired, or never was; the answer is the same.
    """
    address = _address(KeyKind.LINK, secret)
    if address is None:
        raise _no_link()
    return address


def sign_in(link: str, *, instead_of: str | None = None) -> str:
    """Use up a link and give the secret of the session it opens, which ends the browser's session before it.

    Raises:
        NotFound: the link was used, has expired, or never was.
    """
    # Of two who use it at the same moment the second waits here and finds it gone.
    used = delete(CustomerKey).where(_is_live(KeyKind.LINK, link)).returning(CustomerKey.address)
    address = db.session.scalar(used)
    if address is None:
        raise _no_link()
    if instead_of is not None:
        sign_out(instead_of)
    return _make(KeyKind.SESSION, address, SESSION_LIFE)


def signed_in_address(session: str) -> str | None:
    """The address whose tickets the holder of the session may list, or None where there is no such session."""
    return _address(KeyKind.SESSION, session)


def sign_out(session: str) -> None:
    """End a session; one that has ended already stays so."""
    db.session.execute(delete(CustomerKey).where(_is_live(KeyKind.SESSION, session)))


@queue.periodic(cron="37 * * * *")
@task("accounts.forget_customer_keys")
def forget_customer_keys(timestamp: int) -> None:
    """Forget links and sessions whose time is over."""
    db.session.execute(delete(CustomerKey).where(CustomerKey.expires_at < func.now()))


def _make(kind: KeyKind, address: str, life: timedelta) -> str:
    secret = secrets.token_urlsafe(32)
    db.session.add(CustomerKey(hash=digest(secret), kind=kind, address=address.lower(), expires_at=clock.now() + life))
    db.session.flush()
    return secret


def _address(kind: KeyKind, secret: str) -> str | None:
    return db.session.scalar(select(CustomerKey.address).where(_is_live(kind, secret)))


def _is_live(kind: KeyKind, secret: str) -> ColumnElement[bool]:
    return and_(CustomerKey.hash == digest(secret), CustomerKey.kind == kind, CustomerKey.expires_at > clock.now())


def _no_link() -> NotFound:
    minutes = LINK_LIFE.seconds // 60
    return NotFound(
        f"This link no longer works: each opens the list once, within {minutes} minutes. Ask for a new one."
    )
