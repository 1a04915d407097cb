"""The OpenAPI 3.1 document, written from the routes' declarations."""

import re
from functools import cache
from typing import Any

from flask import Flask
from pydantic import TypeAdapter

from ticketdesk.accounts.permissions import Need, need_of
from ticketdesk.api.contract import Files, Operation
from ticketdesk.api.schemas import Problem
from ticketdesk.attachments.policy import FIELD

_REFERENCES = "#/components/schemas/{model}"
_FILE = {"type": "string", "format": "binary"}
_FILES = {"type": "array", "items": _FILE, "description": "One part for each file, with its name."}
_CONVERTER = re.compile(r"<(?:(\w+):)?(\w+)>")

_INTRODUCTION = """\
Programs send `Authorization: Bearer …` with a token from the console (API tokens) or from
`flask token create`. Every error is `application/problem+json`, with all faults of the input in `errors`.
"""


@cache
def build(app: Flask) -> dict[str, Any]:
    """The document for this app's routes."""
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {}
    for rule in app.url_map.iter_rules():
        operation = getattr(app.view_functions[rule.endpoint], "operation", None)
        if operation is None:
            continue
        path = _CONVERTER.sub(r"{\2}", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            paths.setdefault(path, {})[method.lower()] = _operation(rule.endpoint, rule.rule, operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Ticketdesk API", "version": "1", "description": _INTRODUCTION},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": app.config["SESSION_COOKIE_NAME"]},
            },
        },
    }


def _operation(endpoint: str, rule: str, operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": endpoint.removeprefix("api."),
        "summary": operation.summary,
        "description": operation.description,
        "parameters": [
            *_path_parameters(rule),
            *_query_parameters(operation, schemas),
            *_header_parameters(operation),
        ],
        "responses": _responses(operation, schemas),
    }
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _request_content(operation, schemas)}
    need = need_of(endpoint)
    if need is Need.NOTHING:
        described["security"] = [{}, {"token": []}]
    elif need in {Need.READ, Need.WRITE}:
        described["security"] = [{"token": []}, {"session": []}]
    return described


def _request_content(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    schema = _schema(operation.body, "validation", schemas)
    content = {"application/json": {"schema": schema}}
    if operation.files is None:
        return content
    fields = schemas[schema["$ref"].rpartition("/")[2]]
    if operation.files is Files.NEEDED:
        fields |= {"properties": fields["properties"] | {FIELD: _FILES}, "required": [*fields["required"], FIELD]}
        return {"multipart/form-data": {"schema": schema}}
    return content | {
        "multipart/form-data": {"schema": fields | {"properties": fields["properties"] | {FIELD: _FILES}}}
    }


def _path_parameters(rule: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer", "minimum": 0} if converter == "int" else {"type": "string"},
        }
        for converter, name in _CONVERTER.findall(rule)
    ]


def _query_parameters(operation: Operation, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    whole = operation.query.model_json_schema(ref_template=_REFERENCES)
    schemas.update(whole.pop("$defs", {}))
    return [
        {
            "name": name,
            "in": "query",
            "schema": {key: value for key, value in schema.items() if key not in {"title", "description"}},
            "description": schema.get("description", ""),
        }
        for name, schema in whole["properties"].items()
    ]


def _header_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "header", "schema": {"type": "string"}, "description": meaning}
        for name, meaning in (operation.request_headers or {}).items()
    ]


def _responses(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": _schema(Problem, "serialization", schemas)}}
    headers = {
        name: {"schema": {"type": "string"}, "description": meaning}
        for name, meaning in (operation.answer_headers or {}).items()
    }
    answers = {
        str(int(status)): {
            "description": status.phrase,
            "headers": headers,
            "content": _content(model, schemas),
        }
        for status, model in operation.answers.items()
    }
    problems = {str(int(status)): {"description": status.phrase, "content": problem} for status in operation.problems}
    return answers | dict(sorted(problems.items()))


def _content(model: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    if model is None:
        return {}
    if model is bytes:
        return {"*/*": {"schema": _FILE}}
    return {"application/json": {"schema": _schema(model, "serialization", schemas)}}


def _schema(model: Any, mode: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """A reference to the model's schema, which is put among ``schemas`` with all that it refers to."""
    whole = TypeAdapter(model).json_schema(mode=mode, ref_template=_REFERENCES)
    schemas.update(whole.pop("$defs", {}))
    if "properties" not in whole:
        return whole
    schemas[whole["title"]] = whole
    return {"$ref": _REFERENCES.format(model=whole["title"])}
