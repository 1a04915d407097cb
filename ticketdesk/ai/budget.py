"""Counts the questions that leave the house, and stops at the operator's limit for a day."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from ticketdesk.ai.contract import EngineError
from ticketdesk.core import clock

QUOTA_ZONE = ZoneInfo("America/Los_Angeles")
"""Google renews daily quotas at midnight Pacific time; our own day is the same, so that a limit can mirror a quota."""

_SPEND = text(
    """
    INSERT INTO ai_call_count AS today (day, calls) VALUES (:day, 1)
    ON CONFLICT (day) DO UPDATE SET calls = today.calls + 1
    WHERE CAST(:limit AS integer) IS NULL OR today.calls < :limit
    RETURNING calls
    """
)
_GIVE_BACK = text("UPDATE ai_call_count SET calls = calls - 1 WHERE day = :day")
_CALLS = text("SELECT calls FROM ai_call_count WHERE day = :day")


def next_day(now: datetime) -> datetime:
    """When the day that ``now`` belongs to ends, in UTC."""
    tomorrow = now.astimezone(QUOTA_ZONE).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), QUOTA_ZONE).astimezone(UTC)


class Budget:
    """The calls of a day, counted across all workers; pass it a connection that autocommits."""

    def __init__(self, limit: int | None, now: Callable[[], datetime] = clock.now) -> None:
        """``limit`` is how many calls a day may have; None sets no limit."""
        self.limit = limit
        self._now = now

    def spend(self, connection: Connection) -> None:
        """Count a call that is about to be made.

        Raises:
            EngineError: ``budget``; the call must not be made.
        """
        if connection.execute(_SPEND, self._today() | {"limit": self.limit}).scalar() is None:
            ends = next_day(self._now())
            raise EngineError(
                "budget",
                f"AI_DAILY_LIMIT allows {self.limit} calls a day, and they are used up until {ends:%Y-%m-%d %H:%M} "
                "UTC; raise it if the provider's quota has room.",
                retry_after=(ends - self._now()).total_seconds(),
            )

    def give_back(self, connection: Connection) -> None:
        """Take back a call that was counted and not made."""
        connection.execute(_GIVE_BACK, self._today())

    def calls(self, connection: Connection) -> int:
        """How many calls this day has had."""
        return connection.execute(_CALLS, self._today()).scalar() or 0

    def left(self, connection: Connection) -> int | None:
        """How many calls this day may still have; None where there is no limit."""
        return None if self.limit is None else max(0, self.limit - self.calls(connection))

    def _today(self) -> dict[str, object]:
        return {"day": self._now().astimezone(QUOTA_ZONE).date()}
