"""The tickets of the JSON API, through its door."""

from flask.testing import FlaskClient

from tests.factories import make_ticket


def test_a_created_ticket_can_be_read_by_a_program(client: FlaskClient, reader: dict[str, str]) -> None:
    created = client.post("/api/tickets/", json={"title": "Hello", "description": "I was charged twice for my order."})
    assert created.status_code == 201
    assert created.json is not None
    found = client.get(created.headers["Location"], headers=reader)
    assert found.json is not None
    assert found.json["title"] == "Hello"
    assert [event["kind"] for event in found.json["events"]] == ["ticket.created"]
    assert "url" not in found.json


def test_nobody_sees_a_ticket_without_a_token(client: FlaskClient) -> None:
    ticket = make_ticket()
    answer = client.get(f"/api/tickets/{ticket.id}/")
    assert answer.status_code == 401
    assert answer.mimetype == "application/problem+json"
