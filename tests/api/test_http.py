"""What every address of the API has in common: problem documents, headers, limits."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import opened, settings_for
from tests.factories import make_token
from ticketdesk import create_app
from ticketdesk.models import Scope

NEW = {"title": "Charged twice", "description": "My card was charged twice for one invoice, please refund."}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/", 404),
        ("GET", "/api", 404),
        ("GET", "/api/nothing", 404),
        ("GET", "/api/tickets/abc/", 404),
        ("GET", "/api/tickets/-5/", 404),
        ("GET", "/api/%00", 404),
        ("GET", "/api/tickets/1/../../etc/passwd", 404),
        ("DELETE", "/api/tickets/", 405),
        ("PUT", "/api/tickets/1/", 405),
        ("GET", "/api/tickets/classify/", 405),
        ("POST", "/api/tickets/stats/", 405),
        ("POST", "/healthz", 405),
        ("GET", "/api/tickets/", 401),
        ("GET", "/api/tickets/1/", 401),
        ("PATCH", "/api/tickets/1/", 401),
        ("GET", "/api/tickets/stats/", 401),
    ],
)
def test_errors_are_problem_documents(client: FlaskClient, method: str, path: str, status: int) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    assert answer.json is not None
    assert answer.json["status"] == status
    assert answer.json["detail"].endswith(".")
    if status == 405:
        assert answer.headers["Allow"]
    if status == 401:
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_missing_slash_is_redirected_without_html(client: FlaskClient, reader: dict[str, str]) -> None:
    answer = client.get("/api/tickets?limit=1", headers=reader)
    assert answer.status_code == 308
    assert answer.headers["Location"].endswith("/api/tickets/?limit=1")
    assert answer.mimetype == "application/problem+json"
    assert client.get("/api/tickets?limit=1", headers=reader, follow_redirects=True).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    ["Bearer", "Bearer ", "Bearer wrong", "Bearer td_" + "x" * 5000, "Basic YTpi", "Bearer \xff", "bearer a b"],
)
def test_a_token_that_is_none(client: FlaskClient, authorization: str) -> None:
    headers = {"Authorization": authorization}
    assert client.get("/api/tickets/", headers=headers).status_code == 401
    # A program that sends a wrong token hears of it, also where none is needed.
    assert client.post("/api/tickets/", json=NEW, headers=headers).status_code == 401


def test_a_token_that_may_only_read_does_not_write(client: FlaskClient, reader: dict[str, str]) -> None:
    answer = client.patch("/api/tickets/1/", json={"status": "closed"}, headers=reader)
    assert answer.status_code == 403
    assert answer.mimetype == "application/problem+json"


def test_every_answer_carries_the_protecting_headers(client: FlaskClient) -> None:
    for path in ("/", "/api/tickets/", "/healthz", "/static/css/base.css", "/nothing"):
        with client.get(path) as answer:
            headers = answer.headers
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"]
        assert "Strict-Transport-Security" not in headers


def test_cookies_are_secure_where_customers_come_by_https(database_url: str) -> None:
    with opened(create_app(settings_for(database_url, PUBLIC_URL="https://desk.test"))) as app:
        answer = app.test_client().get("/", base_url="https://desk.test")
        cookie = answer.headers["Set-Cookie"]
        assert "Secure" in cookie
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert answer.headers["Strict-Transport-Security"]


class TestRateLimits:
    """Two apps on one database stand for two web workers."""

    @pytest.fixture
    def workers(self, committed_url: str) -> Any:
        settings = settings_for(
            committed_url,
            RATELIMIT_ENABLED="on",
            RATELIMIT_CREATE="3 per minute",
            RATELIMIT_CLASSIFY="2 per minute",
            TRUSTED_PROXIES="1",
        )
        with opened(create_app(settings)) as one, opened(create_app(settings)) as two:
            yield [one, two]

    def test_anyone_is_counted_across_workers(self, workers: list[Flask]) -> None:
        answers = [workers[n % 2].test_client().post("/api/tickets/", json=NEW) for n in range(5)]
        assert [answer.status_code for answer in answers] == [201, 201, 201, 429, 429]
        refused = answers[-1]
        assert refused.mimetype == "application/problem+json"
        assert 1 <= int(refused.headers["Retry-After"]) <= 60

    def test_classifying_has_its_own_limit(self, workers: list[Flask]) -> None:
        client = workers[0].test_client()
        text = {"description": "I cannot sign in to my account."}
        statuses = [client.post("/api/tickets/classify/", json=text).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        assert client.post("/api/tickets/", json=NEW).status_code == 201

    def test_programs_with_a_token_are_not_counted(self, workers: list[Flask]) -> None:
        with workers[0].app_context():
            headers = {"Authorization": f"Bearer {make_token(Scope.WRITE)}"}
        client = workers[0].test_client()
        assert {client.post("/api/tickets/", json=NEW, headers=headers).status_code for _ in range(6)} == {201}

    def test_the_address_is_what_the_trusted_proxy_saw(self, workers: list[Flask]) -> None:
        client = workers[0].test_client()

        def send(forwarded: str) -> int:
            return client.post("/api/tickets/", json=NEW, headers={"X-Forwarded-For": forwarded}).status_code

        # What a client writes in front of the proxy's own entry counts for nothing.
        assert [send(f"10.0.0.{n}, 203.0.113.7") for n in range(4)] == [201, 201, 201, 429]
        assert send("203.0.113.8") == 201
        # A customer holds a whole /64 of IPv6.
        assert [send(f"2001:db8::{n}") for n in range(1, 5)] == [201, 201, 201, 429]


def test_proxy_headers_count_for_nothing_unless_configured(committed_url: str) -> None:
    settings = settings_for(committed_url, RATELIMIT_ENABLED="on", RATELIMIT_CREATE="1 per minute")
    with opened(create_app(settings)) as app:
        client = app.test_client()
        headers = [{"X-Forwarded-For": f"203.0.113.{n}"} for n in range(2)]
        assert [client.post("/api/tickets/", json=NEW, headers=given).status_code for given in headers] == [201, 429]
