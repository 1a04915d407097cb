"""How a route of the API says what it takes and gives, and how a request is held to it.

The same declaration validates requests and writes the OpenAPI document.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, TypeVar, cast, get_origin

import orjson
from flask import Response, request
from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import UnsupportedMediaType

from ticketdesk.attachments.policy import FIELD
from ticketdesk.core.errors import FieldFault, Invalid
from ticketdesk.core.text import UNSTORABLE_SENTENCE, is_storable

_CONDITIONS = {"HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_RANGE", "HTTP_RANGE"}

Model = TypeVar("Model", bound=BaseModel)
View = TypeVar("View", bound=Callable[..., Response])


class Files(Enum):
    """Whether the body may or must come as a form (multipart) with files."""

    WELCOME = auto()
    NEEDED = auto()


@dataclass(frozen=True, slots=True)
class Operation:
    """What one route takes and gives; ``problems`` are the statuses of its problem documents.

    An answer of ``bytes`` is a file, and one of None has no content.
    """

    summary: str
    description: str
    answers: dict[HTTPStatus, Any]
    problems: tuple[HTTPStatus, ...]
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    files: Files | None = None
    request_headers: dict[str, str] | None = None
    answer_headers: dict[str, str] | None = None


def operation(
    answers: dict[HTTPStatus, Any],
    *problems: HTTPStatus,
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    files: Files | None = None,
    request_headers: dict[str, str] | None = None,
    answer_headers: dict[str, str] | None = None,
) -> Callable[[View], View]:
    """Declare a view's contract; its docstring gives the summary and the description."""

    def declare(view: View) -> View:
        summary, _, description = (view.__doc__ or "").strip().partition("\n")
        tidy = "\n".join(line.strip() for line in description.strip().splitlines())
        view.operation = Operation(  # type: ignore[attr-defined]
            summary.rstrip("."), tidy, answers, problems, body, query, files, request_headers, answer_headers
        )
        return view

    return declare


def read_body(model: type[Model]) -> Model:
    """The request's JSON body.

    Raises:
        UnsupportedMediaType: it is not declared as JSON.
        Invalid: it is not JSON, or not what the model asks for; all faults are named.
    """
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    try:
        return model.model_validate_json(request.get_data(cache=True), strict=True)
    except ValidationError as error:
        raise _invalid(error, "body") from None


def read_form(model: type[Model]) -> Model:
    """The request's body as a form (multipart); its files are read elsewhere.

    Raises:
        UnsupportedMediaType: it is not declared as a form.
        Invalid: it is not what the model asks for; all faults are named.
    """
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType
    values, faults = _single(model, request.form)
    faults += [FieldFault(name, f"Files go into the field “{FIELD}”.") for name in request.files if name != FIELD]
    return _validated(model.model_validate_strings, values, "body", faults)


def read_query(model: type[Model]) -> Model:
    """The query string; a field that is a sequence takes every value of its key, any other field exactly one.

    Raises:
        Invalid: a parameter is unknown, repeated or wrong; all faults are named.
    """
    values, faults = _single(model, request.args)
    return _validated(model.model_validate, values, "query", faults)


def _single(model: type[BaseModel], sent: MultiDict[str, str]) -> tuple[dict[str, Any], list[FieldFault]]:
    """The values by name, several only where the model wants a sequence of them."""
    values: dict[str, Any] = {}
    faults = []
    for name, given in sent.lists():
        field = model.model_fields.get(name)
        if not all(is_storable(value) for value in given):
            faults.append(FieldFault(name, UNSTORABLE_SENTENCE))
        elif field is not None and get_origin(field.annotation) is Sequence:
            values[name] = given
        elif len(given) > 1:
            faults.append(FieldFault(name, "Give this once."))
        else:
            values[name] = given[0]
    return values, faults


def _validated(validate: Callable[[Any], Model], values: dict[str, Any], whole: str, faults: list[FieldFault]) -> Model:
    try:
        read = validate(values)
    except ValidationError as error:
        faults = [*faults, *_invalid(error, whole).faults]
    if faults:
        raise Invalid(*faults)
    return read


def answer(content: Any, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None) -> Response:
    """A JSON response; times are written in UTC with a Z."""
    return Response(
        orjson.dumps(content, option=orjson.OPT_UTC_Z),
        status,
        headers,
        mimetype="application/json",
    )


def versioned(response: Response, version: str | None = None) -> Response:
    """The answer with an ETag, or 304 where the caller has it already; without a ``version`` its bytes are hashed."""
    if version is None:
        response.add_etag()
    else:
        response.set_etag(version)
    # What Werkzeug does for conditions costs as much as validating the query, and most requests have none.
    if _CONDITIONS.isdisjoint(request.environ):
        return response
    return cast(Response, response.make_conditional(request))


def _invalid(error: ValidationError, whole: str) -> Invalid:
    """All faults that Pydantic found, in the API's shape; ``whole`` names what has no field of its own."""
    return Invalid(
        *(
            FieldFault(".".join(str(part) for part in fault["loc"]) or whole, _sentence(fault["type"], fault["msg"]))
            for fault in error.errors(include_url=False, include_context=False, include_input=False)
        )
    )


def _sentence(kind: str, message: str) -> str:
    match kind:
        case "missing":
            return "This is required."
        case "extra_forbidden":
            return "There is no such field."
        case _:
            return f"{message.removeprefix('Value error, ')}."
