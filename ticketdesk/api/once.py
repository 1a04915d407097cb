"""Requests that carry an Idempotency-Key are carried out once, and their repetitions get the first answer."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from flask import Response, request

from ticketdesk.api.contract import answer
from ticketdesk.attachments.kinds import look_into
from ticketdesk.core.errors import DomainError, FieldFault, Invalid
from ticketdesk.extensions import db
from ticketdesk.gate import caller
from ticketdesk.models import Ticket
from ticketdesk.tickets import idempotency

KEY_MAX = 255
HEADER = {"Idempotency-Key": "The same key with the same request gets the first answer again, for a day."}


@dataclass(frozen=True, slots=True)
class Done:
    """What a view has done, not yet committed: its answer, and the ticket it was about."""

    content: dict[str, Any]
    ticket: Ticket | None = None


def once(
    status: HTTPStatus = HTTPStatus.CREATED, *, location: str | None = None
) -> Callable[[Callable[..., Done]], Callable[..., Response]]:
    """Make a view that does something into one that commits it, once for each Idempotency-Key.

    ``location`` is the address of what was made, with fields of the answer in
    braces. A request that failed was not carried out, so its key stays free.
    """

    def respond(content: dict[str, Any]) -> Response:
        headers = {"Location": location.format_map(content)} if location else None
        return answer(content, status, headers)

    def decorate(view: Callable[..., Done]) -> Callable[..., Response]:
        @functools.wraps(view)
        def run(**arguments: Any) -> Response:
            key, request_hash = _read_key()
            if key is None:
                done = view(**arguments)
                db.session.commit()
                return respond(done.content)
            if earlier := idempotency.earlier_answer(key, request_hash):
                return respond(earlier)
            try:
                done = view(**arguments)
            except DomainError:
                # An equal request may have been carried out meanwhile, and be the reason why this one was not.
                db.session.rollback()
                if earlier := idempotency.earlier_answer(key, request_hash):
                    return respond(earlier)
                raise
            # Through JSON and back, so that the first answer and its repetition are the same to the letter.
            content = orjson.loads(answer(done.content).data)
            if not idempotency.claim(key, request_hash, done.ticket, content):
                db.session.rollback()
                return respond(idempotency.earlier_answer(key, request_hash) or content)
            db.session.commit()
            return respond(content)

        return run

    return decorate


def _read_key() -> tuple[str | None, str]:
    """The key, bound to its sender, and the hash of what they ask for; no key without the header."""
    chosen = request.headers.get("Idempotency-Key", "")
    if not chosen:
        return None, ""
    if len(chosen) > KEY_MAX:
        raise Invalid(FieldFault("Idempotency-Key", f"A key has at most {KEY_MAX} characters."))
    actor = caller().actor
    sender = f"{actor.kind} {actor.id}"
    return idempotency.digest(sender, chosen), idempotency.digest(request.path, *_asked())


def _asked() -> Iterator[str | bytes]:
    """What is asked for: the body to the letter, or of a form what it says, because each sending parts it anew."""
    if request.mimetype != "multipart/form-data":
        yield request.get_data(cache=True)
        return
    for name, value in request.form.items(multi=True):
        yield from (name, value)
    for name, file in request.files.items(multi=True):
        yield from (name, file.filename or "", look_into(file.stream).sha256)
