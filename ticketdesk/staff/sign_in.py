"""Coming and going: sign-in, sign-out, the first-run set-up and one's own password."""

from http import HTTPStatus

from flask import Blueprint, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_user
from werkzeug.wrappers import Response

from ticketdesk.accounts import service as accounts
from ticketdesk.accounts.passwords import verify_password
from ticketdesk.accounts.throttle import Attempt, make_device
from ticketdesk.core.errors import Conflict, Invalid, TooManyAttempts, Unauthenticated
from ticketdesk.extensions import client_address, db
from ticketdesk.gate import caller
from ticketdesk.models import Staff
from ticketdesk.staff.forms import PasswordForm, SetUpForm, SignInForm, show_faults

blueprint = Blueprint("sign_in", __name__, url_prefix="/staff")

DEVICE_COOKIE = "ticketdesk_device"
DEVICE_COOKIE_AGE = 365 * 86_400


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    """Sign a staff member in and lead them where they wanted to go."""
    if caller().staff is not None:
        return redirect(_wanted_page())
    form = SignInForm(request.form)
    if request.method == "GET" or not form.validate():
        return render_template("staff/sign_in.html", form=form, wanted=_wanted_page())
    attempt = _attempt(form.email.data or "")
    try:
        attempt.count()
        staff = accounts.authenticate(attempt.email.replace("\x00", ""), form.password.data or "")
    except (TooManyAttempts, Unauthenticated) as error:
        page = render_template("staff/sign_in.html", form=form, wanted=_wanted_page(), refusal=str(error))
        if isinstance(error, Unauthenticated):
            return page, HTTPStatus.UNPROCESSABLE_ENTITY
        return page, HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": str(error.retry_after)}
    attempt.give_back()
    db.session.commit()
    return _signed_in(staff, _wanted_page())


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End this browser's session; who has none is simply led to the sign-in page."""
    session.clear()
    flash("You are signed out.", "good")
    response = redirect(url_for("sign_in.sign_in"))
    # The next person at this browser does not see the console's pages by going back.
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@blueprint.route("/set-up/<key>", methods=["GET", "POST"])
def set_up(key: str) -> ResponseReturnValue:
    """Let whoever holds the one-time link make the first admin."""
    if not accounts.is_setup_key(key):
        return render_template("staff/set_up_over.html", used=False), HTTPStatus.NOT_FOUND
    if accounts.any_staff():
        return render_template("staff/set_up_over.html", used=True), HTTPStatus.GONE
    form = SetUpForm(request.form)
    if request.method == "POST" and form.validate():
        try:
            staff = accounts.create_first_admin(form.email.data or "", form.name.data or "", form.password.data or "")
            db.session.commit()
        except Invalid as error:
            db.session.rollback()
            show_faults(form, error)
        except Conflict:
            db.session.rollback()
            return render_template("staff/set_up_over.html", used=True), HTTPStatus.GONE
        else:
            flash(f"Welcome, {staff.name}. This desk is yours.", "good")
            return _signed_in(staff, url_for("dashboard.index"))
    return render_template("staff/set_up.html", form=form)


@blueprint.route("/password", methods=["GET", "POST"])
def password() -> ResponseReturnValue:
    """Change one's own password, which ends every other session of the account."""
    staff = caller().staff
    if staff is None:
        raise Unauthenticated("Sign in to change your password.")
    form = PasswordForm(request.form)
    if request.method == "GET" or not form.validate():
        return render_template("staff/password.html", form=form)
    # Whoever finds a signed-in browser could guess here as well as on the sign-in page.
    attempt = _attempt(staff.email)
    attempt.count()
    if not verify_password(staff.password_hash, form.current.data or ""):
        form.current.errors = ["This is not your current password."]
        return render_template("staff/password.html", form=form)
    attempt.give_back()
    accounts.change_password(staff, form.password.data or "")
    db.session.commit()
    flash("Your password is changed. All your other sessions have ended.", "good")
    return _signed_in(staff, url_for("dashboard.index"))


def _attempt(email: str) -> Attempt:
    return Attempt(email, client_address(), request.cookies.get(DEVICE_COOKIE))


def _signed_in(staff: Staff, page: str) -> Response:
    """Start a session and lead to the page.

    Nothing of an earlier session survives but the messages: somebody else may have planted it.
    """
    messages = session.get("_flashes", [])
    session.clear()
    session.permanent = True
    login_user(staff)
    if messages:
        session["_flashes"] = messages
    response = redirect(page)
    response.set_cookie(
        DEVICE_COOKIE,
        make_device(staff.email),
        max_age=DEVICE_COOKIE_AGE,
        path=url_for("dashboard.index"),
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )
    return response


def _wanted_page() -> str:
    """The page to open after signing in: a path of the console, and never another site's address."""
    wanted = request.args.get("next", "")
    local = wanted.startswith("/staff/") and wanted.isprintable() and "\\" not in wanted
    return wanted if local else url_for("dashboard.index")
