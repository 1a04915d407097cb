"""Answers that bring files. A browser saves them and never shows them, but for thumbnails, which the desk has drawn."""

from flask import Response
from werkzeug.datastructures import ETags

from ticketdesk.attachments.names import disposition
from ticketdesk.attachments.storage import current_storage
from ticketdesk.attachments.thumbnails import MEDIA_TYPE, thumbnail_key
from ticketdesk.core.errors import NotFound
from ticketdesk.models import Attachment

# Whatever a browser would make of it all the same: it runs nothing, asks for nothing, and belongs to no origin.
_ALONE = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def download(file: Attachment) -> Response:
    """The file, to be saved under its name.

    Raises:
        NotFound: the content is gone.
        StoreUnavailable: the store does not answer.
    """
    response = Response(current_storage().read(file.key), content_type=file.media_type, headers=_ALONE)
    response.content_length = file.size
    response.headers["Content-Disposition"] = disposition(file.name)
    return response


def thumbnail(file: Attachment, known: ETags) -> Response:
    """The picture's thumbnail, unless the browser has it already.

    Raises:
        NotFound: there is none.
        StoreUnavailable: the store does not answer.
    """
    if not file.thumbnail:
        raise NotFound("There is no thumbnail of this file.")
    if known.contains_weak(file.key):
        response = Response(status=304)
    else:
        response = Response(current_storage().read(thumbnail_key(file.key)), content_type=MEDIA_TYPE, headers=_ALONE)
    response.set_etag(file.key)
    return response
