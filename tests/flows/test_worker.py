"""From the door through the queue to the worker and back, each part the real one."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.conftest import opened, settings_for
from tests.factories import make_ticket
from tests.fakes.gemini import FakeGemini
from tests.jobs.states import lose_worker, make_due
from ticketdesk import create_app
from ticketdesk.extensions import db
from ticketdesk.jobs import worker
from ticketdesk.jobs.queue import enqueue
from ticketdesk.models import AiSuggestion, Event, Ticket
from ticketdesk.tickets import jobs

NEW = {"title": "Double charge", "description": "I was charged twice for one invoice, please refund."}


@pytest.fixture
def gemini() -> Iterator[FakeGemini]:
    with FakeGemini() as fake:
        yield fake


@pytest.fixture
def desk(committed_url: str, gemini: FakeGemini) -> Iterator[Flask]:
    """A desk whose only engine is the fake Gemini."""
    settings = settings_for(
        committed_url, GEMINI_API_KEY="key", GEMINI_ENDPOINT=gemini.url, AI_FALLBACK="off", AI_TIMEOUT="30"
    )
    with opened(create_app(settings)) as app:
        yield app


def states() -> list[tuple[str, str]]:
    """The jobs that tickets caused, each with where it stands."""
    rows = db.session.execute(
        sa.text(
            "SELECT task_name, status::text FROM procrastinate_jobs WHERE task_name = 'tickets.classify' ORDER BY id"
        )
    ).all()
    db.session.rollback()
    return [(row.task_name, row.status) for row in rows]


def test_a_ticket_made_while_gemini_is_down_is_classified_when_it_is_back(desk: Flask, gemini: FakeGemini) -> None:
    gemini.mode = "503"
    created = desk.test_client().post("/api/tickets/", json=NEW)
    assert created.json is not None
    assert created.json["classified_by"] == "default"
    with desk.app_context():
        worker.run(desk, wait=False)
        assert states() == [("tickets.classify", "todo")], "The job waits for its next attempt."
        assert db.session.scalars(sa.select(AiSuggestion.failure)).all() == ["overloaded", "overloaded"]

        gemini.mode = "ok"
        make_due()
        worker.run(desk, wait=False)
        ticket = db.session.get_one(Ticket, created.json["id"])
        assert ticket.classified_by == "gemini"
        assert states() == [("tickets.classify", "succeeded")]


def test_nothing_is_enqueued_when_the_engine_answered_in_time(desk: Flask, gemini: FakeGemini) -> None:
    created = desk.test_client().post("/api/tickets/", json=NEW)
    assert created.json is not None
    assert created.json["classified_by"] == "gemini"
    with desk.app_context():
        assert states() == []


def test_a_job_exists_exactly_when_its_cause_does(desk: Flask) -> None:
    with desk.app_context():
        ticket = make_ticket()
        enqueue(jobs.classify, ticket_id=ticket.id)
        db.session.rollback()
        assert states() == []


def test_the_job_of_a_killed_worker_runs_again(desk: Flask, gemini: FakeGemini) -> None:
    gemini.mode = "503"
    created = desk.test_client().post("/api/tickets/", json=NEW)
    assert created.json is not None
    gemini.mode = "ok"
    with desk.app_context():
        lose_worker()
        worker.run(desk, wait=False)
        make_due()
        worker.run(desk, wait=False)
        assert ("tickets.classify", "succeeded") in states()
        assert db.session.get_one(Ticket, created.json["id"]).classified_by == "gemini"
        kinds = db.session.scalars(sa.select(Event.kind)).all()
        assert len(kinds) == len(set(kinds)), "The second attempt changed nothing twice."


def test_what_is_old_is_swept(desk: Flask) -> None:
    with desk.app_context():
        for age, key in (("2 hours", "young"), ("25 hours", "old")):
            client = desk.test_client()
            client.post("/api/tickets/", json=NEW | {"title": key}, headers={"Idempotency-Key": key})
            db.session.execute(
                sa.text(
                    "UPDATE idempotency_key SET created_at = now() - CAST(:age AS interval)"
                    " WHERE answer->>'title' = :key"
                ),
                {"age": age, "key": key},
            )
        db.session.execute(
            sa.text(
                "INSERT INTO rate_limit VALUES ('over', 1, now() - interval '1 s'), ('on', 1, now() + interval '1 h')"
            )
        )
        enqueue(worker.sweep, timestamp=0)
        db.session.commit()
        worker.run(desk, wait=False)
        assert db.session.scalars(sa.text("SELECT answer->>'title' FROM idempotency_key")).all() == ["young"]
        assert db.session.scalars(sa.text("SELECT key FROM rate_limit")).all() == ["on"]
