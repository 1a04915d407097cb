"""Merging, deleting and undoing through the API."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.factories import make_ticket, make_token
from ticketdesk.core.actors import Actor, ActorKind
from ticketdesk.core.vocabulary import Priority
from ticketdesk.extensions import db
from ticketdesk.models import Scope
from ticketdesk.tickets import service
from ticketdesk.tickets.service import Changes

PROGRAM = Actor(ActorKind.TOKEN, 7, "Shop backend")


@pytest.fixture
def program(client: FlaskClient) -> FlaskClient:
    """A program that may write."""
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {make_token(Scope.WRITE)}"
    return client


def post(client: FlaskClient, path: str, **body: Any) -> TestResponse:
    return client.post(f"/api/tickets/{path}/", json=body)


def test_a_deleted_ticket_is_nowhere_until_that_is_undone(program: FlaskClient) -> None:
    ticket = make_ticket()
    path, link = f"/api/tickets/{ticket.id}/", f"/t/{ticket.link_id.hex}"
    assert program.delete(path).status_code == 204
    assert program.get(path).status_code == 404
    assert "in the trash" in program.get(path).text
    assert program.delete(path).status_code == 404
    assert program.get("/api/tickets/").get_json() == []
    assert program.get("/api/tickets/stats/").get_json()["total_tickets"] == 0
    assert program.patch(path, json={"priority": "low"}).status_code == 404
    assert program.get(link).status_code == 410
    assert "Support has deleted this ticket" in program.get(link).text
    assert [act["kind"] for act in program.get(f"{path}undo/").get_json()] == ["trash"]
    answer = post(program, f"{ticket.id}/undo")
    assert answer.status_code == 200
    assert answer.get_json()["kept"] == 0
    assert program.get(path).status_code == 200
    assert post(program, f"{ticket.id}/undo").status_code == 409
    assert program.get(f"{path}undo/").get_json() == []


def test_a_merged_ticket_leads_to_the_other_and_comes_back(program: FlaskClient) -> None:
    survivor, other = make_ticket("First"), make_ticket("Second")
    link = f"/t/{other.link_id.hex}"
    answer = post(program, f"{other.id}/merge", into=survivor.id)
    assert answer.get_json()["id"] == survivor.id
    merged = program.get(f"/api/tickets/{other.id}/").get_json()
    assert (merged["title"], merged["merged_into"]) == ("Second", survivor.id)
    moved = program.get(link)
    assert (moved.status_code, moved.location) == (302, f"/t/{survivor.link_id.hex}")
    assert all(said in program.get(moved.location).text for said in ("First", "Second", other.reference))
    refused = program.patch(f"/api/tickets/{other.id}/", json={"priority": "low"})
    assert refused.status_code == 409
    assert f"merged into {survivor.reference}" in refused.get_json()["detail"]
    answer = post(program, f"{other.id}/unmerge")
    assert (answer.status_code, answer.get_json()["id"]) == (200, other.id)
    assert program.get(link).status_code == 200
    assert post(program, f"{other.id}/unmerge").status_code == 409


def test_a_merge_that_would_show_what_is_not_theirs_is_refused(program: FlaskClient) -> None:
    mine, theirs = make_ticket(), make_ticket(requester_email="eve@example.com")
    answer = post(program, f"{theirs.id}/merge", into=mine.id)
    assert answer.status_code == 409
    assert "different addresses" in answer.get_json()["detail"]


def test_a_certain_act_is_undone_and_repeated_only_in_words(program: FlaskClient) -> None:
    ticket = make_ticket(priority=Priority.HIGH)
    for priority in (Priority.LOW, Priority.CRITICAL):
        service.change_many([ticket.id], Changes(priority=priority), PROGRAM)
    db.session.commit()
    last, first = program.get(f"/api/tickets/{ticket.id}/undo/").get_json()
    path, key = f"/api/tickets/{ticket.id}/undo/", {"Idempotency-Key": "once"}
    answers = [program.post(path, json={"act": last["id"]}, headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].data == answers[1].data
    assert program.get(f"/api/tickets/{ticket.id}/").get_json()["priority"] == "low"
    assert post(program, f"{ticket.id}/undo", act=2**40).status_code == 409
    assert post(program, f"{ticket.id}/undo", act=first["id"]).get_json()["act"]["id"] == first["id"]
    assert program.get(f"/api/tickets/{ticket.id}/").get_json()["priority"] == "high"


@pytest.mark.parametrize("path", ["merge", "unmerge", "undo"])
def test_what_is_not_there_is_not_found(program: FlaskClient, path: str) -> None:
    body = {"into": make_ticket().id} if path == "merge" else {}
    assert post(program, f"4000000/{path}", **body).status_code == 404
