"""Somebody at the console."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import csrf_header
from ticketdesk.extensions import db
from ticketdesk.models import Staff

Send = Callable[..., TestResponse]


@pytest.fixture
def send() -> Send:
    """Send a form of the console and see the page that it leads to."""

    def send(client: FlaskClient, path: str, **fields: Any) -> TestResponse:
        return client.post(path, data=fields, headers=csrf_header(client), follow_redirects=True)

    return send


def me(app: Flask, client: FlaskClient) -> Staff:
    """The account that the client is signed in with."""
    with client.session_transaction() as session:
        staff_id = int(session["_user_id"].partition(":")[0])
    return db.session.get_one(Staff, staff_id)


def listed(answer: TestResponse) -> list[int]:
    """The ids of the tickets on a page of the queue, in order."""
    assert answer.status_code == 200, answer.text
    return [int(number) for number in re.findall(r'<tbody class="ticket[^"]*" id="ticket-(\d+)"', answer.text)]


def toasts(answer: TestResponse) -> list[str]:
    """What the page says in its toasts."""
    return re.findall(r'<div class="toast \w+"><p>(.*?)</p>', answer.text)
