"""Finding one's tickets again: an address, a link in a mail, and the list behind it.

The session is one of its own, apart from that of staff: a secret in a cookie that
goes to these pages alone. The tickets themselves open by their own links, as ever.
"""

from http import HTTPStatus

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException
from wtforms import EmailField

from ticketdesk.accounts import customers
from ticketdesk.accounts.service import digest
from ticketdesk.core.errors import FieldFault, Invalid, NotFound
from ticketdesk.extensions import db, limiter
from ticketdesk.jobs.queue import enqueue
from ticketdesk.mail.addresses import mailbox
from ticketdesk.mail.letters import SIGN_IN_MOST
from ticketdesk.mail.sign_in import send_link
from ticketdesk.portal import waiting, wording
from ticketdesk.tickets.own import own_tickets
from ticketdesk.tickets.rules import Checker

blueprint = Blueprint("mine", __name__, url_prefix="/my")

COOKIE = "ticketdesk_customer"
ASKED_FOR = "asked_for"
LINK_MINUTES = customers.LINK_LIFE.seconds // 60


class AddressForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types.
    """The address whose tickets somebody looks for."""

    email = EmailField("E-mail address")

    def checked(self) -> str | None:
        """The address, or None where there is none, which is then told at the field."""
        check = Checker()
        address = check.email(self.email.data)
        if address is None and not check.faults:
            check.faults.append(FieldFault("email", "Give the address that you wrote to us with."))
        self.email.errors = [fault.message for fault in check.faults]
        return None if check.faults else address


def _typed() -> str | None:
    return Checker().email(request.form.get("email"))


def _nothing_typed() -> bool:
    return _typed() is None


def _mailbox_typed() -> str:
    """What the limit for one address counts by: all spellings of a mailbox as one, and none in clear."""
    return digest(mailbox(_typed() or ""))


@blueprint.get("")
def show() -> ResponseReturnValue:
    """The list of one's tickets, or the form that leads to it."""
    address = customers.signed_in_address(request.cookies.get(COOKIE, ""))
    if address is None:
        return _form(AddressForm(formdata=None))
    page = own_tickets(address, cursor=request.args.get("cursor"))
    return render_template("portal/mine.html", address=address, page=page, first="cursor" not in request.args)


@blueprint.post("")
@limiter.limit(lambda: current_app.config["RATELIMIT_FIND"])
@limiter.limit(f"{SIGN_IN_MOST} per {LINK_MINUTES} minute", key_func=_mailbox_typed, exempt_when=_nothing_typed)
def ask() -> ResponseReturnValue:
    """Have a link mailed; whether there are tickets for the address is not told here, nor by how long this takes."""
    form = AddressForm()
    address = form.checked()
    if address is None:
        return _form(form), HTTPStatus.BAD_REQUEST
    enqueue(send_link, address=address)
    db.session.commit()
    session[ASKED_FOR] = address
    return redirect(url_for(".asked"), HTTPStatus.SEE_OTHER)


@blueprint.get("/asked")
def asked() -> ResponseReturnValue:
    """What to do now; it repeats the address, because people mistype them."""
    return render_template("portal/mine_asked.html", address=session.get(ASKED_FOR), minutes=LINK_MINUTES)


@blueprint.get("/link/<key>")
def arrive(key: str) -> ResponseReturnValue:
    """Where the mail's link leads. It takes a press of the button, because programs that scan mails open links."""
    return _link_page(key)


@blueprint.post("/link/<key>")
@limiter.limit(lambda: current_app.config["RATELIMIT_FIND"])
def enter(key: str) -> ResponseReturnValue:
    """Use the link up and open the list."""
    before = request.cookies.get(COOKIE)
    try:
        secret = customers.sign_in(key, instead_of=before)
    except NotFound as error:
        db.session.rollback()
        # Two presses of the button: the first has used the link up and opened this browser's session.
        if before and customers.signed_in_address(before):
            return redirect(url_for(".show"), HTTPStatus.SEE_OTHER)
        return _form(AddressForm(formdata=None), problem=str(error)), HTTPStatus.NOT_FOUND
    db.session.commit()
    session.pop(ASKED_FOR, None)
    response = redirect(url_for(".show"), HTTPStatus.SEE_OTHER)
    response.set_cookie(
        COOKIE,
        secret,
        max_age=customers.SESSION_LIFE,
        path=blueprint.url_prefix or "/",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )
    return response


@blueprint.post("/sign-out")
def leave() -> ResponseReturnValue:
    """End the session; who has none is simply led to the form."""
    customers.sign_out(request.cookies.get(COOKIE, ""))
    db.session.commit()
    session.pop(ASKED_FOR, None)
    response = redirect(url_for(".show"), HTTPStatus.SEE_OTHER)
    response.delete_cookie(COOKIE, path=blueprint.url_prefix or "/")
    # The next person at this browser does not see the list by going back.
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@blueprint.errorhandler(CSRFError)
@blueprint.errorhandler(RateLimitExceeded)
def _not_sent(error: HTTPException) -> ResponseReturnValue:
    """Nothing is wrong with the address, so it comes back with the way to send it again."""
    status = HTTPStatus(error.code or HTTPStatus.BAD_REQUEST)
    if key := (request.view_args or {}).get("key"):
        problem = wording.not_sent(status, waiting.seconds(), button="Show my tickets", things="visitors")
        return _link_page(key, problem=problem, status=status)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        problem = wording.too_many_links(waiting.seconds(), LINK_MINUTES)
    else:
        problem = wording.not_sent(status, waiting.seconds(), button="Send me a link")
    return _form(AddressForm(), problem=problem), status, waiting.retry_after()


@blueprint.errorhandler(Invalid)
def _lost(_error: Invalid) -> ResponseReturnValue:
    """An address of the list that makes no sense leads to its first page."""
    return redirect(url_for(".show"))


@blueprint.after_request
def _keep_to_oneself(page: Response) -> Response:
    page.headers["Cache-Control"] = "private, no-store"
    return page


def _link_page(key: str, *, problem: str = "", status: HTTPStatus = HTTPStatus.OK) -> ResponseReturnValue:
    try:
        address = customers.address_of_link(key)
    except NotFound as error:
        return _form(AddressForm(formdata=None), problem=str(error)), HTTPStatus.NOT_FOUND
    return render_template("portal/mine_link.html", key=key, address=address, problem=problem), status


def _form(form: AddressForm, *, problem: str = "") -> Response:
    return make_response(render_template("portal/mine_form.html", form=form, problem=problem))
