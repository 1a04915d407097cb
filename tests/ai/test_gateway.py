"""The way out of the house: what is asked, what is answered without asking, and what all workers share."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.ai.clock import Clock
from tests.fakes.gemini import FakeGemini
from ticketdesk.ai import reuse
from ticketdesk.ai.breaker import FAILURES_MAX, FIRST_REST
from ticketdesk.ai.contract import EngineError, Guess, Precedent, Question, Verdict
from ticketdesk.ai.gateway import Gateway
from ticketdesk.ai.gemini import GeminiEngine
from ticketdesk.ai.local import LocalEngine
from ticketdesk.ai.suggest import Suggester, Suggestion
from ticketdesk.core.vocabulary import Category, Priority
from ticketdesk.extensions import db
from ticketdesk.jobs import worker
from ticketdesk.models import EarlierAnswer

KEY = "a-key-that-is-secret"
TITLE, DESCRIPTION = "Double charge", "I was charged twice for my subscription."
LONG = 20.0


@pytest.fixture
def fake() -> Iterator[FakeGemini]:
    with FakeGemini() as server:
        yield server


@pytest.fixture
def asked(desk: Flask, fake: FakeGemini, clock: Clock) -> Suggester:
    """A worker of a desk that asks the fake."""
    return make_worker(fake, clock)


def make_worker(fake: FakeGemini, clock: Clock, model: str = "gemini-test", limit: int | None = None) -> Suggester:
    gateway = Gateway(GeminiEngine(KEY, model, fake.url), database=lambda: db.engine, daily_limit=limit, now=clock)
    return Suggester(LocalEngine(), gateway, timeout=LONG)


def answered_by(suggestion: Suggestion) -> tuple[str | None, str | None]:
    return suggestion.engine, suggestion.failure


def suggest(suggester: Suggester, description: str = DESCRIPTION) -> tuple[str | None, str | None]:
    return answered_by(suggester.suggest(TITLE, description))


def kept() -> Sequence[EarlierAnswer]:
    return db.session.scalars(sa.select(EarlierAnswer).execution_options(populate_existing=True)).all()


def test_the_same_text_is_asked_once_an_hour(asked: Suggester, fake: FakeGemini, clock: Clock) -> None:
    first = asked.suggest(TITLE, DESCRIPTION)
    clock.pass_time(reuse.GOOD_FOR.total_seconds() - 1)
    again = make_worker(fake, clock).suggest(TITLE, DESCRIPTION)
    assert len(fake.requests) == 1
    assert (again.engine, again.category, again.priority, again.category_confidence, again.guesses) == (
        first.engine, first.category, first.priority, first.category_confidence, first.guesses,
    )  # fmt: skip
    clock.pass_time(1)
    assert suggest(asked) == ("gemini", None)
    assert len(fake.requests) == 2


def test_texts_that_leave_the_house_alike_are_the_same_text(asked: Suggester, fake: FakeGemini) -> None:
    suggest(asked, f"{DESCRIPTION} Write to ada@example.com.")
    suggest(asked, f"{DESCRIPTION} Write to grace@example.org.")
    assert len(fake.requests) == 1


def test_another_text_or_model_is_asked_about(asked: Suggester, fake: FakeGemini, clock: Clock) -> None:
    suggest(asked)
    suggest(asked, f"{DESCRIPTION} Twice!")
    suggest(make_worker(fake, clock, model="gemini-9"))
    assert len(fake.requests) == 3


def test_a_failure_is_no_answer_to_give_again(asked: Suggester, fake: FakeGemini) -> None:
    fake.mode = "malformed"
    assert suggest(asked) == ("local", "malformed")
    fake.mode = "ok"
    assert suggest(asked) == ("gemini", None)


def test_of_an_answer_no_text_is_kept(asked: Suggester) -> None:
    suggest(asked)
    (row,) = kept()
    assert row.key == reuse.key_of("gemini", "gemini-test", f"{TITLE}\n\n{DESCRIPTION}")
    assert "charged" not in f"{row.key} {row.answer}"


def test_old_answers_are_swept(desk: Flask) -> None:
    for age, key in (("59 minutes", "young"), ("61 minutes", "old")):
        db.session.execute(
            sa.text("INSERT INTO ai_earlier_answer VALUES (:key, '{}', now() - CAST(:age AS interval))"),
            {"age": age, "key": key},
        )
    db.session.commit()
    worker.sweep(timestamp=0)
    assert [row.key for row in kept()] == ["young"]


def test_an_engine_out_of_order_is_left_alone_by_all_workers(asked: Suggester, fake: FakeGemini, clock: Clock) -> None:
    fake.mode = "503"
    for number in range(FAILURES_MAX):
        assert suggest(asked, f"{DESCRIPTION} {number}") == ("local", "overloaded")
    other = make_worker(fake, clock)
    assert suggest(other) == ("local", "resting")
    assert len(fake.requests) == FAILURES_MAX

    fake.mode = "ok"
    clock.pass_time(FIRST_REST.total_seconds())
    assert suggest(other) == ("gemini", None)
    assert suggest(asked, f"{DESCRIPTION} At last!") == ("gemini", None)


def test_a_minutes_quota_is_waited_for(asked: Suggester, fake: FakeGemini, clock: Clock) -> None:
    fake.mode = "429-minute"
    assert suggest(asked) == ("local", "quota")
    fake.mode = "ok"
    clock.pass_time(41.5)
    assert suggest(asked) == ("local", "resting")
    clock.pass_time(0.5)
    assert suggest(asked) == ("gemini", None)
    assert len(fake.requests) == 2


def test_a_days_quota_is_waited_for_until_midnight_pacific_time(
    asked: Suggester, fake: FakeGemini, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ticketdesk.core.clock.now", clock)
    fake.mode = "429-day"
    assert suggest(asked) == ("local", "quota")
    fake.mode = "ok"
    clock.pass_time(16 * 3_600 - 1)
    resting = asked.suggest(TITLE, DESCRIPTION)
    assert answered_by(resting) == ("local", "resting")
    assert "until 2026-11-23 08:00:00 UTC" in str(resting.failure_sentence)
    clock.pass_time(1)
    assert suggest(asked) == ("gemini", None)


def test_earlier_answers_are_given_while_the_engine_rests(asked: Suggester, fake: FakeGemini) -> None:
    assert suggest(asked) == ("gemini", None)
    fake.mode = "429-minute"
    assert suggest(asked, f"{DESCRIPTION} Again.") == ("local", "quota")
    assert suggest(asked) == ("gemini", None)


def test_the_days_calls_end_at_the_limit_and_earlier_answers_cost_none(
    desk: Flask, fake: FakeGemini, clock: Clock
) -> None:
    limited = make_worker(fake, clock, limit=2)
    assert limited.gateway is not None
    budget = limited.gateway.budget
    assert budget.left(db.session.connection()) == 2
    for text in (DESCRIPTION, DESCRIPTION, f"{DESCRIPTION} Twice!"):
        assert suggest(limited, text) == ("gemini", None)
    db.session.rollback()
    assert budget.left(db.session.connection()) == 0
    assert suggest(limited, f"{DESCRIPTION} Thrice!") == ("local", "budget")
    assert len(fake.requests) == 2


class Stub:
    """A remote engine that fails as told, or answers."""

    name = "gemini"
    model = "stub"

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.times: list[float] = []

    def warm(self) -> None:
        """Nothing to get ready."""

    def classify(self, text: str, *, timeout: float, precedents: Sequence[Precedent] = ()) -> Verdict:
        self.times.append(timeout)
        if self.error:
            raise self.error
        return Verdict(Category.BILLING, Priority.LOW, 0.9, 0.9, (Guess(Category.BILLING, 0.9),))


def test_a_call_that_this_process_could_not_make_is_not_counted(desk: Flask, clock: Clock) -> None:
    gateway = Gateway(Stub(EngineError("busy", "Busy.")), database=lambda: db.engine, daily_limit=1, now=clock)
    for _ in range(FAILURES_MAX + 1):
        with pytest.raises(EngineError, match="Busy"):
            gateway.classify(Question(DESCRIPTION), timeout=LONG)
    assert gateway.budget.left(db.session.connection()) == 1


def test_an_engine_that_breaks_is_not_hidden(desk: Flask, clock: Clock) -> None:
    gateway = Gateway(Stub(ZeroDivisionError()), database=lambda: db.engine, now=clock)
    with pytest.raises(ZeroDivisionError):
        gateway.classify(Question(DESCRIPTION), timeout=LONG)


def test_without_its_database_the_engine_is_asked_all_the_same(clock: Clock) -> None:
    gone: dict[str, Any] = {"connect_timeout": 2}
    nowhere = sa.create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none", connect_args=gone)
    stub = Stub()
    verdict = Gateway(stub, database=lambda: nowhere, daily_limit=1, now=clock).classify(
        Question(DESCRIPTION), timeout=LONG
    )
    assert verdict.category is Category.BILLING


def test_the_engine_gets_the_time_that_is_left(desk: Flask, clock: Clock) -> None:
    stub = Stub()
    Gateway(stub, database=lambda: db.engine, now=clock).classify(Question(DESCRIPTION), timeout=LONG)
    assert 0 < stub.times[0] < LONG


def test_no_transaction_is_open_while_the_engine_thinks(desk: Flask, clock: Clock) -> None:
    engine = db.engine
    pool: Any = engine.pool

    class Looking(Stub):
        def classify(self, text: str, *, timeout: float, precedents: Sequence[Precedent] = ()) -> Verdict:
            assert pool.checkedout() == 0
            return super().classify(text, timeout=timeout)

    db.session.rollback()
    stub = Looking()
    Gateway(stub, database=lambda: engine, now=clock).classify(Question(DESCRIPTION), timeout=LONG)
    assert len(stub.times) == 1
