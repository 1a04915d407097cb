"""Signing in the way the page's form does."""

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import csrf_header
from tests.factories import PASSWORD, make_staff
from ticketdesk.models import Role

EMAIL = "grace@desk.example"


def make_grace(desk: Flask, role: Role = Role.AGENT) -> int:
    """An account for Grace with ``PASSWORD``; gives its id."""
    with desk.app_context():
        return make_staff(role, email=EMAIL).id


def sign_in(
    client: FlaskClient, password: str = PASSWORD, *, email: str = EMAIL, address: str = "192.0.2.1", page: str = ""
) -> TestResponse:
    """Send the sign-in form from the address; ``page`` is where its person wanted to go."""
    return client.post(
        "/staff/sign-in",
        query_string={"next": page} if page else {},
        data={"email": email, "password": password},
        headers=csrf_header(client),
        environ_overrides={"REMOTE_ADDR": address},
    )
