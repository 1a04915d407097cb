"""Rating the help one got, on the ticket's own page and by the links of a mail."""

from http import HTTPStatus

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from ticketdesk.core.errors import Conflict, DomainError, FieldFault, Invalid
from ticketdesk.core.vocabulary import RATING_NAMES, Rating, Status
from ticketdesk.extensions import db, limiter
from ticketdesk.gate import caller
from ticketdesk.portal import waiting, wording
from ticketdesk.tickets import queries, service
from ticketdesk.tickets.rating import is_about_now, rate
from ticketdesk.tickets.workflow import DONE

blueprint = Blueprint("rating", __name__)


@blueprint.get("/t/<link>/rating")
def ask(link: str) -> ResponseReturnValue:
    """Where a mail's link leads: the choice is ready and takes a press of a button, because scanners open links."""
    return _page(link, _read(request.args.get("rating")))


@blueprint.post("/t/<link>/rating")
@limiter.limit(lambda: current_app.config["RATELIMIT_REPLY"])
def give(link: str) -> ResponseReturnValue:
    """Rate, or say more about it; what stops it comes back with what was typed."""
    rating, comment = _read(request.form.get("rating")), request.form.get("comment")
    if rating is None:
        raise Invalid(FieldFault("rating", "Choose one of the two."))
    ticket = service.locked(queries.by_link(link).id)
    try:
        rate(ticket, rating, caller().actor, comment)
    except (Conflict, Invalid) as error:
        db.session.rollback()
        fault = error.sentences if isinstance(error, Invalid) else ""
        return _page(link, rating, comment=comment, fault=fault), HTTPStatus.BAD_REQUEST
    db.session.commit()
    return redirect(url_for("portal.ticket", link=link, _anchor="rating"), HTTPStatus.SEE_OTHER)


@blueprint.errorhandler(CSRFError)
@blueprint.errorhandler(RateLimitExceeded)
def _not_sent(error: HTTPException) -> ResponseReturnValue:
    """Nothing is wrong with what was typed, so it comes back with the way to send it again."""
    status = HTTPStatus(error.code or HTTPStatus.BAD_REQUEST)
    form, link = request.form, (request.view_args or {})["link"]
    problem = wording.not_sent(status, waiting.seconds(), button="Send my rating", things="ratings")
    try:
        page = _page(link, _read(form.get("rating")), comment=form.get("comment"), problem=problem)
    except DomainError as lost:
        # There is no such ticket. Raised from here, it would be answered as a fault of ours.
        return current_app.handle_user_exception(lost)
    return page, status, waiting.retry_after()


def _page(link: str, rating: Rating | None, *, comment: str | None = None, fault: str = "", problem: str = "") -> str:
    ticket = queries.by_link(link)
    return render_template(
        "portal/rating.html",
        ticket=ticket,
        rating=rating or (ticket.rating if is_about_now(ticket) else None),
        comment=ticket.rating_comment if comment is None else comment,
        done=Status(ticket.status) in DONE,
        # What is refused before the gate has been sent by nobody known.
        staff=None if problem else caller().staff,
        ratings=RATING_NAMES,
        fault=fault,
        problem=problem,
    )


def _read(value: str | None) -> Rating | None:
    return next((rating for rating in Rating if rating == value), None)
