"""The API's routes. Each reads its request, calls a verb or a query, and commits once."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, render_template, request

from ticketdesk.ai import record
from ticketdesk.ai.suggest import current_suggester, is_enough
from ticketdesk.api import acts, once
from ticketdesk.api import openapi as document
from ticketdesk.api.contract import Files, Model, View, answer, operation, read_body, read_form, read_query, versioned
from ticketdesk.api.once import Done
from ticketdesk.api.schemas import (
    TOO_SHORT,
    AttachmentOut,
    AttachmentsIn,
    ClassifyIn,
    ListQuery,
    MessageIn,
    MessageOut,
    MessagesQuery,
    SimilarTicket,
    StatsOut,
    SuggestionOut,
    TicketCreated,
    TicketDetail,
    TicketIn,
    TicketOut,
    TicketPatch,
)
from ticketdesk.attachments import service as attachments
from ticketdesk.attachments.policy import FIELD
from ticketdesk.attachments.service import Received
from ticketdesk.core.errors import FieldFault, Invalid, Stale, Unavailable
from ticketdesk.core.text import UNSTORABLE_SENTENCE, is_storable
from ticketdesk.core.vocabulary import Status
from ticketdesk.downloads import download
from ticketdesk.extensions import db, limiter
from ticketdesk.gate import caller
from ticketdesk.models import Channel, MessageKind, Occasion, Staff, Ticket
from ticketdesk.tickets import alike, assignment, conversation, queries, serialize, service, thread
from ticketdesk.tickets import stats as figures
from ticketdesk.tickets.filter import Assignee, Filter
from ticketdesk.tickets.rows import Listed
from ticketdesk.tickets.rules import tidy_tag
from ticketdesk.tickets.service import Clear

blueprint = Blueprint("api", __name__, url_prefix="/api")

OK, CREATED = HTTPStatus.OK, HTTPStatus.CREATED
BAD, UNAUTHENTICATED, FORBIDDEN = HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN
MISSING, CONFLICT, STALE = HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED
TOO_LARGE, NOT_JSON = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE
LIMITED, UNAVAILABLE = HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE


acts.install(blueprint)


def _limited(setting: str) -> Callable[[View], View]:
    """Hold strangers to a limit from the settings; a program has a token, and the limiter is not asked about it."""

    def decorate(view: View) -> View:
        limited = limiter.limit(lambda: current_app.config[setting])(view)

        @wraps(view)
        def run(**arguments: Any) -> Response:
            return (view if caller().token is not None else limited)(**arguments)

        return cast(View, run)

    return decorate


@blueprint.post("/tickets/")
@_limited("RATELIMIT_CREATE")
@operation(
    {CREATED: TicketCreated},
    BAD, UNAUTHENTICATED, CONFLICT, TOO_LARGE, NOT_JSON, LIMITED, UNAVAILABLE,
    body=TicketIn,
    files=Files.WELCOME,
    request_headers=once.HEADER,
    answer_headers={"Location": "Where programs find the ticket."},
)  # fmt: skip
@once.once(location="/api/tickets/{id}/")
def create_ticket() -> Done:
    """Open a ticket.

    Anyone may, at a limited rate. Category and priority that are left out are filled by the AI within
    its time budget, else by general and medium; `classified_by` says which.
    """
    new = _read(TicketIn).to_new().checked()
    received = _receive()
    suggestion = None
    if new.category is None or new.priority is None:
        # The engines may think for seconds; the connection goes back to the pool meanwhile.
        db.session.rollback()
        suggestion = current_suggester().suggest(new.title, new.description, requester_name=new.requester_name)
    ticket = service.create_ticket(new, caller().actor, suggestion, files=attachments.claim(received.waiting))
    if suggestion is not None:
        record.record(suggestion, Occasion.API, ticket)
    url = serialize.customer_url(ticket, current_app.config["PUBLIC_URL"])
    return Done(serialize.ticket(ticket) | {"url": url}, ticket)


@blueprint.get("/tickets/")
@operation(
    {OK: list[TicketOut]},
    BAD, UNAUTHENTICATED, UNAVAILABLE,
    query=ListQuery,
    answer_headers={
        "Link": "The address of the next page, with rel=next; missing on the last one.",
        "ETag": "What the page shows, for If-None-Match.",
    },
)  # fmt: skip
def list_tickets() -> Response:
    """List tickets, newest first."""
    query = read_query(ListQuery)
    wanted = Filter(
        category=frozenset(query.category),
        priority=frozenset(query.priority),
        status=frozenset(query.status),
        assignee=frozenset(_assignee(word) for word in query.assignee),
        tag=frozenset(tidy_tag(tag) for tag in query.tag),
        requester=query.requester.strip(),
        created_after=query.created_after,
        created_before=query.created_before,
        snoozed=query.snoozed,
        search=query.search,
        sort=query.sort,
    )
    page = queries.page(wanted, cursor=query.cursor, limit=query.limit)
    response = answer([serialize.ticket(row) for row in page.rows])
    if page.next is not None:
        response.headers["Link"] = _next_page("cursor", page.next)
    return versioned(response)


@blueprint.get("/tickets/<int:ticket_id>/")
@operation(
    {OK: TicketDetail},
    UNAUTHENTICATED, MISSING, UNAVAILABLE,
    answer_headers={"ETag": "The ticket's version, for If-Match and If-None-Match."},
)  # fmt: skip
def show_ticket(ticket_id: int) -> Response:
    """Show a ticket with its events, also one that was merged into another."""
    return _detail(ticket_id)


@blueprint.patch("/tickets/<int:ticket_id>/")
@operation(
    {OK: TicketDetail},
    BAD, UNAUTHENTICATED, FORBIDDEN, MISSING, CONFLICT, STALE, TOO_LARGE, NOT_JSON, UNAVAILABLE,
    body=TicketPatch,
    request_headers={"If-Match": "The ETag you read; the change is refused with 412 if the ticket has changed since."},
    answer_headers={"ETag": "The ticket's new version."},
)  # fmt: skip
def change_ticket(ticket_id: int) -> Response:
    """Change a ticket: title, category, priority, status, assignee, tags, sleep."""
    patch = read_body(TicketPatch)
    changes = patch.to_changes(_new_assignee(patch))
    ticket = service.locked(ticket_id)
    # Weak tags count too: a proxy that compresses makes the tag weak, and the version is the same.
    if request.if_match and not request.if_match.contains_weak(_etag(ticket)):
        raise Stale("This ticket has changed since you loaded it; load it again and repeat your change.")
    service.change(ticket, changes, caller().actor)
    db.session.commit()
    return _detail(ticket_id)


@blueprint.get("/tickets/<int:ticket_id>/similar/")
@operation({OK: list[SimilarTicket]}, UNAUTHENTICATED, MISSING, UNAVAILABLE)
def list_similar(ticket_id: int) -> Response:
    """List up to five tickets that read most like this one, the nearest first.

    What is compared are the words of title and description, the rare ones above all; being close in time counts too.
    """
    found = alike.similar_to(queries.by_id(ticket_id))
    return answer(
        [serialize.ticket(each.ticket) | {"score": each.score, "shared_words": each.shared_words} for each in found]
    )


@blueprint.get("/tickets/<int:ticket_id>/messages/")
@operation(
    {OK: list[MessageOut]},
    BAD, UNAUTHENTICATED, MISSING, UNAVAILABLE,
    query=MessagesQuery,
    answer_headers={"Link": "The address of the next page, with rel=next; missing on the last one."},
)  # fmt: skip
def list_messages(ticket_id: int) -> Response:
    """List a ticket's replies and notes, oldest first.

    What the requester wrote to open the ticket is its `description` and not among them.
    """
    query = read_query(MessagesQuery)
    ticket = queries.by_id(ticket_id)
    found = thread.messages_after(ticket, query.after, limit=query.limit + 1)
    shown = found[: query.limit]
    files = attachments.of_messages(message.id for message in shown)
    response = answer([serialize.message(message, files.get(message.id, ())) for message in shown])
    if len(found) > len(shown):
        response.headers["Link"] = _next_page("after", str(shown[-1].id))
    return response


@blueprint.post("/tickets/<int:ticket_id>/messages/")
@operation(
    {CREATED: MessageOut},
    BAD, UNAUTHENTICATED, FORBIDDEN, MISSING, CONFLICT, TOO_LARGE, NOT_JSON, UNAVAILABLE,
    body=MessageIn,
    files=Files.WELCOME,
    request_headers=once.HEADER,
)  # fmt: skip
@once.once()
def add_message(ticket_id: int) -> Done:
    """Reply to the requester, or leave a note for the desk.

    The author is the token, or who is signed in. A reply is the desk's answer: it does not reopen a ticket.
    """
    return _say(ticket_id, _read(MessageIn))


@blueprint.get("/tickets/<int:ticket_id>/attachments/")
@operation({OK: list[AttachmentOut]}, UNAUTHENTICATED, MISSING, UNAVAILABLE)
def list_attachments(ticket_id: int) -> Response:
    """List a ticket's files: those of its description, of replies and of notes, oldest first."""
    files = attachments.of_ticket(queries.by_id(ticket_id))
    return answer([serialize.attachment(file) for file in files])


@blueprint.post("/tickets/<int:ticket_id>/attachments/")
@operation(
    {CREATED: MessageOut},
    BAD, UNAUTHENTICATED, FORBIDDEN, MISSING, CONFLICT, TOO_LARGE, NOT_JSON, UNAVAILABLE,
    body=AttachmentsIn,
    files=Files.NEEDED,
    request_headers=once.HEADER,
)  # fmt: skip
@once.once()
def add_attachments(ticket_id: int) -> Done:
    """Add files to a ticket, as a message with or without words.

    What a file is, is found in its content: pictures, PDFs, office documents, texts, mails, recordings and zip
    archives are taken. Nothing is added where one of the files is not.
    """
    new = read_form(AttachmentsIn)
    if not any(file.filename for file in request.files.getlist(FIELD)):
        raise Invalid(FieldFault(FIELD, "Send at least one file, with its name."))
    return _say(ticket_id, new)


@blueprint.get("/tickets/<int:ticket_id>/attachments/<int:attachment_id>/")
@operation(
    {OK: bytes},
    UNAUTHENTICATED, MISSING, UNAVAILABLE,
    answer_headers={"Content-Disposition": "The file's name, after RFC 6266."},
)  # fmt: skip
def show_attachment(ticket_id: int, attachment_id: int) -> Response:
    """Download a file."""
    return download(attachments.any_file(queries.by_id(ticket_id), attachment_id))


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
            "priority_breakdown": {word.value: tickets for word, tickets in found.by_priority.items()},
            "category_breakdown": {word.value: tickets for word, tickets in found.by_category.items()},
        }
    )


@blueprint.post("/tickets/classify/")
@_limited("RATELIMIT_CLASSIFY")
@operation(
    {OK: SuggestionOut},
    BAD, UNAUTHENTICATED, CONFLICT, TOO_LARGE, NOT_JSON, LIMITED, UNAVAILABLE,
    body=ClassifyIn,
    request_headers=once.HEADER,
)  # fmt: skip
@once.once(OK)
def classify() -> Done:
    """Suggest a category and a priority for a text, without opening a ticket."""
    body = read_body(ClassifyIn)
    if not (is_storable(body.title) and is_storable(body.description)):
        raise Invalid(FieldFault("description", UNSTORABLE_SENTENCE))
    if not is_enough(f"{body.title} {body.description}"):
        raise Invalid(FieldFault("description", TOO_SHORT))
    db.session.rollback()
    suggestion = current_suggester().suggest(body.title, body.description)
    record.record(suggestion, Occasion.API)
    if suggestion.engine is None:
        # That no engine answered is for the console's figures to tell, so it is kept although the request fails.
        db.session.commit()
        raise Unavailable("No engine can answer right now; choose a category and a priority yourself.", retry_after=30)
    return Done(serialize.suggestion(suggestion))


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The OpenAPI 3.1 document of this API."""
    return answer(document.build(current_app))


@blueprint.get("/docs")
def docs() -> str:
    """The reference page, drawn from the same document."""
    return render_template("api/docs.html", document=document.build(current_app))


def _read(model: type[Model]) -> Model:
    """The body, as JSON or as a form that may bring files."""
    return read_form(model) if request.mimetype == "multipart/form-data" else read_body(model)


def _receive() -> Received:
    """Take in the request's files, all or none."""
    if request.mimetype != "multipart/form-data":
        return Received()
    db.session.rollback()
    received = attachments.receive(request.files.getlist(FIELD))
    received.all_taken()
    db.session.commit()
    return received


def _say(ticket_id: int, new: MessageIn | AttachmentsIn) -> Done:
    queries.by_id(ticket_id)
    received = _receive()
    ticket, actor = service.locked(ticket_id), caller().actor
    files = attachments.claim(received.waiting)
    if new.kind is MessageKind.NOTE:
        message = conversation.add_note(ticket, new.body, actor, Channel.API, files=files)
    else:
        message = conversation.add_reply(
            ticket,
            new.body,
            actor,
            Channel.API,
            status=new.status,
            expected_last_message_id=new.last_message_id,
            files=files,
        )
    return Done(serialize.message(message, files), ticket)


def _assignee(word: str) -> int | Assignee:
    """Whose tickets are asked for, where a program names somebody by id, by address or by a word."""
    if word == Assignee.ME:
        staff = caller().staff
        if staff is None:
            raise Invalid(FieldFault("assignee", "A token is nobody; name an account by its id or e-mail address."))
        return staff.id
    if word == Assignee.NONE:
        return Assignee.NONE
    return int(word) if word.isdecimal() else assignment.agent(word).id


def _new_assignee(patch: TicketPatch) -> Staff | Clear | None:
    if patch.assignee is not None:
        return assignment.agent(patch.assignee)
    return Clear.CLEAR if "assignee" in patch.model_fields_set else None


def _next_page(name: str, value: str) -> str:
    """The Link header that leads to the same list further on."""
    others = [(key, given) for key, given in request.args.items(multi=True) if key != name]
    address = f"{request.scheme}://{request.host}{request.root_path}{request.path}"
    return f'<{address}?{urlencode([*others, (name, value)])}>; rel="next"'


def _detail(ticket_id: int) -> Response:
    ticket, events = queries.detail(ticket_id)
    shown = serialize.ticket(ticket) | {"merged_into": ticket.merged_into_id}
    response = answer(shown | {"events": [serialize.event(event) for event in events]})
    return versioned(response, _etag(ticket))


def _etag(ticket: Ticket | Listed) -> str:
    return str(ticket.version)
