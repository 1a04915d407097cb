"""What every request passes before its view: who calls, and whether they may.

The gate reads the table in `accounts.permissions`; the doors then ask it who
the caller is. Nothing but the gate and the doors touches Flask's request.
"""

import uuid
from dataclasses import dataclass

import structlog
from flask import Flask, Request, Response, current_app, g, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask_login import current_user
from flask_wtf.csrf import CSRFError

from ticketdesk import replica
from ticketdesk.accounts import service as accounts
from ticketdesk.accounts.permissions import Need, need_of
from ticketdesk.attachments import service as attachments
from ticketdesk.core.actors import CUSTOMER, Actor, ActorKind
from ticketdesk.core.errors import Forbidden, Unauthenticated
from ticketdesk.extensions import csrf, db, login
from ticketdesk.models import Role, Scope, Staff

# The routes whose requests bring files, and may therefore be larger than all others.
TAKE_FILES = frozenset(
    {
        "portal.create",
        "portal.review",
        "portal.reply",
        "portal.files.upload",
        "ticket.say",
        "ticket.insert",
        "api.create_ticket",
        "api.add_message",
        "api.add_attachments",
    }
)
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    # Not `no-store`: the browser's back button would then lose what was typed into a form.
    "Cache-Control": "private, no-cache",
}
"""What every answer carries, unless its view says otherwise."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends the request: a signed-in person, a program with a token, or anybody."""

    staff: Staff | None = None
    token: accounts.Holder | None = None

    @property
    def actor(self) -> Actor:
        """The caller as an actor for verbs."""
        if self.token is not None:
            return Actor(ActorKind.TOKEN, self.token.id, self.token.name)
        if self.staff is not None:
            return Actor(ActorKind.STAFF, self.staff.id, self.staff.name)
        return CUSTOMER

    @property
    def known_as(self) -> str | None:
        """One word for the caller that no other has; None for anybody."""
        return None if self == Caller() else f"{self.actor.kind} {self.actor.id}"

    def may(self, need: Need) -> bool:
        """Whether a route with this need is open to the caller."""
        match need:
            case Need.NOTHING:
                return True
            case Need.READ:
                return self.token is not None or self.staff is not None
            case Need.WRITE:
                return self.staff is not None or (self.token is not None and self.token.scope == Scope.WRITE)
            case Need.STAFF:
                return self.staff is not None
            case Need.ADMIN:
                return self.staff is not None and self.staff.role == Role.ADMIN


class _Sessions(SecureCookieSessionInterface):
    """Flask's sessions in a signed cookie, without a header that breaks the way back to a form.

    Programs have none, and then none is unpacked or written either, which is a fifth of what Flask takes.
    """

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """What the cookie holds; an empty session without one."""
        if self.get_cookie_name(app) not in request.cookies:
            return SecureCookieSession()
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Set the cookie if it has changed.

        Flask adds ``Vary: Cookie``. On the first visit there is no cookie, and there is one
        when its visitor goes back to the page, which the browser then loads anew: as another
        form that happens to hold the same text. No cache but one person's browser keeps our
        pages (``Cache-Control: private``).
        """
        if session or session.modified:
            super().save_session(app, session, response)
            response.vary.discard("Cookie")


def caller() -> Caller:
    """The caller of the request at hand."""
    found: Caller = g.caller
    return found


def install(app: Flask) -> None:
    """Put the gate before every view of the app."""
    app.session_interface = _Sessions()
    app.before_request(_open_or_refuse)
    # As a proxy, and not looked up for every page: error pages are drawn without asking the database.
    app.jinja_env.globals["current_user"] = current_user
    app.after_request(_secure)
    app.after_request(_note_write)
    app.teardown_request(_forget)


@login.user_loader  # type: ignore[untyped-decorator]
def _load_staff(session_id: str) -> Staff | None:
    """The signed-in person, unless their sessions were ended since."""
    staff_id, _, session_key = session_id.partition(":")
    if not staff_id.isdecimal():
        return None
    reads = request.method in SAFE_METHODS
    staff = accounts.glance(int(staff_id)) if reads else db.session.get(Staff, int(staff_id))
    return staff if staff is not None and staff.active and staff.session_key == session_key else None


def _open_or_refuse() -> None:
    g.request_id = uuid.uuid4().hex
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id, path=request.path)
    g.caller = Caller()
    if request.endpoint is None:
        return
    need = need_of(request.endpoint)
    if need is None:
        raise Forbidden("This page has no entry in the table of permissions, so nobody may open it.")
    if request.endpoint.endswith("static"):
        return
    g.caller = _identify(need)
    # Now, because asking an account for its id after the commit would ask the database for it.
    g.known_as = g.caller.known_as
    if g.caller.may(need):
        if request.endpoint in TAKE_FILES and request.mimetype == "multipart/form-data":
            request.max_content_length = attachments.limits().request
        if request.method in SAFE_METHODS:
            replica.reader.set(g.known_as)
        return
    if g.caller == Caller():
        raise Unauthenticated("Sign in, or send a token as “Authorization: Bearer …”.")
    if need is Need.WRITE:
        raise Forbidden("This token may only read; it takes one with the scope “write”.")
    raise Forbidden("Your account may not do this; ask an admin.")


def _identify(need: Need) -> Caller:
    if request.blueprint == "api":
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme:
            return _program(scheme, secret)
    if request.blueprint == "health":
        return Caller()
    staff = current_user._get_current_object()
    if not isinstance(staff, Staff):
        return Caller()
    if request.blueprint == "api" and request.method not in SAFE_METHODS:
        # The browser sends the session by itself, also when another site makes it send the
        # request. What anybody may do is then done as anybody; the rest takes the CSRF header.
        try:
            csrf.protect()
        except CSRFError as error:
            if need is Need.NOTHING:
                return Caller()
            raise Forbidden(f"With a staff session this takes the header X-CSRFToken. {error.description}") from None
    return Caller(staff=staff)


def _program(scheme: str, secret: str) -> Caller:
    if scheme.lower() != "bearer":
        raise Unauthenticated("Send the token as “Authorization: Bearer …”.")
    token = accounts.token_holder(secret.strip())
    if accounts.note_token_use(token):
        db.session.commit()
    return Caller(token=token)


def _note_write(response: Response) -> Response:
    """Have the caller see what they have just changed, wherever their next request reads."""
    refused = 400 <= response.status_code < 500
    if request.method not in SAFE_METHODS and not refused and (who := g.get("known_as")):
        replica.note_write(who)
    return response


def _forget(_error: BaseException | None) -> None:
    replica.reader.set(None)


def _secure(response: Response) -> Response:
    headers = response.headers
    given = {name.lower() for name in headers.keys()}  # noqa: SIM118  (iterating over headers gives pairs)
    for name, value in SECURITY_HEADERS.items():
        if name.lower() not in given:
            headers.add(name, value)
    if current_app.config["SESSION_COOKIE_SECURE"]:
        headers.setdefault("Strict-Transport-Security", "max-age=15552000")
    if "request_id" in g:
        headers.setdefault("X-Request-ID", g.request_id)
    return response
