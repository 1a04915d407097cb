"""The tickets of the JSON API, through its door."""

import re
import threading
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import csrf_header, opened, settings_for
from tests.factories import make_ticket
from ticketdesk import create_app
from ticketdesk.core.vocabulary import Category, Priority
from ticketdesk.extensions import db
from ticketdesk.models import AiSuggestion, Ticket

NEW = {"title": "Charged twice", "description": "My card was charged twice for one invoice, please refund."}


def faults(answer: TestResponse) -> dict[str, str]:
    """The faults of a problem document, by field."""
    assert answer.mimetype == "application/problem+json"
    assert answer.json is not None
    assert answer.json["status"] == answer.status_code
    return {fault["field"]: fault["message"] for fault in answer.json.get("errors", [])}


def create(client: FlaskClient, headers: dict[str, str] | None = None, **values: Any) -> TestResponse:
    return client.post("/api/tickets/", json=NEW | values, headers=headers)


class TestCreate:
    def test_anyone_may_and_the_ai_fills_what_is_left_out(self, client: FlaskClient) -> None:
        answer = create(client)
        assert answer.status_code == 201
        assert answer.json is not None
        assert answer.json["category"] == "billing"
        assert answer.json["classified_by"] == "local"
        assert answer.headers["Location"] == f"/api/tickets/{answer.json['id']}/"
        assert answer.json["reference"] == f"TD-{answer.json['id']}"
        assert re.fullmatch(r"http://desk\.test/t/[0-9a-f]{32}", answer.json["url"])
        row = db.session.scalars(sa.select(AiSuggestion)).one()
        assert (row.ticket_id, row.category, row.engine) == (answer.json["id"], "billing", "local")

    def test_the_link_is_given_in_this_answer_only(self, client: FlaskClient, reader: dict[str, str]) -> None:
        created = create(client)
        assert created.json is not None
        for path in (created.headers["Location"], "/api/tickets/"):
            assert created.json["url"].rsplit("/", 1)[1] not in client.get(path, headers=reader).text

    def test_what_the_sender_chose_is_kept_and_no_engine_is_asked(
        self, client: FlaskClient, writer: dict[str, str]
    ) -> None:
        answer = create(client, writer, category="account", priority="low")
        assert answer.json is not None
        assert (answer.json["category"], answer.json["priority"]) == ("account", "low")
        assert answer.json["classified_by"] == "api"
        assert db.session.scalar(sa.select(sa.func.count()).select_from(AiSuggestion)) == 0

    def test_one_chosen_and_one_left_out(self, client: FlaskClient) -> None:
        answer = create(client, category="account")
        assert answer.json is not None
        assert (answer.json["category"], answer.json["category_set_by"]) == ("account", "customer")
        assert (answer.json["priority_set_by"], answer.json["classified_by"]) == ("local", "local")

    def test_texts_are_tidied(self, client: FlaskClient) -> None:
        answer = create(
            client,
            title="  Two\n words ",
            description="\r\nOne\r\nTwo  ",
            requester_name=" Ada \t L. ",
            requester_email=" Ada@EXAMPLE.com ",
        )
        assert answer.json is not None
        assert answer.json["title"] == "Two words"
        assert answer.json["description"] == "One\nTwo"
        assert answer.json["requester_name"] == "Ada L."
        assert answer.json["requester_email"] == "Ada@example.com"

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"title": ""}, "title"),
            ({"title": "  "}, "title"),
            ({"title": "x" * 201}, "title"),
            ({"title": 7}, "title"),
            ({"title": None}, "title"),
            ({"title": ["a"]}, "title"),
            ({"title": "a\x00b"}, "title"),
            ({"description": ""}, "description"),
            ({"description": "x" * 20_001}, "description"),
            ({"description": {"a": 1}}, "description"),
            ({"category": "sales"}, "category"),
            ({"category": ""}, "category"),
            ({"category": 1}, "category"),
            ({"priority": "URGENT"}, "priority"),
            ({"priority": True}, "priority"),
            ({"requester_email": "nobody"}, "requester_email"),
            ({"requester_email": "a@b"}, "requester_email"),
            ({"requester_email": "a@b.de\nBcc: all@example.com"}, "requester_email"),
            ({"requester_name": "x" * 201}, "requester_name"),
            ({"status": "closed"}, "status"),
            ({"id": 5}, "id"),
            ({"created_at": "2020-01-01T00:00:00Z"}, "created_at"),
        ],
        ids=str,
    )
    def test_a_bad_value_is_named(self, client: FlaskClient, values: dict[str, Any], field: str) -> None:
        answer = create(client, **values)
        assert answer.status_code == 400
        assert set(faults(answer)) == {field}
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Ticket)) == 0

    def test_all_faults_are_told_at_once(self, client: FlaskClient) -> None:
        answer = client.post("/api/tickets/", json={"category": "x", "colour": "red"})
        assert set(faults(answer)) == {"title", "description", "category", "colour"}

    @pytest.mark.parametrize(
        "body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b'{"title": "\\ud800"}', b"[" * 100_000, b"NaN", b"1e999"]
    )
    def test_a_body_that_is_no_ticket(self, client: FlaskClient, body: bytes) -> None:
        answer = client.post("/api/tickets/", data=body, content_type="application/json")
        assert answer.status_code == 400
        assert faults(answer)

    @pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
    def test_only_json_is_read(self, client: FlaskClient, kind: str | None) -> None:
        answer = client.post("/api/tickets/", data=b"{}", content_type=kind)
        assert answer.status_code == 415
        faults(answer)

    def test_a_body_of_20_mb_is_refused(self, client: FlaskClient) -> None:
        answer = client.post("/api/tickets/", data=b"x" * 20_000_000, content_type="application/json")
        assert answer.status_code == 413
        faults(answer)


class TestIdempotencyKey:
    def test_a_repetition_gets_the_first_answer_and_makes_no_ticket(self, client: FlaskClient) -> None:
        key = {"Idempotency-Key": "order-7"}
        first, again = create(client, key), create(client, key)
        assert (again.status_code, again.data) == (201, first.data)
        assert again.headers["Location"] == first.headers["Location"]
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Ticket)) == 1

    def test_the_key_with_another_body_is_a_conflict(self, client: FlaskClient) -> None:
        key = {"Idempotency-Key": "order-7"}
        create(client, key)
        answer = create(client, key, title="Something else")
        assert answer.status_code == 409
        faults(answer)

    def test_a_key_belongs_to_its_sender(self, client: FlaskClient, writer: dict[str, str]) -> None:
        key = {"Idempotency-Key": "order-7"}
        assert create(client, key).json != create(client, writer | key).json

    def test_a_key_that_is_too_long(self, client: FlaskClient) -> None:
        answer = create(client, {"Idempotency-Key": "k" * 256})
        assert answer.status_code == 400

    def test_two_at_the_same_moment_make_one_ticket(self, committed_url: str) -> None:
        with opened(create_app(settings_for(committed_url))) as app:
            answers: list[bytes] = []
            start = threading.Barrier(4)

            def send() -> None:
                client = app.test_client()
                start.wait()
                answers.append(create(client, {"Idempotency-Key": "one"}).data)

            threads = [threading.Thread(target=send) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(answers) == 4
            assert len(set(answers)) == 1
            with app.app_context():
                assert db.session.scalar(sa.select(sa.func.count()).select_from(Ticket)) == 1


class TestList:
    def test_it_is_an_array_newest_first(self, client: FlaskClient, reader: dict[str, str]) -> None:
        ids = [make_ticket(f"Ticket {n}").id for n in range(3)]
        answer = client.get("/api/tickets/", headers=reader)
        assert answer.json is not None
        assert [ticket["id"] for ticket in answer.json] == ids[::-1]
        assert "Link" not in answer.headers

    def test_a_page_that_is_known_is_not_sent_again(
        self, client: FlaskClient, reader: dict[str, str], writer: dict[str, str]
    ) -> None:
        ticket = make_ticket()
        make_ticket()
        url = "/api/tickets/?limit=1&sort=created_at"
        known = client.get(url, headers=reader).headers["ETag"]
        again = client.get(url, headers=reader | {"If-None-Match": known})
        assert (again.status_code, again.data) == (304, b"")
        assert "rel=" in again.headers["Link"]
        client.patch(f"/api/tickets/{ticket.id}/", json={"title": "Another"}, headers=writer)
        changed = client.get(url, headers=reader | {"If-None-Match": known})
        assert (changed.status_code, changed.headers["ETag"] != known) == (200, True)

    def test_following_the_links_shows_every_ticket_once(self, client: FlaskClient, reader: dict[str, str]) -> None:
        ids = {make_ticket(f"Ticket {n}", category=Category.BILLING).id for n in range(5)}
        make_ticket("Other", category=Category.GENERAL)
        url = "/api/tickets/?limit=2&category=billing&category=account&search=ticket"
        found: list[int] = []
        while url:
            answer = client.get(url, headers=reader)
            assert answer.json is not None
            found += [ticket["id"] for ticket in answer.json]
            link = re.fullmatch(r'<([^>]+)>; rel="next"', answer.headers.get("Link", ""))
            url = link[1] if link else ""
        assert sorted(found) == sorted(ids)

    def test_filters_combine_and_a_repeated_key_means_any_of(self, client: FlaskClient, reader: dict[str, str]) -> None:
        make_ticket("a", category=Category.BILLING, priority=Priority.LOW)
        make_ticket("b", category=Category.BILLING, priority=Priority.HIGH)
        make_ticket("c", category=Category.ACCOUNT, priority=Priority.HIGH)
        make_ticket("d", category=Category.GENERAL, priority=Priority.HIGH)

        def titles(query: str) -> set[str]:
            answer = client.get(f"/api/tickets/?{query}", headers=reader)
            assert answer.json is not None
            return {ticket["title"] for ticket in answer.json}

        assert titles("category=billing") == {"a", "b"}
        assert titles("category=billing&category=account") == {"a", "b", "c"}
        assert titles("category=billing&priority=high") == {"b"}
        assert titles("status=closed") == set()
        assert titles("status=open&search=export") == {"a", "b", "c", "d"}
        assert titles("search=nothing+of+it") == set()

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("category=sales", "category.0"),
            ("status=open&status=x", "status.1"),
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=ten", "limit"),
            ("limit=1&limit=2", "limit"),
            ("cursor=x", "cursor"),
            ("cursor=", "cursor"),
            ("sort=title", "sort"),
            ("colour=red", "colour"),
            ("search=%00", "search"),
            ("status=%00", "status"),
        ],
    )
    def test_a_bad_query_is_named(self, client: FlaskClient, reader: dict[str, str], query: str, field: str) -> None:
        answer = client.get(f"/api/tickets/?{query}", headers=reader)
        assert answer.status_code == 400
        assert list(faults(answer)) == [field]


class TestOne:
    def test_it_comes_with_its_events_and_an_etag(self, client: FlaskClient, reader: dict[str, str]) -> None:
        ticket = make_ticket()
        answer = client.get(f"/api/tickets/{ticket.id}/", headers=reader)
        assert answer.json is not None
        assert [event["kind"] for event in answer.json["events"]] == ["ticket.created"]
        again = client.get(f"/api/tickets/{ticket.id}/", headers=reader | {"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")

    @pytest.mark.parametrize("ticket_id", ["0", "1", "9223372036854775807", "9223372036854775808", "9" * 40, "-1", "x"])
    def test_a_ticket_that_is_not_there(self, client: FlaskClient, reader: dict[str, str], ticket_id: str) -> None:
        answer = client.get(f"/api/tickets/{ticket_id}/", headers=reader)
        assert answer.status_code == 404
        faults(answer)


class TestChange:
    def test_every_change_is_an_event_of_its_author(self, client: FlaskClient, writer: dict[str, str]) -> None:
        ticket = make_ticket()
        answer = client.patch(
            f"/api/tickets/{ticket.id}/",
            json={"title": "New", "category": "billing", "priority": "low", "status": "resolved"},
            headers=writer,
        )
        assert answer.status_code == 200
        assert answer.json is not None
        assert {key: answer.json[key] for key in ("title", "category", "priority", "status")} == {
            "title": "New",
            "category": "billing",
            "priority": "low",
            "status": "resolved",
        }
        assert answer.json["classified_by"] == "api"
        changes = [(event["kind"], event["data"]["from"], event["data"]["to"]) for event in answer.json["events"][1:]]
        assert changes == [
            ("ticket.title_changed", "The export stops half way", "New"),
            ("ticket.category_changed", "technical", "billing"),
            ("ticket.priority_changed", "high", "low"),
            ("ticket.status_changed", "open", "resolved"),
        ]
        assert {event["actor"]["kind"] for event in answer.json["events"][1:]} == {"token"}

    def test_sending_what_is_there_changes_nothing(self, client: FlaskClient, writer: dict[str, str]) -> None:
        ticket = make_ticket()
        before = client.get(f"/api/tickets/{ticket.id}/", headers=writer)
        answer = client.patch(f"/api/tickets/{ticket.id}/", json={"status": "open", "priority": "high"}, headers=writer)
        assert answer.json == before.json
        assert answer.headers["ETag"] == before.headers["ETag"]

    def test_a_change_of_something_older_is_refused(self, client: FlaskClient, writer: dict[str, str]) -> None:
        url = f"/api/tickets/{make_ticket().id}/"
        seen = {"If-Match": client.get(url, headers=writer).headers["ETag"]}
        assert client.patch(url, json={"status": "closed"}, headers=writer | seen).status_code == 200
        answer = client.patch(url, json={"status": "open"}, headers=writer | seen)
        assert answer.status_code == 412
        faults(answer)
        assert client.patch(url, json={"status": "open"}, headers=writer | {"If-Match": "*"}).status_code == 200
        weak = {"If-Match": f"W/{client.get(url, headers=writer).headers['ETag']}"}
        assert client.patch(url, json={"status": "closed"}, headers=writer | weak).status_code == 200

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"status": "done"}, "status"),
            ({"status": None}, "status"),
            ({"category": 5}, "category"),
            ({"title": None}, "title"),
            ({"title": ""}, "title"),
            ({"title": " "}, "title"),
            ({"title": "a\x00"}, "title"),
            ({"description": "x"}, "description"),
            ({"requester_email": "x@example.com"}, "requester_email"),
            ([], "body"),
        ],
        ids=str,
    )
    def test_a_bad_change_is_named(self, client: FlaskClient, writer: dict[str, str], body: Any, field: str) -> None:
        answer = client.patch(f"/api/tickets/{make_ticket().id}/", json=body, headers=writer)
        assert answer.status_code == 400
        assert set(faults(answer)) == {field}

    def test_a_session_takes_the_csrf_header(self, agent: FlaskClient) -> None:
        url = f"/api/tickets/{make_ticket().id}/"
        refused = agent.patch(url, json={"status": "closed"})
        assert refused.status_code == 403
        faults(refused)
        assert "X-CSRFToken" in refused.text
        answer = agent.patch(url, json={"status": "closed"}, headers=csrf_header(agent))
        assert answer.status_code == 200
        assert answer.json is not None
        assert answer.json["events"][-1]["actor"]["kind"] == "staff"

    def test_a_foreign_page_opens_tickets_only_as_anybody(self, agent: FlaskClient) -> None:
        """The browser sends the session with a foreign page's request, but the CSRF header is not there."""
        answer = create(agent, category="billing", priority="low")
        assert answer.json is not None
        assert answer.json["category_set_by"] == "customer"


def test_stats_are_counted(client: FlaskClient, reader: dict[str, str], writer: dict[str, str]) -> None:
    empty = client.get("/api/tickets/stats/", headers=reader)
    assert empty.json == {
        "total_tickets": 0,
        "open_tickets": 0,
        "in_progress_tickets": 0,
        "resolved_tickets": 0,
        "closed_tickets": 0,
        "avg_tickets_per_day": 0.0,
        "priority_breakdown": {"low": 0, "medium": 0, "high": 0, "critical": 0},
        "category_breakdown": {"billing": 0, "technical": 0, "account": 0, "general": 0},
    }
    make_ticket(priority=Priority.LOW)
    make_ticket(category=Category.BILLING)
    closed = make_ticket()
    client.patch(f"/api/tickets/{closed.id}/", json={"status": "closed"}, headers=writer)
    db.session.execute(
        sa.text("UPDATE ticket SET created_at = created_at - interval '10 days' WHERE id = :id"), {"id": closed.id}
    )
    answer = client.get("/api/tickets/stats/", headers=reader)
    assert answer.json is not None
    assert answer.json["total_tickets"] == 3
    assert (answer.json["open_tickets"], answer.json["closed_tickets"]) == (2, 1)
    assert answer.json["avg_tickets_per_day"] == pytest.approx(0.3)
    assert answer.json["priority_breakdown"] == {"low": 1, "medium": 0, "high": 2, "critical": 0}
    assert answer.json["category_breakdown"] == {"billing": 1, "technical": 2, "account": 0, "general": 0}
