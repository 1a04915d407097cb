"""The one place that turns errors into answers.

Programs get `application/problem+json` (RFC 9457) and people get a page. The
path decides, not the Accept header, so that a mistyped `/api/…` address is JSON too.
"""

from http import HTTPStatus
from typing import Any

import orjson
import psycopg
import structlog
from flask import Flask, Response, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from procrastinate.exceptions import ConnectorException
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from ticketdesk.attachments import service as attachments
from ticketdesk.attachments.policy import megabytes
from ticketdesk.core import clock, errors
from ticketdesk.extensions import db, limiter

log = structlog.get_logger(__name__)

STATUS: dict[type[errors.DomainError], HTTPStatus] = {
    errors.Invalid: HTTPStatus.BAD_REQUEST,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Gone: HTTPStatus.GONE,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Stale: HTTPStatus.PRECONDITION_FAILED,
    errors.TooManyAttempts: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

DRAINED_AT_ONCE = 64 * 1024

# What Werkzeug says itself is written for developers; these speak to whoever sent the request.
SENTENCES = {
    HTTPStatus.BAD_REQUEST: "The request cannot be read.",
    HTTPStatus.NOT_FOUND: "There is nothing at this address.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take this method.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "This is more than the desk takes in one request.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "Send “Content-Type: application/json”, or “multipart/form-data” with files.",
    HTTPStatus.TOO_MANY_REQUESTS: "You are sending more than the desk takes from one place; wait a moment and repeat.",
}


def install(app: Flask) -> None:
    """Register the handlers."""
    app.register_error_handler(errors.DomainError, _domain_error)
    app.register_error_handler(HTTPException, _http_error)
    for kind in (DBAPIError, PoolTimeoutError, ConnectorException, psycopg.Error):
        app.register_error_handler(kind, _database_error)
    app.register_error_handler(Exception, _unexpected)
    app.after_request(_redirect_without_html)
    # Before the session is closed, which would raise where the connection died after the view was done with it.
    app.teardown_appcontext(_let_go)


def _let_go(_error: BaseException | None = None) -> None:
    """End the session's transaction, also where its connection has died meanwhile."""
    if not db.session.registry.has():
        return
    try:
        db.session.rollback()
    except SQLAlchemyError:
        db.session().invalidate()


def _domain_error(error: errors.DomainError) -> AnyResponse:
    _let_go()
    if isinstance(error, errors.Unauthenticated) and not _for_programs():
        return redirect(url_for("sign_in.sign_in", next=request.full_path.rstrip("?")))
    status = next(status for kind, status in STATUS.items() if isinstance(error, kind))
    response = _answer(
        status,
        str(error),
        faults=error.faults if isinstance(error, errors.Invalid) else (),
        retry_after=error.retry_after if isinstance(error, errors.TooManyAttempts | errors.Unavailable) else None,
    )
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _http_error(error: HTTPException) -> AnyResponse:
    _let_go()
    status = HTTPStatus(error.code or 500)
    sentence = SENTENCES.get(status, error.description or status.phrase)
    if isinstance(error, CSRFError):
        sentence = "This page has been open since before your session ended; go back, load it again and repeat."
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        sentence = _too_large()
    response = _answer(status, sentence)
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    if limiter.current_limit is not None and status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = limiter.current_limit.reset_at - clock.now().timestamp()
        response.headers["Retry-After"] = str(max(1, int(wait)))
    return response


def _too_large() -> str:
    """Why the request was refused, once its sender is done sending: whoever is cut off before hears no answer."""
    limits, announced = attachments.limits(), request.content_length or 0
    if (request.max_content_length or 0) < announced <= 2 * limits.request:
        while announced > 0 and (piece := request.environ["wsgi.input"].read(min(announced, DRAINED_AT_ONCE))):
            announced -= len(piece)
    if request.mimetype != "multipart/form-data":
        return SENTENCES[HTTPStatus.REQUEST_ENTITY_TOO_LARGE]
    return (
        f"These files are too large together; a message takes {megabytes(limits.total)}, "
        f"and {megabytes(limits.size)} each."
    )


def _database_error(error: Exception) -> AnyResponse:
    """The answer to a request that the database could not serve now; a fault of ours is told as such."""
    _let_go()
    told = isinstance(error, PoolTimeoutError | psycopg.Error)
    cause = error if told else getattr(error, "orig", None) or error.__cause__
    trouble = _trouble(cause)
    if trouble is None:
        return _unexpected(error)
    log.error("database_unavailable", error=type(cause).__name__, reason=str(cause))
    return _domain_error(trouble)


def _trouble(cause: BaseException | None) -> errors.Unavailable | None:
    """What the sender of a request is told of an error that passes, or None where it will not pass by itself."""
    match cause:
        case PoolTimeoutError():
            return errors.Unavailable("The desk is busy with other requests; try again in a moment.", retry_after=2)
        case psycopg.errors.QueryCanceled() | psycopg.errors.IdleInTransactionSessionTimeout():
            return errors.Unavailable("This took longer than the desk allows; try again in a moment, or ask for less.")
        case psycopg.errors.LockNotAvailable() | psycopg.errors.DeadlockDetected():
            return errors.Unavailable("Others are changing the same right now; try again in a moment.", retry_after=1)
        case psycopg.errors.ReadOnlySqlTransaction():
            # What was the primary has become a standby; new connections find the one that is primary now.
            db.engine.engine.dispose()
        case psycopg.OperationalError() | psycopg.InterfaceError():
            pass
        case _:
            return None
    return errors.Unavailable("The desk cannot reach its database right now; try again in a moment.")


def _unexpected(error: Exception) -> AnyResponse:
    _let_go()
    log.exception("unexpected_error", error=type(error).__name__)
    return _answer(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Something went wrong on our side. It has been written down; please try again.",
    )


def _redirect_without_html(response: Response) -> Response:
    """Give the redirect to a path with its trailing slash, which Flask answers past all handlers, our shape."""
    if response.status_code == HTTPStatus.PERMANENT_REDIRECT and _for_programs():
        problem = _answer(HTTPStatus.PERMANENT_REDIRECT, "This address ends with a slash.")
        response.data, response.mimetype = problem.data, "application/problem+json"
    return response


def _for_programs() -> bool:
    return request.path.startswith("/api/") or request.path in {"/api", "/healthz", "/readyz"}


def _answer(
    status: HTTPStatus,
    sentence: str,
    faults: tuple[errors.FieldFault, ...] = (),
    retry_after: int | None = None,
) -> Response:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if not _for_programs():
        page = render_template(
            "errors/error.html", status=status, sentence=sentence, faults=faults, retry_after=retry_after
        )
        return Response(page, status, headers, mimetype="text/html")
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status,
        "detail": sentence,
    }
    if faults:
        problem["errors"] = [{"field": fault.field, "message": fault.message} for fault in faults]
    return Response(orjson.dumps(problem), status, headers, mimetype="application/problem+json")
