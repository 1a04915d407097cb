"""Files at the customer's door: taken in while a form is written, and given to whoever may see them."""

from http import HTTPStatus

from flask import Blueprint, Response, current_app, jsonify, request

from ticketdesk import downloads
from ticketdesk.attachments import service as attachments
from ticketdesk.attachments.policy import FIELD
from ticketdesk.extensions import db, limiter
from ticketdesk.gate import caller
from ticketdesk.tickets import queries

blueprint = Blueprint("files", __name__)


@blueprint.post("/uploads")
@limiter.limit(lambda: current_app.config["RATELIMIT_UPLOAD"], exempt_when=lambda: caller().staff is not None)
def upload() -> tuple[Response, HTTPStatus]:
    """Take one file in, for the script of a form, which sends the word for it along later."""
    db.session.rollback()
    received = attachments.receive(request.files.getlist(FIELD)[:1])
    db.session.commit()
    if not received.waiting:
        sentence = received.faults[0].message if received.faults else "No file has come in; try again."
        return jsonify(fault=sentence), HTTPStatus.BAD_REQUEST
    (file,) = received.waiting
    return jsonify(word=file.word, name=file.name, size=file.size), HTTPStatus.CREATED


@blueprint.get("/t/<link>/files/<int:attachment_id>")
def download(link: str, attachment_id: int) -> Response:
    """A file of the description or of a reply, to be saved."""
    return downloads.download(attachments.public_file(queries.by_link(link), attachment_id))


@blueprint.get("/t/<link>/files/<int:attachment_id>/thumbnail")
def thumbnail(link: str, attachment_id: int) -> Response:
    """What such a picture looks like."""
    return downloads.thumbnail(attachments.public_file(queries.by_link(link), attachment_id), request.if_none_match)
