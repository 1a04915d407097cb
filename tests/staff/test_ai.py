"""The AI's page: its figures, the state of the engines, and trying it."""

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from config import AI_THRESHOLD
from tests.factories import make_ticket
from tests.staff.conftest import Send
from ticketdesk.ai.contract import Guess, Verdict
from ticketdesk.ai.gateway import Gateway
from ticketdesk.ai.local import LocalEngine
from ticketdesk.ai.openai_compatible import OpenAICompatibleEngine
from ticketdesk.ai.suggest import Suggester
from ticketdesk.core import clock
from ticketdesk.core.vocabulary import Category, Priority
from ticketdesk.extensions import db
from ticketdesk.models import AiSuggestion, CallCount, EngineState, Occasion, Ticket

TEXT = "I was charged twice for my invoice, please refund the second payment."


class Hesitant:
    """An engine that is never sure."""

    name = "local"
    model = "hesitant-1"

    def classify(self, text: str, *, timeout: float) -> Verdict:
        guesses = (Guess(Category.GENERAL, 0.3), Guess(Category.BILLING, 0.28))
        return Verdict(Category.GENERAL, Priority.LOW, 0.3, 0.9, guesses, ("perhaps",))


@pytest.fixture
def remote(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk asks a remote engine first, at most 200 times a day."""
    gateway = Gateway(OpenAICompatibleEngine("http://127.0.0.1:9/v1", "glm"), daily_limit=200)
    monkeypatch.setitem(app.extensions, "suggester", Suggester(LocalEngine(), gateway, timeout=1.0))


def say(client: FlaskClient, path: str = "/staff/ai/") -> str:
    """The page's words on one line."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return " ".join(re.sub(r"<[^>]*>", " ", answer.text).split())


def suggest(category: Category | None, final: Category | None, **more: object) -> None:
    values = {
        "ticket_id": make_ticket().id,
        "occasion": Occasion.FORM,
        "engine": "local",
        "model": "votes-1",
        "category": category,
        "priority": Priority.LOW,
        "category_confidence": 0.8 if category else 0.3,
        "priority_confidence": 0.7,
        "guesses": [{"category": category or Category.GENERAL, "confidence": 0.5}],
        "took_ms": 12.0,
        "chosen_category": final,
        "chosen_priority": Priority.LOW if final else None,
    }
    db.session.add(AiSuggestion(**values | more))
    db.session.commit()


def test_a_desk_without_answers_says_so_and_can_be_tried(agent: FlaskClient) -> None:
    said = say(agent)
    assert "No answers yet" in said
    assert "Local engine Answering No other engine is set up." in said
    assert "Staff have confirmed no label yet" in said
    assert "Try it" in said


def test_the_figures_are_on_the_page(agent: FlaskClient) -> None:
    for _ in range(3):
        suggest(Category.BILLING, Category.BILLING)
    suggest(Category.BILLING, Category.ACCOUNT)
    suggest(None, Category.GENERAL)
    suggest(Category.TECHNICAL, None)
    said = say(agent)
    assert "Category 75 % Priority 100 %" in said
    assert "6 answers, 4 of them decided." in said
    assert "Billing 3 0 1 0 75 %" in said
    assert "Abstained 0 0 0 1 —" in said
    assert (
        f"AI_THRESHOLD is {AI_THRESHOLD:.2f} : 80 % of the tickets get a suggestion, and 75 % of these are right."
        in said
    )
    assert "Local engine votes-1 6 17 % 75 % 100 % 12 ms 12 ms" in said
    for stretch, rows in (("week", 13), ("day", 28)):
        table = say(agent, f"/staff/ai/?by={stretch}").partition(f"{stretch.title()} Answers Accepted")[2]
        assert len(re.findall(r"\d+ [A-Z][a-z]{2} \d+ \d+ \d+ (?:—|\d+ %)", table)) == rows


def test_answers_that_nobody_has_decided_about_make_no_chart(agent: FlaskClient) -> None:
    suggest(Category.BILLING, None)
    assert say(agent).count("Nobody has decided about these answers yet.") == 2


@pytest.mark.usefixtures("remote")
def test_calls_and_what_is_left_of_them_are_told(agent: FlaskClient) -> None:
    assert "OpenAI-compatible Answering glm Calls today 0 200 of 200 left until" in say(agent)
    pacific = db.session.scalar(sa.text("SELECT CAST(now() AT TIME ZONE 'America/Los_Angeles' AS date)"))
    db.session.add(CallCount(day=pacific, calls=200))
    db.session.commit()
    said = say(agent, "/staff/ai/now")
    assert "AI_DAILY_LIMIT is used up." in said
    assert "Calls today 200 0 of 200 left" in said


@pytest.mark.usefixtures("remote")
@pytest.mark.parametrize(
    ("minutes", "sentence"),
    [(5, "as it did not answer in time."), (-5, "Unsure The next question tries it again.")],
)
def test_an_engine_that_is_left_alone_is_told(agent: FlaskClient, minutes: int, sentence: str) -> None:
    until = clock.now() + timedelta(minutes=minutes)
    db.session.add(EngineState(engine="openai", model="glm", failures=3, reason="timeout", resting_until=until))
    db.session.commit()
    assert sentence in say(agent)


def test_fallbacks_are_counted(agent: FlaskClient) -> None:
    suggest(Category.BILLING, None, failure="quota")
    suggest(None, None, failure="quota", engine=None, model=None, priority=None)
    suggest(Category.BILLING, None)
    assert "Questions today 3 1 fell back on the local engine, 1 got no answer (quota 2)" in say(agent)


def test_the_part_that_refreshes_itself_costs_nothing_while_nothing_changes(agent: FlaskClient) -> None:
    first = agent.get("/staff/ai/now")
    assert "<html" not in first.text
    tag = {"If-None-Match": first.headers["ETag"]}
    assert agent.get("/staff/ai/now", headers=tag).status_code == 304
    suggest(Category.BILLING, None)
    assert agent.get("/staff/ai/now", headers=tag).status_code == 200


def test_trying_it_keeps_nothing(agent: FlaskClient, send: Send) -> None:
    answer = send(agent, "/staff/ai/try", title="Double charge", description=TEXT)
    assert answer.status_code == 200
    assert 'category-billing">Billing' in answer.text
    assert 'model <span class="mono">votes-1' in answer.text
    assert TEXT in answer.text
    assert 'value="Double charge"' in answer.text
    for model in (Ticket, AiSuggestion):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(model)) == 0


def test_an_engine_that_is_not_sure_says_so(
    app: Flask, agent: FlaskClient, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.extensions, "suggester", Suggester(Hesitant(), timeout=1.0, threshold=AI_THRESHOLD))
    text = send(agent, "/staff/ai/try", description=TEXT).text
    assert "Not sure enough" in text
    assert f"The best guess reaches 30 % and AI_THRESHOLD asks for {100 * AI_THRESHOLD:.0f} %" in text
    assert text.count('class="bar-chart') == 2
    assert ">perhaps<" in text


@pytest.mark.parametrize(
    ("title", "description", "fault"),
    [
        ("", "", "Write at least 10 characters"),
        (" \n", "short", "Write at least 10 characters"),
        ("x" * 201, TEXT, "at most 200 characters in its title and 20,000 below it"),
        ("", "x" * 20_001, "at most 200 characters in its title and 20,000 below it"),
        ("", f"{TEXT}\x00", "cannot be stored"),
    ],
    ids=["nothing", "little", "title", "description", "nul"],
)
def test_what_cannot_be_judged_comes_back_with_its_fault(
    agent: FlaskClient, send: Send, title: str, description: str, fault: str
) -> None:
    answer = send(agent, "/staff/ai/try", title=title, description=description)
    assert answer.status_code == 422
    assert fault in answer.text


def test_what_was_typed_stays_text(agent: FlaskClient, send: Send) -> None:
    text = send(agent, "/staff/ai/try", description=f"</textarea><script>alert(1)</script>{TEXT}").text
    assert "<script>alert" not in text


def test_an_address_that_makes_no_sense_is_refused_in_words(agent: FlaskClient) -> None:
    for by in ("year", "%00", "week%20"):
        answer = agent.get(f"/staff/ai/?by={by}")
        assert answer.status_code == 400
        assert "week, day" in answer.text
    assert agent.get("/staff/ai/?by=&x=y").status_code == 200


def test_nothing_is_asked_without_the_token_of_the_page(agent: FlaskClient) -> None:
    assert agent.post("/staff/ai/try", data={"description": TEXT}).status_code == 400
