"""The verbs of accounts: first-run set-up, sign-in, passwords, people and tokens."""

import hashlib
import re
import secrets
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import NamedTuple

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import BigInteger, bindparam, exists, func, select, text, update
from sqlalchemy.exc import IntegrityError

from ticketdesk import reading
from ticketdesk.accounts.passwords import hash_password, verify_password
from ticketdesk.core import clock
from ticketdesk.core.errors import Conflict, FieldFault, Forbidden, Invalid, Unauthenticated
from ticketdesk.core.text import UNSTORABLE_SENTENCE, is_storable, one_line
from ticketdesk.core.vocabulary import EMAIL_MAX, NAME_MAX
from ticketdesk.extensions import db
from ticketdesk.models import ApiToken, Role, Scope, Staff

TOKEN_PREFIX = "td_"  # noqa: S105  (marks a token as ours, is none)
SETUP_LOCK = 7_402_116_002

# What the database asks of an address too; whether it takes mail shows when it is mailed.
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


def any_staff() -> bool:
    """Whether the desk has been set up."""
    return bool(db.session.scalar(select(exists().where(Staff.id.is_not(None)))))


def setup_link(public_url: str) -> str | None:
    """The link under which the first admin is made, or None once there is a staff account.

    The link needs no storage: it is signed with the secret key, and the first
    account voids it.
    """
    return None if any_staff() else f"{public_url}/staff/set-up/{_setup_signer().dumps('first-admin')}"


def is_setup_key(key: str) -> bool:
    """Whether ``key`` is the signed part of the set-up link."""
    try:
        return bool(_setup_signer().loads(key) == "first-admin")
    except BadSignature:
        return False


def create_first_admin(email: str, name: str, password: str) -> Staff:
    """Make the first admin.

    Raises:
        Conflict: a staff account exists already.
        Invalid: a value cannot be used.
    """
    # Two people with the link at the same moment: the second waits here and is then refused.
    db.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SETUP_LOCK})
    if any_staff():
        raise Conflict("This desk has been set up already; sign in instead.")
    return create_staff(email, name, Role.ADMIN, password)


def create_staff(email: str, name: str, role: Role, password: str) -> Staff:
    """Make a staff account.

    Raises:
        Invalid: a value cannot be used, or the address has an account already.
    """
    staff = Staff(
        email=_address(email),
        name=_name(name),
        role=role,
        password_hash=hash_password(password),
        session_key=secrets.token_hex(16),
    )
    db.session.add(staff)
    _flush_unique_address()
    return staff


def change_staff(staff: Staff, *, email: str, name: str, role: Role, active: bool, by: Staff) -> None:
    """Change an account; one that is switched off is signed out everywhere.

    Raises:
        Forbidden: an admin would lock themselves out.
        Invalid: a value cannot be used.
    """
    if staff.id == by.id and (role != Role.ADMIN or not active):
        raise Forbidden("You cannot take your own admin role or account away; ask another admin to.")
    staff.email, staff.name, staff.role = _address(email), _name(name), role
    if staff.active and not active:
        end_sessions(staff)
    staff.active = active
    _flush_unique_address()


def change_password(staff: Staff, password: str) -> None:
    """Set a new password and end every session of the account.

    Raises:
        Invalid: the password is too short or too long.
    """
    staff.password_hash = hash_password(password)
    end_sessions(staff)


def end_sessions(staff: Staff) -> None:
    """Sign the account out everywhere."""
    staff.session_key = secrets.token_hex(16)


def authenticate(email: str, password: str) -> Staff:
    """The active account with this address and password.

    Raises:
        Unauthenticated: they do not fit; the sentence is the same for an unknown address.
    """
    staff = db.session.scalar(select(Staff).where(func.lower(Staff.email) == email.strip().lower(), Staff.active))
    if not verify_password(staff.password_hash if staff else None, password) or staff is None:
        raise Unauthenticated("The e-mail address or the password is not right.")
    staff.signed_in_at = clock.now()
    return staff


def create_token(name: str, scope: Scope, created_by: Staff | None = None) -> tuple[ApiToken, str]:
    """Make an API token and return it with its secret, which is not kept and cannot be shown again.

    Raises:
        Invalid: the name is empty or too long.
    """
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(name=_name(name), token_hash=digest(secret), hint=secret[:7] + "…", scope=scope)
    token.created_by = created_by
    db.session.add(token)
    db.session.flush()
    return token, secret


def revoke_token(token: ApiToken) -> None:
    """Make a token useless: for this process at once, for others within a second. Doing it again changes nothing."""
    token.revoked_at = token.revoked_at or clock.now()
    _known.cache_clear()


@cache
def _account() -> reading.Statement:
    return reading.compiled(select(Staff.__table__).where(Staff.id == bindparam("staff_id", 0, type_=BigInteger)))


def glance(staff_id: int) -> Staff | None:
    """A staff account for who only reads, or None where there is none.

    Each page asks for one, and beginning a transaction for it takes longer than most of what the page reads.
    So it is no part of the session, and equal to the session's own object by its id alone.
    """
    for row in reading.rows(_account(), staff_id=staff_id):
        return reading.stored(Staff, dict(zip(Staff.__table__.columns.keys(), row, strict=True)))
    return None


class Holder(NamedTuple):
    """A program that has shown a valid token."""

    id: int
    name: str
    scope: str
    used_at: datetime | None


@cache
def _holder() -> reading.Statement:
    known = ApiToken.token_hash == bindparam("token_hash")
    return reading.compiled(
        select(ApiToken.id, ApiToken.name, ApiToken.scope, ApiToken.used_at).where(known, ApiToken.revoked_at.is_(None))
    )


@lru_cache(maxsize=1024)
def _known(token_hash: str, _second: int) -> Holder:
    """Who holds a valid token; read once a second, because looking for it takes a fifth of what a list takes."""
    found = reading.rows(_holder(), token_hash=token_hash)
    if not found:
        raise Unauthenticated("This token is not valid; make one in the console under API tokens.")
    return Holder._make(found[0])


def token_holder(secret: str) -> Holder:
    """Who holds the token with this secret, or held it within the last second.

    Raises:
        Unauthenticated: there is no such token, or it was revoked.
    """
    return _known(digest(secret), int(clock.now().timestamp()))


def note_token_use(holder: Holder) -> bool:
    """Remember when a token was last used, to the hour so that reading stays reading; says whether it wrote."""
    moment = clock.now()
    if holder.used_at is not None and moment - holder.used_at < timedelta(hours=1):
        return False
    db.session.execute(update(ApiToken).where(ApiToken.id == holder.id).values(used_at=moment))
    _known.cache_clear()
    return True


def _setup_signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.secret_key or "", salt="first-admin")


def digest(secret: str) -> str:
    """The hash by which a secret of 256 random bits is known; nobody can guess one, so a fast hash is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _address(value: str) -> str:
    address = value.strip()
    if not 3 <= len(address) <= EMAIL_MAX or not is_storable(address) or not _ADDRESS.fullmatch(address):
        raise Invalid(FieldFault("email", "This is not an e-mail address."))
    return address


def _name(value: str) -> str:
    name = one_line(value)
    if not is_storable(name):
        raise Invalid(FieldFault("name", UNSTORABLE_SENTENCE))
    if not 1 <= len(name) <= NAME_MAX:
        raise Invalid(FieldFault("name", f"A name has 1 to {NAME_MAX} characters."))
    return name


def _flush_unique_address() -> None:
    """Flush; a second account for one address is told as a fault, after which the door rolls back."""
    try:
        db.session.flush()
    except IntegrityError as error:
        if "uq_staff_email" not in str(error.orig):
            raise
        raise Invalid(FieldFault("email", "There is an account with this address already.")) from None
