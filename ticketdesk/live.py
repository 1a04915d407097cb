"""Parts of pages that refresh themselves."""

from collections.abc import Callable
from hashlib import blake2b
from http import HTTPStatus

from flask import Response, make_response, request

from ticketdesk import local_time
from ticketdesk.core import clock
from ticketdesk.gate import caller


def live_part(draw: Callable[[], str], revision: str | None = None) -> Response:
    """The part as an answer that costs a 304 while nothing in it has changed.

    With a ``revision`` of all that it shows (see `tickets.revision`) it is not even
    drawn for that. Times are told in minutes, so it is drawn anew each minute.
    """
    if revision is None:
        response = make_response(draw())
        response.add_etag()
        response.make_conditional(request)
        return response
    if (same := unchanged(revision)) is not None:
        return same
    response = make_response(draw())
    response.set_etag(_tag(revision))
    return response


def unchanged(revision: str) -> Response | None:
    """The 304 for whoever has the part of this revision already."""
    tag = _tag(revision)
    if not request.if_none_match.contains_weak(tag):
        return None
    response = Response(status=HTTPStatus.NOT_MODIFIED)
    response.set_etag(tag)
    return response


def minute() -> int:
    """The minute that it is, by which times are told; a number."""
    return int(clock.now().timestamp()) // 60


def _tag(revision: str) -> str:
    """What names the part as this person sees it here and now."""
    staff = caller().staff
    person = f"{staff.id} {staff.name}" if staff else ""
    said = "\n".join((request.full_path, person, str(local_time.zone()), str(minute()), revision))
    return blake2b(said.encode(), digest_size=12).hexdigest()
