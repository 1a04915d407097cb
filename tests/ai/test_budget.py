"""The calls of a day are counted, and stop at the operator's limit."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from flask import Flask

import config
from tests.ai.clock import Clock
from ticketdesk.ai.budget import Budget, next_day
from ticketdesk.ai.contract import EngineError
from ticketdesk.extensions import db


@pytest.fixture
def connection(app: Flask) -> sa.Connection:
    return db.session.connection()


def spent(budget: Budget, connection: sa.Connection) -> bool:
    """Whether there was a call left to spend."""
    try:
        budget.spend(connection)
    except EngineError as refusal:
        return refusal.kind != "budget"
    return True


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        (datetime(2026, 11, 22, 16, 0, tzinfo=UTC), datetime(2026, 11, 23, 8, 0, tzinfo=UTC)),
        (datetime(2026, 11, 23, 7, 59, 59, tzinfo=UTC), datetime(2026, 11, 23, 8, 0, tzinfo=UTC)),
        (datetime(2026, 11, 23, 8, 0, tzinfo=UTC), datetime(2026, 11, 24, 8, 0, tzinfo=UTC)),
        # The days on which the clocks change in California have 23 and 25 hours.
        (datetime(2026, 3, 8, 8, 0, tzinfo=UTC), datetime(2026, 3, 9, 7, 0, tzinfo=UTC)),
        (datetime(2026, 11, 1, 7, 0, tzinfo=UTC), datetime(2026, 11, 2, 8, 0, tzinfo=UTC)),
    ],
)
def test_a_day_ends_at_midnight_pacific_time(now: datetime, ends: datetime) -> None:
    assert next_day(now) == ends


def test_the_limit_holds_for_a_day(connection: sa.Connection) -> None:
    clock = Clock()
    budget = Budget(2, clock)
    assert budget.left(connection) == 2
    assert [spent(budget, connection) for _ in range(4)] == [True, True, False, False]
    assert (budget.calls(connection), budget.left(connection)) == (2, 0)
    clock.now = next_day(clock.now)
    assert budget.left(connection) == 2
    assert spent(budget, connection)


def test_a_call_that_was_not_made_is_given_back(connection: sa.Connection) -> None:
    budget = Budget(1, Clock())
    assert spent(budget, connection)
    budget.give_back(connection)
    assert budget.left(connection) == 1
    assert spent(budget, connection)
    assert not spent(budget, connection)


def test_without_a_limit_calls_are_counted_all_the_same(connection: sa.Connection) -> None:
    budget = Budget(None, Clock())
    assert all(spent(budget, connection) for _ in range(3))
    assert (budget.calls(connection), budget.left(connection)) == (3, None)
    assert Budget(2, Clock()).left(connection) == 0, "A limit that is set later counts what has been."


def test_the_operator_is_told_which_limit_and_until_when(connection: sa.Connection) -> None:
    budget = Budget(1, Clock())
    budget.spend(connection)
    with pytest.raises(EngineError) as caught:
        budget.spend(connection)
    assert str(caught.value) == (
        "AI_DAILY_LIMIT allows 1 calls a day, and they are used up until 2026-11-23 08:00 UTC; "
        "raise it if the provider's quota has room."
    )
    assert caught.value.retry_after == 16 * 3_600


@pytest.fixture
def engine(committed_url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(committed_url, isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


def test_workers_that_spend_at_once_do_not_exceed_the_limit(engine: sa.Engine) -> None:
    clock = Clock()

    def spend(_: int) -> bool:
        with engine.connect() as connection:
            return spent(Budget(5, clock), connection)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(spend, range(24))) == 5


@pytest.mark.parametrize(("given", "limit"), [("", None), ("20", 20)])
def test_the_setting(given: str, limit: int | None) -> None:
    settings = config.load({"SECRET_KEY": "s" * config.SECRET_KEY_MIN, "AI_DAILY_LIMIT": given}, env_file=None)
    assert settings.ai_daily_limit == limit


@pytest.mark.parametrize("given", ["0", "-3", "many", "1.5"])
def test_a_setting_that_cannot_be_meant_is_refused(given: str) -> None:
    with pytest.raises(config.ConfigError, match="AI_DAILY_LIMIT"):
        config.load({"SECRET_KEY": "s" * config.SECRET_KEY_MIN, "AI_DAILY_LIMIT": given}, env_file=None)
