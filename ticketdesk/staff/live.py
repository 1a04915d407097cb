"""Parts of pages that refresh themselves."""

from flask import make_response, request
from werkzeug.wrappers import Response


def live_part(html: str) -> Response:
    """The part as an answer that costs a 304 while nothing in it has changed."""
    response = make_response(html)
    response.add_etag()
    return response.make_conditional(request)
