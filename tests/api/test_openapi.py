"""The API held to its own OpenAPI document, by requests that nobody would think of."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.conftest import cloned, opened, settings_for
from tests.factories import make_ticket, make_token
from ticketdesk import create_app, embedded
from ticketdesk.extensions import db
from ticketdesk.models import Scope
from ticketdesk.models.ticket import FIRST_ID

ROUTES = {
    ("post", "/api/tickets/"),
    ("get", "/api/tickets/"),
    ("get", "/api/tickets/{ticket_id}/"),
    ("patch", "/api/tickets/{ticket_id}/"),
    ("get", "/api/tickets/{ticket_id}/messages/"),
    ("get", "/api/tickets/{ticket_id}/similar/"),
    ("post", "/api/tickets/{ticket_id}/messages/"),
    ("get", "/api/tickets/{ticket_id}/attachments/"),
    ("post", "/api/tickets/{ticket_id}/attachments/"),
    ("get", "/api/tickets/{ticket_id}/attachments/{attachment_id}/"),
    ("delete", "/api/tickets/{ticket_id}/"),
    ("post", "/api/tickets/{ticket_id}/merge/"),
    ("post", "/api/tickets/{ticket_id}/unmerge/"),
    ("get", "/api/tickets/{ticket_id}/undo/"),
    ("post", "/api/tickets/{ticket_id}/undo/"),
    ("get", "/api/tickets/stats/"),
    ("post", "/api/tickets/classify/"),
}

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def desk(cluster: embedded.Cluster, template: str, worker_id: str) -> Iterator[Flask]:
    """A desk of its own with a few tickets, because these requests commit."""
    with (
        cloned(cluster, template, f"openapi_{worker_id}") as url,
        opened(create_app(settings_for(url))) as app,
    ):
        with app.app_context():
            for number in range(3):
                make_ticket(f"Ticket {number}")
        yield app


@pytest.fixture(autouse=True)
def _nothing_stays_gone(desk: Flask) -> Iterator[None]:
    """What a test has deleted or merged is there for the next one."""
    yield
    with desk.app_context():
        db.session.execute(sa.text("UPDATE ticket SET gone_at = NULL, merged_into_id = NULL WHERE gone_at IS NOT NULL"))
        db.session.commit()


@pytest.fixture(scope="module")
def token(desk: Flask) -> str:
    with desk.app_context():
        return make_token(Scope.WRITE)


@pytest.fixture(scope="module")
def schema(desk: Flask) -> Any:
    return schemathesis.openapi.from_wsgi("/api/openapi.json", desk)


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize(("method", "path"), sorted(ROUTES))
def test_with_a_token(schema: Any, token: str, method: str, path: str, mode: GenerationMode) -> None:
    send_many(schema[path][method], mode, 40, {"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize(("method", "path"), sorted(ROUTES))
def test_as_anybody(schema: Any, method: str, path: str, mode: GenerationMode) -> None:
    send_many(schema[path][method], mode, 10, None)


def send_many(operation: Any, mode: GenerationMode, examples: int, headers: dict[str, str] | None) -> None:
    """Send requests made from the document, good ones or bad ones, the same in every run."""

    @settings(max_examples=examples, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        if "ticket_id" in case.path_parameters and mode is GenerationMode.POSITIVE:
            # Nobody would guess an id that is there; every fourth stays one that is not.
            case.path_parameters["ticket_id"] = FIRST_ID + case.path_parameters["ticket_id"] % 4
        case.call_and_validate(checks=CHECKS, headers=headers)

    with contextlib.suppress(Unsatisfiable):  # A route without input has no bad input.
        send()


def test_the_document_has_every_route_of_the_contract(client: FlaskClient) -> None:
    document = client.get("/api/openapi.json").json
    assert document is not None
    assert document["openapi"].startswith("3.1")
    routes = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert routes == ROUTES
