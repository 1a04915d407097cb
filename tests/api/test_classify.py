"""Asking the engines through the API, and what happens when they do not answer."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from tests.jobs.drain import run_jobs
from ticketdesk.ai.contract import EngineError, Precedent, Verdict
from ticketdesk.ai.gateway import Gateway
from ticketdesk.ai.local import LocalEngine
from ticketdesk.ai.suggest import Suggester
from ticketdesk.extensions import db
from ticketdesk.models import AiSuggestion, Event, Ticket

TEXT = {"title": "Refund", "description": "I was charged twice for my subscription, please refund."}


class Broken:
    """A remote engine that is out of order until it is mended."""

    name = "gemini"
    model = "gemini-test"
    mended = False

    def warm(self) -> None:
        """Nothing to get ready."""

    def classify(self, text: str, *, timeout: float, precedents: Sequence[Precedent] = ()) -> Verdict:
        if not self.mended:
            raise EngineError("overloaded", "The model is overloaded.")
        return LocalEngine().classify(text, timeout=timeout)


@pytest.fixture
def broken() -> Broken:
    return Broken()


@pytest.fixture
def alone(app: Flask, broken: Broken) -> Iterator[Flask]:
    """The app with a remote engine that fails, and AI_FALLBACK=off."""
    usual = app.extensions["suggester"]
    app.extensions["suggester"] = Suggester(LocalEngine(), Gateway(broken), timeout=1, fallback=False)
    yield app
    app.extensions["suggester"] = usual


def test_a_suggestion(client: FlaskClient) -> None:
    answer = client.post("/api/tickets/classify/", json=TEXT)
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["suggested_category"] == "billing"
    assert answer.json["engine"] == "local"
    assert 0 <= answer.json["confidence"]["category"] <= 1
    assert answer.json["guesses"][0]["category"] == "billing"
    assert {guess["category"] for guess in answer.json["guesses"]} <= {"billing", "technical", "account", "general"}
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Ticket)) == 0
    assert db.session.scalars(sa.select(AiSuggestion)).one().ticket_id is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"description": ""},
        {"description": "         short          "},
        {"title": "a", "description": "b"},
        {"description": "\x00" * 50},
        {"description": 12345678901},
        {"description": "x" * 20_001},
        {"text": "I was charged twice for my subscription."},
    ],
    ids=str,
)
def test_what_cannot_be_classified(client: FlaskClient, body: dict[str, Any]) -> None:
    answer = client.post("/api/tickets/classify/", json=body)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["errors"]
    assert db.session.scalar(sa.select(sa.func.count()).select_from(AiSuggestion)) == 0


def test_no_engine_is_503_and_is_recorded(alone: Flask) -> None:
    answer = alone.test_client().post("/api/tickets/classify/", json=TEXT)
    assert answer.status_code == 503
    assert answer.mimetype == "application/problem+json"
    assert answer.headers["Retry-After"]
    assert db.session.scalars(sa.select(AiSuggestion)).one().failure == "overloaded"


def test_a_ticket_is_made_without_an_engine_and_classified_later_once(alone: Flask, broken: Broken) -> None:
    created = alone.test_client().post("/api/tickets/", json=TEXT)
    assert created.status_code == 201
    assert created.json is not None
    assert (created.json["category"], created.json["priority"]) == ("general", "medium")
    assert created.json["classified_by"] == "default"

    broken.mended = True
    assert run_jobs() == ["tickets.classify"]
    ticket = db.session.get_one(Ticket, created.json["id"])
    assert (ticket.category, ticket.classified_by) == ("billing", "gemini")
    kinds = db.session.scalars(sa.select(Event.kind).where(Event.ticket_id == ticket.id).order_by(Event.id)).all()
    assert kinds[:2] == ["ticket.created", "ticket.category_changed"]
    assert run_jobs() == []


def test_what_a_human_chose_meanwhile_stays(alone: Flask, broken: Broken, writer: dict[str, str]) -> None:
    client = alone.test_client()
    created = client.post("/api/tickets/", json=TEXT)
    assert created.json is not None
    client.patch(f"/api/tickets/{created.json['id']}/", json={"category": "account"}, headers=writer)
    broken.mended = True
    run_jobs()
    ticket = db.session.get_one(Ticket, created.json["id"])
    assert (ticket.category, ticket.category_set_by) == ("account", "api")
    assert ticket.priority_set_by == "gemini"


def test_running_the_job_twice_changes_nothing_more(alone: Flask, broken: Broken) -> None:
    created = alone.test_client().post("/api/tickets/", json=TEXT)
    broken.mended = True
    run_jobs(times=2)
    assert created.json is not None
    events = db.session.scalars(sa.select(Event).where(Event.ticket_id == created.json["id"])).all()
    assert len({(event.kind, event.actor_kind) for event in events}) == len(events)
    assert db.session.scalar(sa.select(sa.func.count()).select_from(AiSuggestion)) == 2
