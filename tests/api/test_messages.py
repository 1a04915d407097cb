"""The conversation through the API: replies and notes, and the fields that came with them."""

import re
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.api.test_tickets import faults
from tests.conftest import csrf_header, opened, settings_for
from tests.factories import make_staff, make_ticket, make_token
from ticketdesk import create_app
from ticketdesk.core import clock
from ticketdesk.core.actors import Actor, ActorKind
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.models import Message, Scope, Ticket
from ticketdesk.tickets import service

GRACE = Actor(ActorKind.STAFF, 1, "Grace Hopper")
TOMORROW = (clock.now() + timedelta(days=1)).isoformat()


def add(client: FlaskClient, headers: dict[str, str], ticket_id: int, **values: Any) -> TestResponse:
    body = {"kind": "reply", "body": "We are *on* it."} | values
    return client.post(f"/api/tickets/{ticket_id}/messages/", json=body, headers=headers)


def messages() -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(Message)) or 0


def at_once(database_url: str, more: dict[str, str]) -> list[tuple[int, bytes]]:
    """What four replies that arrive together, each to the bare description, are answered."""
    with opened(create_app(settings_for(database_url))) as app:
        with app.app_context():
            ticket_id, headers = make_ticket().id, {"Authorization": f"Bearer {make_token(Scope.WRITE)}"} | more
        answers: list[tuple[int, bytes]] = []
        start = threading.Barrier(4)

        def send() -> None:
            client = app.test_client()
            start.wait()
            answer = add(client, headers, ticket_id, last_message_id=0)
            answers.append((answer.status_code, answer.data))

        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers


class TestAdd:
    def test_a_reply_comes_from_the_token(self, client: FlaskClient, writer: dict[str, str]) -> None:
        ticket = make_ticket()
        answer = add(client, writer, ticket.id)
        assert answer.status_code == 201
        assert answer.json is not None
        assert answer.json["author"]["kind"] == "token"
        assert (answer.json["kind"], answer.json["channel"], answer.json["body"]) == ("reply", "api", "We are *on* it.")
        assert re.fullmatch(r"<\w+@desk\.test>", answer.json["message_id"])
        shown = client.get(f"/api/tickets/{ticket.id}/", headers=writer)
        assert shown.json is not None
        assert shown.json["first_response_at"] == answer.json["created_at"]
        assert shown.json["events"][-1]["kind"] == "ticket.replied"
        assert shown.json["events"][-1]["data"] == {"message": answer.json["id"], "channel": "api"}

    def test_a_signed_in_agent_is_the_author(self, app: Flask, agent: FlaskClient) -> None:
        answer = add(agent, csrf_header(agent), make_ticket().id, kind="note", body="Mine.")
        assert answer.json is not None
        assert (answer.json["author"]["kind"], answer.json["author"]["label"]) == ("staff", "Grace Hopper")

    def test_a_status_is_set_in_the_same_act(self, client: FlaskClient, writer: dict[str, str]) -> None:
        ticket = make_ticket()
        assert add(client, writer, ticket.id, status="resolved").status_code == 201
        shown = client.get(f"/api/tickets/{ticket.id}/", headers=writer)
        assert shown.json is not None
        assert (shown.json["status"], bool(shown.json["resolved_at"])) == ("resolved", True)

    def test_a_reply_to_what_was_not_read_is_a_conflict(self, client: FlaskClient, writer: dict[str, str]) -> None:
        ticket = make_ticket()
        first = add(client, writer, ticket.id, last_message_id=0)
        assert first.status_code == 201
        assert first.json is not None
        second = add(client, writer, ticket.id, last_message_id=0)
        assert second.status_code == 409
        faults(second)
        assert add(client, writer, ticket.id, last_message_id=first.json["id"]).status_code == 201
        assert messages() == 2

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"kind": "remark"}, "kind"),
            ({"kind": None}, "kind"),
            ({"body": ""}, "body"),
            ({"body": " \n"}, "body"),
            ({"body": "x" * 20_001}, "body"),
            ({"body": "a\x00"}, "body"),
            ({"body": ["a"]}, "body"),
            ({"status": "done"}, "status"),
            ({"last_message_id": -1}, "last_message_id"),
            ({"last_message_id": "1"}, "last_message_id"),
            ({"kind": "note", "status": "closed"}, "body"),
            ({"kind": "note", "last_message_id": 0}, "body"),
            ({"author": "Ada"}, "author"),
        ],
        ids=str,
    )
    def test_a_bad_value_is_named(
        self, client: FlaskClient, writer: dict[str, str], values: dict[str, Any], field: str
    ) -> None:
        answer = add(client, writer, make_ticket().id, **values)
        assert answer.status_code == 400
        assert set(faults(answer)) == {field}
        assert messages() == 0

    def test_the_kind_is_never_guessed(self, client: FlaskClient, writer: dict[str, str]) -> None:
        answer = client.post(f"/api/tickets/{make_ticket().id}/messages/", json={"body": "x"}, headers=writer)
        assert set(faults(answer)) == {"kind"}

    @pytest.mark.parametrize("ticket_id", [0, 1, 2**63])
    def test_a_ticket_that_is_not_there(self, client: FlaskClient, writer: dict[str, str], ticket_id: int) -> None:
        assert add(client, writer, ticket_id).status_code == 404

    def test_only_who_may_write_does(self, client: FlaskClient, reader: dict[str, str]) -> None:
        ticket = make_ticket()
        assert add(client, {}, ticket.id).status_code == 401
        assert add(client, reader, ticket.id).status_code == 403
        assert client.get(f"/api/tickets/{ticket.id}/messages/").status_code == 401


class TestList:
    def test_oldest_first_in_pages(self, client: FlaskClient, writer: dict[str, str]) -> None:
        ticket, other = make_ticket(), make_ticket()
        add(client, writer, other.id, body="Elsewhere")
        for number in range(5):
            add(client, writer, ticket.id, kind="note" if number % 2 else "reply", body=str(number))
        url = f"/api/tickets/{ticket.id}/messages/?limit=2"
        found: list[str] = []
        while url:
            answer = client.get(url, headers=writer)
            assert answer.json is not None
            found += [message["body"] for message in answer.json]
            link = re.fullmatch(r'<([^>]+)>; rel="next"', answer.headers.get("Link", ""))
            url = link[1] if link else ""
        assert found == list("01234")

    @pytest.mark.parametrize("query", ["after=-1", "after=x", "after=9223372036854775808", "limit=201", "kind=note"])
    def test_a_bad_query_is_named(self, client: FlaskClient, writer: dict[str, str], query: str) -> None:
        answer = client.get(f"/api/tickets/{make_ticket().id}/messages/?{query}", headers=writer)
        assert answer.status_code == 400
        assert list(faults(answer)) == [query.partition("=")[0]]

    def test_a_ticket_that_is_not_there(self, client: FlaskClient, reader: dict[str, str]) -> None:
        assert client.get("/api/tickets/1/messages/", headers=reader).status_code == 404


class TestOnce:
    """An Idempotency-Key counts on every POST."""

    def test_a_repeated_message_is_sent_once(self, client: FlaskClient, writer: dict[str, str]) -> None:
        ticket, key = make_ticket(), writer | {"Idempotency-Key": "m"}
        first, again = (add(client, key, ticket.id, last_message_id=0) for _ in range(2))
        assert (again.status_code, again.data) == (201, first.data)
        assert messages() == 1

    def test_a_key_is_for_one_request(self, client: FlaskClient, writer: dict[str, str]) -> None:
        ticket, other, key = make_ticket(), make_ticket(), writer | {"Idempotency-Key": "m"}
        assert add(client, key, ticket.id).status_code == 201
        assert add(client, key, other.id).status_code == 409
        assert add(client, key, ticket.id, body="Else").status_code == 409
        assert messages() == 1

    def test_a_request_that_failed_may_be_repeated(self, client: FlaskClient, writer: dict[str, str]) -> None:
        ticket, key = make_ticket(), writer | {"Idempotency-Key": "m"}
        assert add(client, writer, ticket.id).status_code == 201
        assert add(client, key, ticket.id, last_message_id=0).status_code == 409
        assert add(client, key, ticket.id).status_code == 201

    def test_classifying_is_answered_from_the_first_time(self, client: FlaskClient) -> None:
        body, key = {"description": "I was charged twice, please refund."}, {"Idempotency-Key": "c"}
        first, again = (client.post("/api/tickets/classify/", json=body, headers=key) for _ in range(2))
        assert first.status_code == again.status_code == 200
        assert again.data == first.data, "Even the milliseconds are the same."

    def test_staff_do_not_share_their_keys(self, app: Flask, agent: FlaskClient, admin: FlaskClient) -> None:
        ticket, key = make_ticket(), {"Idempotency-Key": "m"}
        one, two = (add(staff, csrf_header(staff) | key, ticket.id) for staff in (agent, admin))
        assert one.status_code == two.status_code == 201
        assert one.json != two.json
        assert messages() == 2

    def test_equal_requests_at_the_same_moment_send_one(self, committed_url: str) -> None:
        answers = at_once(committed_url, {"Idempotency-Key": "one"})
        assert len(answers) == 4
        assert len(set(answers)) == 1
        assert answers[0][0] == 201


def test_of_replies_at_the_same_moment_one_is_sent(committed_url: str) -> None:
    assert sorted(status for status, _ in at_once(committed_url, {})) == [201, 409, 409, 409]


class TestFields:
    def patch(self, client: FlaskClient, headers: dict[str, str], ticket: Ticket, **values: Any) -> TestResponse:
        return client.patch(f"/api/tickets/{ticket.id}/", json=values, headers=headers)

    def test_an_assignee_by_id_address_or_none(self, client: FlaskClient, writer: dict[str, str]) -> None:
        ticket, ada = make_ticket(), make_staff(name="Ada", email="ada@desk.test")
        shown = {"id": ada.id, "name": "Ada", "email": "ada@desk.test"}
        for given, expected in ((ada.id, shown), (None, None), ("ADA@desk.test", shown)):
            answer = self.patch(client, writer, ticket, assignee=given)
            assert answer.json is not None
            assert answer.json["assignee"] == expected
        listed = client.get("/api/tickets/", headers=writer)
        assert listed.json is not None
        assert listed.json[0]["assignee"] == shown
        assert self.patch(client, writer, ticket, status="in_progress").json["assignee"] == shown  # type: ignore[index]

    def test_tags_and_sleep(self, client: FlaskClient, writer: dict[str, str]) -> None:
        ticket = make_ticket()
        answer = self.patch(client, writer, ticket, tags=["VIP", "refund"], snoozed_until=TOMORROW)
        assert answer.json is not None
        assert answer.json["tags"] == ["refund", "vip"]
        assert answer.json["snoozed_until"].endswith("Z")
        kept = self.patch(client, writer, ticket, priority="low")
        assert kept.json is not None
        assert (kept.json["tags"], bool(kept.json["snoozed_until"])) == (["refund", "vip"], True)
        emptied = self.patch(client, writer, ticket, tags=[], snoozed_until=None)
        assert emptied.json is not None
        assert (emptied.json["tags"], emptied.json["snoozed_until"]) == ([], None)

    def test_what_is_resolved_does_not_sleep(self, client: FlaskClient, writer: dict[str, str]) -> None:
        ticket = make_ticket()
        service.change_status(ticket, Status.RESOLVED, GRACE)
        db.session.commit()
        answer = self.patch(client, writer, ticket, snoozed_until=TOMORROW)
        assert answer.status_code == 409
        faults(answer)
        assert self.patch(client, writer, ticket, snoozed_until=TOMORROW, status="open").status_code == 200

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"assignee": 10**9}, "assignee"),
            ({"assignee": "nobody@desk.test"}, "assignee"),
            ({"tags": None}, "tags"),
            ({"tags": "vip"}, "tags"),
            ({"tags": ["a,b"]}, "tags"),
            ({"tags": ["a\x00b"]}, "tags"),
            ({"tags": [str(number) for number in range(21)]}, "tags"),
            ({"snoozed_until": "2020-01-01T00:00:00Z"}, "snoozed_until"),
            ({"snoozed_until": "9999-12-31T23:59:59-12:00"}, "snoozed_until"),
            ({"snoozed_until": "2030-01-01T00:00:00"}, "snoozed_until"),
            ({"snoozed_until": "2030-02-30T00:00:00Z"}, "snoozed_until"),
            ({"snoozed_until": 5}, "snoozed_until"),
            ({"first_response_at": "2030-01-01T00:00:00Z"}, "first_response_at"),
        ],
        ids=str,
    )
    def test_a_bad_value_is_named(
        self, client: FlaskClient, writer: dict[str, str], values: dict[str, Any], field: str
    ) -> None:
        answer = self.patch(client, writer, make_ticket(), **values)
        assert answer.status_code == 400
        assert set(faults(answer)) == {field}

    @pytest.mark.parametrize("value", [0, -1, "nobody", "", True, 2**63, [1]])
    def test_an_assignee_that_is_none(self, client: FlaskClient, writer: dict[str, str], value: Any) -> None:
        answer = self.patch(client, writer, make_ticket(), assignee=value)
        assert answer.status_code == 400
        assert all(field.startswith("assignee") for field in faults(answer))


class TestFilters:
    @pytest.fixture
    def titles(self, client: FlaskClient, reader: dict[str, str]) -> Callable[[str], set[str]]:
        def read(query: str) -> set[str]:
            answer = client.get(f"/api/tickets/?{query}", headers=reader)
            assert answer.json is not None, answer.data
            return {ticket["title"] for ticket in answer.json}

        return read

    def test_they_find_what_was_set(self, titles: Callable[[str], set[str]]) -> None:
        ada = make_staff(email="ada@desk.test")
        for title, changes in (
            ("a", service.Changes(assignee=ada, tags=["vip"])),
            ("b", service.Changes(tags=["vip", "old"])),
            ("c", service.Changes(snoozed_until=clock.now() + timedelta(days=1))),
        ):
            service.change(make_ticket(title, requester_email=f"{title}@example.com"), changes, GRACE)
        db.session.execute(sa.text("UPDATE ticket SET created_at = '2020-05-05 12:00Z' WHERE title = 'b'"))
        db.session.commit()
        assert titles(f"assignee={ada.id}") == titles("assignee=Ada@desk.test") == {"a"}
        assert titles("assignee=none") == {"b", "c"}
        assert titles("assignee=none&assignee=ada@desk.test") == {"a", "b", "c"}
        assert titles(f"assignee={10**18 - 1}") == set()
        assert titles("tag=VIP") == {"a", "b"}
        assert titles("tag=vip&assignee=none") == {"b"}
        assert titles("tag=old&tag=new") == {"b"}
        assert titles("requester=A@EXAMPLE.com") == {"a"}
        assert titles("created_before=2020-05-05T12:00:00Z") == set()
        assert titles("created_after=2020-05-05T12:00:00Z&created_before=2020-05-05T14:00:01%2B02:00") == {"b"}
        assert titles("snoozed=true") == {"c"}
        assert titles("snoozed=false") == {"a", "b"}

    def test_me_is_who_is_signed_in(self, agent: FlaskClient, client: FlaskClient, reader: dict[str, str]) -> None:
        make_ticket()
        answer = agent.get("/api/tickets/?assignee=me")
        assert (answer.status_code, answer.json) == (200, [])
        refused = client.get("/api/tickets/?assignee=me", headers=reader)
        assert refused.status_code == 400
        assert list(faults(refused)) == ["assignee"]

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("assignee=nobody", "assignee.0"),
            ("assignee=0", "assignee.0"),
            ("assignee=nobody@desk.test", "assignee"),
            ("tag=", "tag.0"),
            ("created_after=yesterday", "created_after"),
            ("created_after=5", "created_after"),
            ("created_after=2026-01-01", "created_after"),
            ("created_before=2026-01-01T00:00:00", "created_before"),
            ("snoozed=perhaps", "snoozed"),
            ("requester=a&requester=b", "requester"),
        ],
    )
    def test_a_bad_query_is_named(self, client: FlaskClient, reader: dict[str, str], query: str, field: str) -> None:
        answer = client.get(f"/api/tickets/?{query}", headers=reader)
        assert answer.status_code == 400
        assert list(faults(answer)) == [field]


def test_search_reads_messages(client: FlaskClient, writer: dict[str, str]) -> None:
    ticket = make_ticket()
    add(client, writer, ticket.id, kind="note", body="The Löschdecke is in the cupboard")
    answer = client.get("/api/tickets/?search=loschdecke+export", headers=writer)
    assert answer.json is not None
    assert [found["id"] for found in answer.json] == [ticket.id]
