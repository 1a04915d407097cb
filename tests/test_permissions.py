"""Every route × everybody: what the table of permissions says is what happens."""

import uuid
from collections.abc import Callable
from enum import Enum

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from tests.conftest import csrf_header, settings_for, signed_in
from tests.factories import make_ticket, make_token
from ticketdesk import create_app
from ticketdesk.accounts import customers
from ticketdesk.accounts.permissions import ROUTES, Need, need_of
from ticketdesk.models import Role, Scope
from ticketdesk.portal.mine import COOKIE

# Building an app touches no database, so its routes can be read while tests are collected.
RULES = sorted(create_app(settings_for("postgresql://nobody@/none")).url_map.iter_rules(), key=str)
CALLS = [(rule, method) for rule in RULES for method in sorted(rule.methods or ()) if method not in {"HEAD", "OPTIONS"}]


class Who(Enum):
    """Everybody who may knock."""

    NOBODY = "nobody"
    CUSTOMER = "customer"
    AGENT = "agent"
    ADMIN = "admin"
    READ_TOKEN = "read token"
    WRITE_TOKEN = "write token"


# Tokens are for the API alone; elsewhere they are not looked at, and their holder is nobody.
ALLOWED = {
    Need.NOTHING: set(Who),
    Need.READ: {Who.AGENT, Who.ADMIN, Who.READ_TOKEN, Who.WRITE_TOKEN},
    Need.WRITE: {Who.AGENT, Who.ADMIN, Who.WRITE_TOKEN},
    Need.STAFF: {Who.AGENT, Who.ADMIN},
    Need.ADMIN: {Who.ADMIN},
}


@pytest.fixture
def send(app: Flask) -> Callable[[Who, Rule, str], int | str]:
    """Send a request to a route as somebody, with the CSRF header; gives the status, or where it leads."""
    ticket = make_ticket()
    samples = {"ticket_id": ticket.id, "link": ticket.link_id.hex, "path": "css/base.css", "filename": "css/base.css"}

    def as_who(who: Who) -> tuple[FlaskClient, dict[str, str]]:
        match who:
            case Who.NOBODY:
                client = app.test_client()
                return client, csrf_header(client)
            case Who.CUSTOMER:
                client = app.test_client()
                # Sent everywhere, not to the customer's list alone, as by somebody who tries.
                client.set_cookie(COOKIE, customers.sign_in(customers.make_link_key(ticket.requester_email or "")))
                return client, csrf_header(client)
            case Who.AGENT | Who.ADMIN:
                client = signed_in(app, Role(who.value))
                return client, csrf_header(client)
            case Who.READ_TOKEN:
                client = app.test_client()
                return client, csrf_header(client) | {"Authorization": f"Bearer {make_token(Scope.READ)}"}
            case Who.WRITE_TOKEN:
                client = app.test_client()
                return client, csrf_header(client) | {"Authorization": f"Bearer {make_token(Scope.WRITE)}"}

    def send(who: Who, rule: Rule, method: str) -> int | str:
        client, headers = as_who(who)
        values = {name: samples.get(name, "1") for name in rule.arguments}
        with app.test_request_context():
            _, path = app.url_map.bind("desk.test").build(rule.endpoint, values, force_external=True).split("desk.test")
        with client.open(path, method=method, headers=headers) as answer:
            location = answer.headers.get("Location", "")
            return location if "/staff/sign-in" in location else answer.status_code

    return send


@pytest.mark.parametrize(("rule", "method"), CALLS, ids=lambda value: str(value))
def test_the_table_is_what_happens(send: Callable[[Who, Rule, str], int | str], rule: Rule, method: str) -> None:
    need = need_of(rule.endpoint)
    assert need is not None, f"{rule.endpoint} ({rule}) has no line in accounts/permissions.py"
    is_api = rule.endpoint.startswith("api.")
    for who in Who:
        is_token = who in {Who.READ_TOKEN, Who.WRITE_TOKEN}
        known = Who.NOBODY if who is Who.CUSTOMER or (is_token and not is_api) else who
        outcome = send(who, rule, method)
        if known in ALLOWED[need]:
            assert outcome not in {401, 403}, f"{who} is refused"
            assert isinstance(outcome, int) or rule.endpoint.startswith("sign_in."), f"{who} is sent to sign in"
            assert outcome != 500
        elif known is Who.NOBODY and not is_api:
            assert isinstance(outcome, str), f"{who} got {outcome} and should be asked to sign in"
        else:
            assert outcome == (401 if known is Who.NOBODY else 403), f"{who} got {outcome}"


def test_every_line_of_the_table_has_a_route() -> None:
    endpoints = {rule.endpoint for rule in RULES}
    used = {next(pattern for pattern, _ in ROUTES if _fits(endpoint, pattern)) for endpoint in endpoints}
    assert {pattern for pattern, _ in ROUTES} - used == set(), "These lines of the table are for routes that are gone."


def _fits(endpoint: str, pattern: str) -> bool:
    return endpoint == pattern or (pattern.endswith("*") and endpoint.startswith(pattern[:-1]))


def test_a_route_without_a_line_is_refused_to_everybody(plain_app: Flask) -> None:
    assert need_of("forgotten.page") is None


def test_a_link_opens_its_own_ticket_and_no_other(client: FlaskClient) -> None:
    mine, other = make_ticket("Mine"), make_ticket("Other")
    page = client.get(f"/t/{mine.link_id.hex}")
    assert page.status_code == 200
    assert "Mine" in page.text
    assert "Other" not in page.text
    assert other.link_id.hex not in page.text
    for guess in (uuid.uuid4().hex, "0" * 32, "x", str(mine.id), mine.reference):
        assert client.get(f"/t/{guess}").status_code == 404
