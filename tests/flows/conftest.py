"""A desk that mails for real, to a server of the test's own."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from tests.conftest import opened, settings_for
from tests.factories import make_token
from tests.fakes.smtp import FakeMailServer
from ticketdesk import create_app

Program = Callable[..., dict[str, object]]


@pytest.fixture
def server() -> Iterator[FakeMailServer]:
    with FakeMailServer() as fake:
        yield fake


@pytest.fixture
def desk(committed_url: str, server: FakeMailServer) -> Iterator[Flask]:
    """A desk that mails through the fake server."""
    settings = settings_for(
        committed_url,
        MAIL_URL=f"smtp://127.0.0.1:{server.port}",
        MAIL_FROM="support@example.com",
        MAIL_REPLY_ADDRESS="desk@example.com",
        MAIL_STATUS_CHANGES="on",
        DESK_NAME="Acme Support",
        AI_ENGINE="local",
    )
    with opened(create_app(settings)) as app, app.app_context():
        yield app


@pytest.fixture
def program(desk: Flask) -> Program:
    """Calls the API with a token that may write."""
    client, headers = desk.test_client(), {"Authorization": f"Bearer {make_token()}"}

    def call(method: str, path: str, **body: object) -> dict[str, object]:
        answer = client.open(path, method=method, json=body, headers=headers)
        assert answer.status_code < 300, answer.text
        assert isinstance(answer.json, dict)
        return answer.json

    return call
