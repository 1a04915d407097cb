"""An engine that is not sure says so, and a person decides: through every door and the worker."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

import config
from tests.api.test_classify import Broken
from tests.conftest import csrf_header
from tests.jobs.drain import run_jobs
from ticketdesk.ai.gateway import Gateway
from ticketdesk.ai.local import LocalEngine
from ticketdesk.ai.suggest import Suggester
from ticketdesk.extensions import db
from ticketdesk.models import AiSuggestion, Confirmation, Event, Ticket

TEXT = {"title": "Refund", "description": "I was charged twice for my subscription, please refund."}
NEVER_SURE = 1.0


@pytest.fixture
def remote() -> Broken:
    return Broken()


@pytest.fixture
def unsure(app: Flask, remote: Broken) -> Iterator[Flask]:
    """A desk that asks for more sureness than any engine has."""
    usual = app.extensions["suggester"]
    remote.mended = True
    app.extensions["suggester"] = Suggester(
        LocalEngine(), Gateway(remote), timeout=10, fallback=False, threshold=NEVER_SURE
    )
    yield app
    app.extensions["suggester"] = usual


def created(desk: Flask, **more: str) -> Ticket:
    answer = desk.test_client().post("/api/tickets/", json=TEXT | more)
    assert answer.json is not None
    return db.session.get_one(Ticket, answer.json["id"])


def test_the_api_says_that_the_engine_abstains_and_what_it_considered(unsure: Flask) -> None:
    answer = unsure.test_client().post("/api/tickets/classify/", json=TEXT)
    assert answer.json is not None
    assert (answer.json["suggested_category"], answer.json["abstained"]) == (None, True)
    assert answer.json["guesses"][0]["category"] == "billing"
    assert answer.json["confidence"]["category"] == answer.json["guesses"][0]["confidence"]
    assert answer.json["suggested_priority"] is not None


def test_an_engine_that_is_sure_does_not_abstain(client: FlaskClient) -> None:
    answer = client.post("/api/tickets/classify/", json=TEXT)
    assert answer.json is not None
    assert (answer.json["suggested_category"], answer.json["abstained"]) == ("billing", False)


def test_the_ticket_keeps_the_default_and_is_not_asked_about_again(unsure: Flask) -> None:
    ticket = created(unsure)
    assert (ticket.category, ticket.category_set_by, ticket.priority_set_by) == ("general", "default", "gemini")
    assert ticket.classified_by == "default"
    assert run_jobs() == []
    suggestion = db.session.scalars(sa.select(AiSuggestion)).one()
    assert (suggestion.engine, suggestion.category) == ("gemini", None)
    assert suggestion.guesses[0]["category"] == "billing"


def test_a_job_that_hears_an_engine_abstain_is_done(unsure: Flask, remote: Broken) -> None:
    remote.mended = False
    ticket = created(unsure)
    remote.mended = True
    assert run_jobs() == ["tickets.classify"]
    db.session.refresh(ticket)
    assert (ticket.category, ticket.category_set_by, ticket.priority_set_by) == ("general", "default", "gemini")
    assert run_jobs() == []


def test_what_the_sender_chose_is_not_up_for_triage(unsure: Flask) -> None:
    ticket = created(unsure, category="account")
    assert (ticket.category, ticket.category_set_by, ticket.priority_set_by) == ("account", "customer", "gemini")


def test_staff_see_what_was_considered_and_decide(unsure: Flask, admin: FlaskClient) -> None:
    ticket = created(unsure)
    page = admin.get(f"/staff/tickets/{ticket.id}")
    assert page.status_code == 200
    assert "Billing?" in page.text
    assert "unsure" in page.text
    for address in (f"/staff/queue/{ticket.id}", "/staff/suggestions/"):
        assert admin.get(address).status_code == 200

    keep = {"version": ticket.version, "category": "general"}
    admin.post(f"/staff/tickets/{ticket.id}", data=keep, headers=csrf_header(admin))
    db.session.refresh(ticket)
    assert (ticket.category, ticket.category_set_by) == ("general", "staff")
    assert db.session.get_one(Confirmation, ticket.id).category == "general"
    suggestion = db.session.scalars(sa.select(AiSuggestion).execution_options(populate_existing=True)).one()
    assert suggestion.chosen_category == "general"
    decision = db.session.scalars(sa.select(Event).where(Event.ticket_id == ticket.id).order_by(Event.id)).all()[-1]
    assert (decision.kind, decision.data["to"]) == ("ticket.category_changed", "general")
    page = admin.get(f"/staff/tickets/{ticket.id}")
    assert "unsure" not in page.text
    assert "kept the category" in " ".join(page.text.split())


def test_a_program_that_sends_the_ticket_back_decides_nothing(unsure: Flask, writer: dict[str, str]) -> None:
    ticket = created(unsure)
    unsure.test_client().patch(f"/api/tickets/{ticket.id}/", json={"category": "general"}, headers=writer)
    db.session.refresh(ticket)
    assert ticket.category_set_by == "default"
    assert db.session.get(Confirmation, ticket.id) is None


@pytest.mark.parametrize(("given", "threshold"), [("", config.AI_THRESHOLD), ("0", 0.0), ("0.75", 0.75), ("1", 1.0)])
def test_the_setting(given: str, threshold: float) -> None:
    settings = config.load({"SECRET_KEY": "s" * config.SECRET_KEY_MIN, "AI_THRESHOLD": given}, env_file=None)
    assert settings.ai_threshold == threshold


@pytest.mark.parametrize("given", ["-0.1", "1.1", "high", "nan"])
def test_a_setting_that_cannot_be_meant_is_refused(given: str) -> None:
    with pytest.raises(config.ConfigError, match="AI_THRESHOLD"):
        config.load({"SECRET_KEY": "s" * config.SECRET_KEY_MIN, "AI_THRESHOLD": given}, env_file=None)
