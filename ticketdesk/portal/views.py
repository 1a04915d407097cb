"""The customer's door: the form, the suggestion step and the ticket's own page."""

import uuid
from collections.abc import Sequence
from http import HTTPStatus

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, url_for
from itsdangerous import BadData, URLSafeSerializer
from werkzeug.wrappers import Response as AnyResponse

from ticketdesk.ai import record
from ticketdesk.ai.suggest import Suggestion, current_suggester
from ticketdesk.attachments import service as attachments
from ticketdesk.attachments.waiting import Waiting
from ticketdesk.core.errors import FieldFault, Invalid
from ticketdesk.core.vocabulary import RATING_NAMES, Status
from ticketdesk.extensions import db, limiter
from ticketdesk.gate import caller
from ticketdesk.live import live_part
from ticketdesk.models import AiSuggestion, Channel, Occasion, Ticket
from ticketdesk.models.columns import BIGINT_MAX
from ticketdesk.portal import files, mine, rating, subscription, waiting, wording
from ticketdesk.portal.forms import ReplyForm, TicketForm
from ticketdesk.tickets import conversation, idempotency, queries, revision, serialize, service, thread
from ticketdesk.tickets.rating import is_about_now
from ticketdesk.tickets.service import NewTicket
from ticketdesk.tickets.workflow import DONE

blueprint = Blueprint("portal", __name__)
for part in (rating, mine, subscription, files):
    blueprint.register_blueprint(part.blueprint)
blueprint.add_app_template_filter(wording.sureness)
blueprint.add_app_template_filter(wording.engine_name)


@blueprint.get("/")
def form() -> Response:
    """The empty form."""
    return _form_page(TicketForm(formdata=None))


@blueprint.post("/")
@limiter.limit(lambda: current_app.config["RATELIMIT_CREATE"])
def create() -> AnyResponse:
    """Open a ticket and lead to its page; the same form sent again leads to the same ticket."""
    form = TicketForm()
    form.take_in()
    shown = _shown(form)
    new = form.checked()
    if new is None:
        return _form_page(form, HTTPStatus.BAD_REQUEST, shown=shown)
    digest = form.digest(new)
    try:
        answer = idempotency.earlier_answer(digest, digest) or _create(new, shown, digest, form.waiting)
    except Invalid as error:
        # The files may have gone with this very form, sent by the first of two clicks.
        db.session.rollback()
        earlier = idempotency.earlier_answer(digest, digest)
        if earlier is None:
            form.lose(error)
            return _form_page(form, HTTPStatus.BAD_REQUEST, shown=_shown(form))
        answer = earlier
    return redirect(url_for("portal.ticket", link=answer["link"]), HTTPStatus.SEE_OTHER)


def _create(new: NewTicket, shown: AiSuggestion | None, digest: str, waiting: Sequence[Waiting]) -> dict[str, str]:
    """Open the ticket unless it was opened meanwhile, and return the answer to repeat."""
    suggestion = record.reread(shown) if shown else None
    if suggestion is None and (new.category is None or new.priority is None):
        suggestion = _suggest(new.title, new.description, new.requester_name)
    ticket = service.create_ticket(
        new, caller().actor, suggestion, seen=shown is not None, files=attachments.claim(waiting)
    )
    if shown is not None:
        record.attach(shown, ticket)
    elif suggestion is not None:
        record.record(suggestion, Occasion.FORM, ticket)
    answer = {"link": ticket.link_id.hex}
    if not idempotency.claim(digest, digest, ticket, answer):
        db.session.rollback()
        return idempotency.earlier_answer(digest, digest) or answer
    db.session.commit()
    return answer


@blueprint.post("/suggest")
@limiter.limit(lambda: current_app.config["RATELIMIT_CLASSIFY"])
def suggest() -> Response:
    """The banner for what was typed so far, for the script of the form's page."""
    form = TicketForm()
    text = form.text_to_classify()
    if text is None:
        return make_response("", HTTPStatus.BAD_REQUEST)
    row = _propose(form, *text)
    return make_response(render_template("portal/_suggestion.html", form=form, shown=row))


@blueprint.post("/review")
@limiter.limit(lambda: current_app.config["RATELIMIT_CLASSIFY"])
def review() -> Response:
    """The same as a step, without a script: the form again with the suggestion filled in."""
    form = TicketForm()
    form.take_in()
    form.blame(*form.faults)
    shown = _shown(form)
    text = form.text_to_classify()
    if text is None:
        return _form_page(form, HTTPStatus.BAD_REQUEST, shown=shown)
    row = _propose(form, *text)
    if row.engine:
        form.prefill(row, seen=shown)
    return _form_page(form, shown=row)


@blueprint.get("/review")
def review_again() -> AnyResponse:
    """Whoever comes back to the step's address without having sent anything starts at the form."""
    return redirect(url_for("portal.form"))


@blueprint.get("/t/<link>")
def ticket(link: str) -> AnyResponse:
    """The ticket's own page, for whoever knows its link; one that was merged leads to where it went."""
    found = queries.by_link(link)
    if found.link_id != uuid.UUID(hex=link):
        return redirect(url_for("portal.ticket", link=found.link_id.hex))
    return _ticket_page(found, ReplyForm(formdata=None))


@blueprint.get("/t/<link>/progress")
def progress(link: str) -> Response:
    """The part of that page which follows the ticket."""
    found = queries.by_link(link)
    return live_part(lambda: render_template("portal/_progress.html", **_told(found)), revision.of_public(found))


@blueprint.post("/t/<link>")
@limiter.limit(lambda: current_app.config["RATELIMIT_REPLY"])
def reply(link: str) -> AnyResponse:
    """Say something on the ticket; the same form sent again says it no second time."""
    form = ReplyForm()
    found = queries.by_link(link)
    form.take_in()
    digest = form.digest(link)
    try:
        answer = idempotency.earlier_answer(digest, digest) or _say(found, form, digest)
    except Invalid as error:
        # The files may have gone with this very form, sent by the first of two clicks.
        db.session.rollback()
        earlier = idempotency.earlier_answer(digest, digest)
        if earlier is not None:
            return redirect(_said(link, earlier), HTTPStatus.SEE_OTHER)
        form.lose(error)
        return _ticket_page(queries.by_link(link), form, HTTPStatus.BAD_REQUEST)
    return redirect(_said(link, answer), HTTPStatus.SEE_OTHER)


def _said(link: str, answer: dict[str, int]) -> str:
    return url_for("portal.ticket", link=link, _anchor=f"message-{answer['message']}")


@blueprint.post("/t/<link>/status")
@limiter.limit(lambda: current_app.config["RATELIMIT_REPLY"])
def change_status(link: str) -> AnyResponse:
    """Close the ticket, or open one again that is resolved or closed."""
    ticket = service.locked(queries.by_link(link).id)
    match request.form.get("status"):
        case Status.CLOSED:
            service.change_status(ticket, Status.CLOSED, caller().actor)
        case Status.OPEN:
            # A page that is out of date does not take back that somebody works on it.
            if Status(ticket.status) in DONE:
                service.change_status(ticket, Status.OPEN, caller().actor)
        case _:
            raise Invalid(FieldFault("status", "A ticket can be closed or opened here."))
    db.session.commit()
    return redirect(url_for("portal.ticket", link=link), HTTPStatus.SEE_OTHER)


def _say(ticket: Ticket, form: ReplyForm, digest: str) -> dict[str, int]:
    """Add the reply unless it was added meanwhile, and return the answer to repeat."""
    if form.faults:
        raise Invalid(*form.faults)
    ticket = service.locked(ticket.id)
    files = attachments.claim(form.waiting)
    message = conversation.add_reply(ticket, form.body.data or "", caller().actor, Channel.PORTAL, files=files)
    answer = {"message": message.id}
    if not idempotency.claim(digest, digest, ticket, answer):
        db.session.rollback()
        return idempotency.earlier_answer(digest, digest) or answer
    db.session.commit()
    return answer


def _ticket_page(ticket: Ticket, form: ReplyForm, status: HTTPStatus = HTTPStatus.OK) -> Response:
    url = serialize.customer_url(ticket, current_app.config["PUBLIC_URL"])
    html = render_template("portal/ticket.html", **_told(ticket), url=url, reply=form)
    page = make_response(html, status)
    page.headers["Cache-Control"] = "private, no-store"
    return page


def _told(ticket: Ticket) -> dict[str, object]:
    """What the ticket's page says; ``before`` in the address asks for an earlier part of the thread."""
    heading, advice = wording.STATUS_HEADINGS[Status(ticket.status)]
    before = request.args.get("before", type=int)
    if before is not None and not 0 < before <= BIGINT_MAX:
        before = None
    return {
        "ticket": ticket,
        "heading": heading,
        "advice": advice,
        "done": Status(ticket.status) in DONE,
        "rated": is_about_now(ticket),
        "ratings": RATING_NAMES,
        "staff": caller().staff,
        "thread": thread.public_thread(ticket, before=before),
        "before": before,
        "history": wording.history(queries.public_events_of(ticket), current_app.config["DESK_NAME"]),
    }


@blueprint.after_request
def _unlist(page: Response) -> Response:
    """A link is the customer's key, so no search engine and no other site gets to know it."""
    if {"link", "key"} & set(request.view_args or {}):
        page.headers["X-Robots-Tag"] = "noindex, nofollow"
        page.headers["Referrer-Policy"] = "no-referrer"
    return page


def _form_page(
    form: TicketForm, status: HTTPStatus = HTTPStatus.OK, *, shown: AiSuggestion | None = None, problem: str = ""
) -> Response:
    return make_response(render_template("portal/form.html", form=form, shown=shown, problem=problem), status)


def _suggest(title: str, description: str, requester_name: str | None) -> Suggestion:
    # The engines may think for seconds; the connection goes back to the pool meanwhile.
    db.session.rollback()
    return current_suggester().suggest(title, description, requester_name=requester_name)


def _propose(form: TicketForm, title: str, description: str) -> AiSuggestion:
    """Ask the engines, keep their answer, and let the form carry its number."""
    row = record.record(_suggest(title, description, form.requester_name.data), Occasion.FORM)
    db.session.commit()
    if row.engine:
        form.suggestion.data = _signer().dumps(row.id)
    return row


def _shown(form: TicketForm) -> AiSuggestion | None:
    """The suggestion that the customer had before their eyes when they sent the form."""
    try:
        return record.by_id(_signer().loads(form.suggestion.data or ""))
    except BadData:
        return None


def _signer() -> URLSafeSerializer:
    """Signs a suggestion's number, so that nobody can put another's into the form."""
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="suggestion")


@blueprint.app_context_processor
def _for_error_pages() -> dict[str, object]:
    """Whatever goes wrong with the form's sending, the error page is the form with all that was typed."""
    return {"unsent_form": _unsent_form, "unsent_reply": _unsent_reply, "unsent_problem": _unsent_problem}


def _unsent_form(status: HTTPStatus) -> TicketForm | None:
    sent = request.endpoint in {"portal.create", "portal.review"} and status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return TicketForm() if sent else None


def _unsent_reply(status: HTTPStatus) -> ReplyForm | None:
    return ReplyForm() if request.endpoint == "portal.reply" and wording.may_send_again(status) else None


def _unsent_problem(status: HTTPStatus) -> str:
    if request.endpoint == "portal.reply":
        return wording.not_sent(status, waiting.seconds(), button="Send reply", things="messages")
    return wording.not_sent(status, waiting.seconds())
