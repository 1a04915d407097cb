"""The API's routes for merging, deleting and undoing."""

from http import HTTPStatus

from flask import Blueprint, Response

from ticketdesk.api import once
from ticketdesk.api.contract import answer, operation, read_body
from ticketdesk.api.once import Done
from ticketdesk.api.schemas import ActOut, MergeIn, TicketOut, UndoIn, UndoneOut
from ticketdesk.core.errors import Conflict, NotFound
from ticketdesk.extensions import db
from ticketdesk.gate import caller
from ticketdesk.models import Act, Ticket
from ticketdesk.models.columns import BIGINT_MAX
from ticketdesk.tickets import acts, merging, queries, serialize, trash, undo

OK, BAD, UNAUTHENTICATED = HTTPStatus.OK, HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED
FORBIDDEN, MISSING, CONFLICT = HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT
TOO_LARGE, NOT_JSON = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE
UNAVAILABLE = HTTPStatus.SERVICE_UNAVAILABLE


def install(blueprint: Blueprint) -> None:
    """Give the views their addresses."""
    ticket = "/tickets/<int:ticket_id>/"
    blueprint.delete(ticket)(delete_ticket)
    blueprint.post(f"{ticket}merge/")(merge_ticket)
    blueprint.post(f"{ticket}unmerge/")(unmerge_ticket)
    blueprint.get(f"{ticket}undo/")(list_acts)
    blueprint.post(f"{ticket}undo/")(undo_act)


@operation({HTTPStatus.NO_CONTENT: None}, UNAUTHENTICATED, FORBIDDEN, MISSING, UNAVAILABLE)
def delete_ticket(ticket_id: int) -> Response:
    """Move a ticket to the trash.

    It vanishes everywhere. For an hour it can be undone here, for some weeks staff can restore it in the console, and
    then it is gone for ever.
    """
    if trash.trash([ticket_id], caller().actor) is None:
        raise NotFound("There is no such ticket.")
    db.session.commit()
    return Response(status=HTTPStatus.NO_CONTENT)


@operation(
    {OK: TicketOut},
    BAD, UNAUTHENTICATED, FORBIDDEN, MISSING, CONFLICT, TOO_LARGE, NOT_JSON, UNAVAILABLE,
    body=MergeIn,
    request_headers=once.HEADER,
)  # fmt: skip
@once.once(OK)
def merge_ticket(ticket_id: int) -> Done:
    """Merge a ticket into another one of the same requester, and get that one.

    Messages and tags move there. The customer's link, the reference and the console lead there from now on;
    this API goes on showing the merged ticket by its own id, with `merged_into`.
    """
    survivor_id = read_body(MergeIn).into
    merging.merge(survivor_id, [ticket_id], caller().actor)
    survivor = queries.by_id(survivor_id)
    return Done(serialize.ticket(survivor), survivor)


@operation(
    {OK: TicketOut},
    BAD, UNAUTHENTICATED, FORBIDDEN, MISSING, CONFLICT, UNAVAILABLE,
    request_headers=once.HEADER,
)  # fmt: skip
@once.once(OK)
def unmerge_ticket(ticket_id: int) -> Done:
    """Make a merged ticket one of its own again.

    It comes back with the messages and tags that it brought along; what was said since stays where it was said.
    """
    ticket = merging.unmerge(ticket_id, caller().actor)
    return Done(serialize.ticket(ticket), ticket)


@operation({OK: list[ActOut]}, UNAUTHENTICATED, MISSING, UNAVAILABLE)
def list_acts(ticket_id: int) -> Response:
    """List what was done to this ticket and can be undone, the latest first."""
    return answer([serialize.act(act) for act in _acts(ticket_id)])


@operation(
    {OK: UndoneOut},
    BAD, UNAUTHENTICATED, FORBIDDEN, MISSING, CONFLICT, TOO_LARGE, NOT_JSON, UNAVAILABLE,
    body=UndoIn,
    request_headers=once.HEADER,
)  # fmt: skip
@once.once(OK)
def undo_act(ticket_id: int) -> Done:
    """Undo a bulk change, a merge or a deletion of the last hour, on all tickets that it was about.

    What others have changed since stays. Nobody is mailed.
    """
    wanted = read_body(UndoIn).act
    found = [act for act in _acts(ticket_id) if wanted in {None, act.id}]
    if not found:
        raise Conflict("Nothing that was done to this ticket within the last hour can be undone.")
    done = undo.undo(found[0].id, caller().actor)
    return Done({"act": serialize.act(found[0]), "kept": done.kept, "sentence": done.sentence})


def _acts(ticket_id: int) -> list[Act]:
    """What can be undone of a ticket, which may be gone."""
    if not 0 < ticket_id <= BIGINT_MAX or db.session.get(Ticket, ticket_id) is None:
        raise NotFound("There is no such ticket.")
    return list(acts.undoable_on(ticket_id))
