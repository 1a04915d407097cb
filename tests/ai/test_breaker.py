"""A remote engine is left alone while asking makes no sense, and one caller finds out when that is over."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.ai.clock import Clock
from ticketdesk.ai.breaker import FAILURES_MAX, FIRST_REST, GRACE, LONGEST_REST, QUOTA_REST, QUOTA_REST_MAX, Breaker
from ticketdesk.ai.contract import EngineError
from ticketdesk.extensions import db

TIMEOUT = 4.0
OUT_OF_ORDER = ["overloaded", "timeout", "unreachable"]
FIRST = FIRST_REST.total_seconds()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("gemini", "gemini-test", clock)


@pytest.fixture
def connection(app: Flask) -> sa.Connection:
    return db.session.connection()


def failure(kind: str, retry_after: float | None = None) -> EngineError:
    return EngineError(kind, "It failed.", retry_after=retry_after)


def call(breaker: Breaker, connection: sa.Connection, error: EngineError | None = None) -> str:
    """Make a call that ends so; say whether it was made freely or as the one try, or why it was not made."""
    try:
        trying = breaker.enter(connection, TIMEOUT)
    except EngineError as refusal:
        return refusal.kind
    breaker.note(connection, trying=trying, error=error)
    return "try" if trying else "free"


def open_it(breaker: Breaker, connection: sa.Connection) -> None:
    for _ in range(FAILURES_MAX):
        assert call(breaker, connection, failure("overloaded")) == "free"
    assert call(breaker, connection) == "resting"


@pytest.mark.parametrize("kind", OUT_OF_ORDER)
def test_failures_in_a_row_open_it(breaker: Breaker, connection: sa.Connection, kind: str) -> None:
    for _ in range(FAILURES_MAX - 1):
        assert call(breaker, connection, failure(kind)) == "free"
    assert call(breaker, connection, failure(kind)) == "free"
    assert call(breaker, connection) == "resting"


@pytest.mark.parametrize("kind", [None, "malformed", "blocked", "key", "model"])
def test_whatever_the_provider_answers_ends_the_row(
    breaker: Breaker, connection: sa.Connection, kind: str | None
) -> None:
    for _ in range(3):
        for _ in range(FAILURES_MAX - 1):
            assert call(breaker, connection, failure("timeout")) == "free"
        assert call(breaker, connection, failure(kind) if kind else None) == "free"


@pytest.mark.parametrize("kind", ["busy", "internal"])
def test_a_call_that_never_reached_the_provider_says_nothing_about_it(
    breaker: Breaker, connection: sa.Connection, kind: str
) -> None:
    for _ in range(FAILURES_MAX):
        assert call(breaker, connection, failure(kind)) == "free"
    for error in (failure("timeout"), failure("timeout"), failure(kind), failure("timeout")):
        assert call(breaker, connection, error) == "free"
    assert call(breaker, connection) == "resting"


def test_a_rest_ends_with_one_try_and_success_closes_it(
    breaker: Breaker, connection: sa.Connection, clock: Clock
) -> None:
    open_it(breaker, connection)
    clock.pass_time(FIRST - 1)
    assert call(breaker, connection) == "resting"
    clock.pass_time(1)
    assert call(breaker, connection) == "try"
    assert call(breaker, connection) == "free"
    assert breaker.rest(connection) is None


def test_each_failed_try_doubles_the_rest_up_to_a_limit(
    breaker: Breaker, connection: sa.Connection, clock: Clock
) -> None:
    open_it(breaker, connection)
    rests = []
    for _ in range(12):
        rest = breaker.rest(connection)
        assert rest is not None
        rests.append((rest.until - clock.now).total_seconds())
        clock.now = rest.until
        assert call(breaker, connection, failure("timeout")) == "try"
    longest = LONGEST_REST.total_seconds()
    assert rests == [min(FIRST * 2**count, longest) for count in range(12)]
    assert rests[-1] == longest


def test_while_one_caller_tries_the_others_are_told_to_wait(
    breaker: Breaker, connection: sa.Connection, clock: Clock
) -> None:
    open_it(breaker, connection)
    clock.pass_time(FIRST)
    assert breaker.enter(connection, TIMEOUT) is True
    assert call(breaker, connection) == "resting"
    clock.pass_time(TIMEOUT)
    assert call(breaker, connection) == "resting"
    # The one who tried was killed and never said how it went.
    clock.pass_time(GRACE.total_seconds())
    assert call(breaker, connection) == "try"


def test_calls_that_were_under_way_neither_open_it_further_nor_close_it(
    breaker: Breaker, connection: sa.Connection
) -> None:
    open_it(breaker, connection)
    before = breaker.rest(connection)
    breaker.note(connection, trying=False, error=failure("timeout"))
    breaker.note(connection, trying=False)
    assert breaker.rest(connection) == before


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        (41.75, 41.75),
        (28_800.0, 28_800.0),
        (None, QUOTA_REST.total_seconds()),
        (1e9, QUOTA_REST_MAX.total_seconds()),
    ],
)
def test_a_used_up_quota_rests_at_once_for_as_long_as_the_provider_says(
    breaker: Breaker, connection: sa.Connection, clock: Clock, retry_after: float | None, seconds: float
) -> None:
    assert call(breaker, connection, failure("quota", retry_after)) == "free"
    clock.pass_time(seconds - 0.5)
    assert call(breaker, connection) == "resting"
    clock.pass_time(0.5)
    assert call(breaker, connection) == "try"
    assert call(breaker, connection) == "free"


def test_a_days_quota_outlasts_a_minutes(breaker: Breaker, connection: sa.Connection, clock: Clock) -> None:
    breaker.note(connection, trying=False, error=failure("quota", 28_800))
    breaker.note(connection, trying=False, error=failure("quota", 41))
    rest = breaker.rest(connection)
    assert rest is not None
    assert (rest.until - clock.now).total_seconds() == 28_800


def test_the_operator_is_told_why_and_until_when(breaker: Breaker, connection: sa.Connection) -> None:
    breaker.note(connection, trying=False, error=failure("quota", 3_600))
    with pytest.raises(EngineError) as caught:
        breaker.enter(connection, TIMEOUT)
    assert str(caught.value) == (
        "The engine gemini is left alone until 2026-11-22 17:00:00 UTC, because its quota is used up."
    )
    assert caught.value.retry_after == 3_600


def test_another_model_is_another_matter(breaker: Breaker, connection: sa.Connection, clock: Clock) -> None:
    open_it(breaker, connection)
    assert call(Breaker("gemini", "gemini-9", clock), connection) == "free"


@pytest.fixture
def engine(committed_url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(committed_url, isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


def test_of_many_callers_that_come_at_once_one_tries(engine: sa.Engine, breaker: Breaker, clock: Clock) -> None:
    with engine.connect() as connection:
        open_it(breaker, connection)
    callers = 8

    def enter(_: int) -> str:
        with engine.connect() as connection:
            try:
                return "try" if breaker.enter(connection, TIMEOUT) else "free"
            except EngineError:
                return "resting"

    with ThreadPoolExecutor(callers) as pool:
        for _ in range(5):
            clock.pass_time(3_600)
            assert sorted(pool.map(enter, range(callers))) == ["resting"] * (callers - 1) + ["try"]


def test_failures_of_all_workers_count_together(engine: sa.Engine, clock: Clock) -> None:
    workers = [Breaker("gemini", "gemini-test", clock) for _ in range(FAILURES_MAX)]
    for worker in workers:
        with engine.connect() as connection:
            assert call(worker, connection, failure("unreachable")) == "free"
    with engine.connect() as connection:
        assert [call(worker, connection) for worker in workers] == ["resting"] * len(workers)
