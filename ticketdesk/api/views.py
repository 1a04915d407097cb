"""The API's routes. Each reads its request, calls a verb or a query, and commits once."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Blueprint, Response, current_app, render_template, request

from ticketdesk.ai import record
from ticketdesk.ai.suggest import Suggester, is_enough
from ticketdesk.api import openapi as document
from ticketdesk.api.contract import answer, operation, read_body, read_query
from ticketdesk.api.schemas import (
    TOO_SHORT,
    ClassifyIn,
    ListQuery,
    StatsOut,
    SuggestionOut,
    TicketCreated,
    TicketDetail,
    TicketIn,
    TicketOut,
    TicketPatch,
)
from ticketdesk.core.errors import FieldFault, Invalid, Stale, Unavailable
from ticketdesk.core.text import UNSTORABLE_SENTENCE, is_storable
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db, limiter
from ticketdesk.gate import caller
from ticketdesk.models import Occasion, Ticket
from ticketdesk.tickets import idempotency, queries, serialize, service
from ticketdesk.tickets import stats as figures

blueprint = Blueprint("api", __name__, url_prefix="/api")

OK, CREATED = HTTPStatus.OK, HTTPStatus.CREATED
BAD, UNAUTHENTICATED, FORBIDDEN = HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN
MISSING, CONFLICT, STALE = HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED
TOO_LARGE, NOT_JSON = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE
LIMITED, UNAVAILABLE = HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE

IDEMPOTENCY_KEY_MAX = 255


def _has_token() -> bool:
    return caller().token is not None


@blueprint.post("/tickets/")
@limiter.limit(lambda: current_app.config["RATELIMIT_CREATE"], exempt_when=_has_token)
@operation(
    {CREATED: TicketCreated},
    BAD, UNAUTHENTICATED, CONFLICT, TOO_LARGE, NOT_JSON, LIMITED, UNAVAILABLE,
    body=TicketIn,
    request_headers={"Idempotency-Key": "The same key with the same body gets the first answer again, for a day."},
    answer_headers={"Location": "Where programs find the ticket."},
)  # fmt: skip
def create_ticket() -> Response:
    """Open a ticket.

    Anyone may, at a limited rate. Category and priority that are left out are filled by the AI within
    its time budget, else by general and medium; `classified_by` says which.
    """
    new = read_body(TicketIn).to_new().checked()
    key, request_hash = _idempotency()
    if key and (earlier := idempotency.earlier_answer(key, request_hash)):
        return _created(earlier)
    suggestion = None
    if new.category is None or new.priority is None:
        # The engines may think for seconds; the connection goes back to the pool meanwhile.
        db.session.rollback()
        suggestion = _suggester().suggest(new.title, new.description, requester_name=new.requester_name)
    ticket = service.create_ticket(new, caller().actor, suggestion)
    if suggestion is not None:
        record.record(suggestion, Occasion.API, ticket)
    # Through JSON and back, so that the first answer and its repetition are the same to the letter.
    content = orjson.loads(
        answer(
            serialize.ticket(ticket) | {"url": serialize.customer_url(ticket, current_app.config["PUBLIC_URL"])}
        ).data
    )
    if key and not idempotency.claim(key, request_hash, ticket, content):
        db.session.rollback()
        return _created(idempotency.earlier_answer(key, request_hash) or content)
    db.session.commit()
    return _created(content)


@blueprint.get("/tickets/")
@operation(
    {OK: list[TicketOut]},
    BAD, UNAUTHENTICATED, UNAVAILABLE,
    query=ListQuery,
    answer_headers={"Link": "The address of the next page, with rel=next; missing on the last one."},
)  # fmt: skip
def list_tickets() -> Response:
    """List tickets, newest first."""
    query = read_query(ListQuery)
    wanted = queries.Filter(
        category=frozenset(query.category),
        priority=frozenset(query.priority),
        status=frozenset(query.status),
        search=query.search,
        sort=query.sort,
    )
    page = queries.page(wanted, cursor=query.cursor, limit=query.limit)
    response = answer([serialize.ticket(row) for row in page.rows])
    if page.next is not None:
        others = [(name, value) for name, value in request.args.items(multi=True) if name != "cursor"]
        response.headers["Link"] = f'<{request.base_url}?{urlencode([*others, ("cursor", page.next)])}>; rel="next"'
    return response


@blueprint.get("/tickets/<int:ticket_id>/")
@operation(
    {OK: TicketDetail},
    UNAUTHENTICATED, MISSING, UNAVAILABLE,
    answer_headers={"ETag": "The ticket's version, for If-Match and If-None-Match."},
)  # fmt: skip
def show_ticket(ticket_id: int) -> Response:
    """Show a ticket with its events."""
    return _detail(queries.by_id(ticket_id))


@blueprint.patch("/tickets/<int:ticket_id>/")
@operation(
    {OK: TicketDetail},
    BAD, UNAUTHENTICATED, FORBIDDEN, MISSING, STALE, TOO_LARGE, NOT_JSON, UNAVAILABLE,
    body=TicketPatch,
    request_headers={"If-Match": "The ETag you read; the change is refused with 412 if the ticket has changed since."},
    answer_headers={"ETag": "The ticket's new version."},
)  # fmt: skip
def change_ticket(ticket_id: int) -> Response:
    """Change a ticket's title, category, priority or status."""
    changes = read_body(TicketPatch).to_changes()
    ticket = service.locked(ticket_id)
    if request.if_match and not request.if_match.contains(_etag(ticket)):
        raise Stale("This ticket has changed since you loaded it; load it again and repeat your change.")
    service.change(ticket, changes, caller().actor)
    db.session.commit()
    return _detail(ticket)


@blueprint.get("/tickets/stats/")
@operation({OK: StatsOut}, UNAUTHENTICATED, UNAVAILABLE)
def stats() -> Response:
    """Count the desk's tickets."""
    found = figures.stats()
    return answer(
        {
            "total_tickets": found.total,
            **{f"{status}_tickets": found.by_status[status] for status in Status},
            "avg_tickets_per_day": found.average_a_day,
            "priority_breakdown": found.by_priority,
            "category_breakdown": found.by_category,
        }
    )


@blueprint.post("/tickets/classify/")
@limiter.limit(lambda: current_app.config["RATELIMIT_CLASSIFY"], exempt_when=_has_token)
@operation(
    {OK: SuggestionOut},
    BAD, UNAUTHENTICATED, TOO_LARGE, NOT_JSON, LIMITED, UNAVAILABLE,
    body=ClassifyIn,
)  # fmt: skip
def classify() -> Response:
    """Suggest a category and a priority for a text, without opening a ticket."""
    body = read_body(ClassifyIn)
    if not (is_storable(body.title) and is_storable(body.description)):
        raise Invalid(FieldFault("description", UNSTORABLE_SENTENCE))
    if not is_enough(f"{body.title} {body.description}"):
        raise Invalid(FieldFault("description", TOO_SHORT))
    db.session.rollback()
    suggestion = _suggester().suggest(body.title, body.description)
    record.record(suggestion, Occasion.API)
    db.session.commit()
    if suggestion.engine is None:
        raise Unavailable("No engine can answer right now; choose a category and a priority yourself.", retry_after=30)
    return answer(serialize.suggestion(suggestion))


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The OpenAPI 3.1 document of this API."""
    return answer(document.build(current_app))


@blueprint.get("/docs")
def docs() -> str:
    """The reference page, drawn from the same document."""
    return render_template("api/docs.html", document=document.build(current_app))


def _suggester() -> Suggester:
    suggester: Suggester = current_app.extensions["suggester"]
    return suggester


def _idempotency() -> tuple[str | None, str]:
    chosen = request.headers.get("Idempotency-Key", "")
    if not chosen:
        return None, ""
    if len(chosen) > IDEMPOTENCY_KEY_MAX:
        raise Invalid(FieldFault("Idempotency-Key", f"A key has at most {IDEMPOTENCY_KEY_MAX} characters."))
    token = caller().token
    sender = f"token {token.id}" if token else "anyone"
    return idempotency.digest(sender, chosen), idempotency.digest(request.get_data(cache=True))


def _created(content: dict[str, Any]) -> Response:
    return answer(content, CREATED, {"Location": f"/api/tickets/{content['id']}/"})


def _detail(ticket: Ticket) -> Response:
    events = [serialize.event(event) for event in queries.events_of(ticket)]
    response = answer(serialize.ticket(ticket) | {"events": events})
    response.set_etag(_etag(ticket))
    response.make_conditional(request)
    return response


def _etag(ticket: Ticket) -> str:
    return str(ticket.version)
