"""Leaves a remote engine alone while asking it makes no sense, across all workers.

Three failures in a row, or a quota that is used up, give the engine a rest: until
it ends the local engine answers at once and nobody waits for a time-out. Then one
caller, across all workers, tries it again. If that goes well everybody may ask;
if not, the next rest is twice as long.

While the engine rests only that one try counts. Calls that were already under way
when it failed say nothing new.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Connection, text

from ticketdesk.ai.contract import EngineError
from ticketdesk.core import clock

FAILURES_MAX = 3
FIRST_REST = timedelta(seconds=15)
LONGEST_REST = timedelta(minutes=10)
QUOTA_REST = timedelta(minutes=1)
"""The rest after a quota is used up where the provider does not say until when."""
QUOTA_REST_MAX = timedelta(days=1)
"""A provider that asks for more patience than this is tried again all the same."""
GRACE = timedelta(seconds=5)
"""How much longer than its time-out a try may take before another caller may try."""

_OUT_OF_ORDER = {
    "overloaded": "it is overloaded or out of order",
    "timeout": "it does not answer in time",
    "unreachable": "it cannot be reached",
}
_REASONS = _OUT_OF_ORDER | {"quota": "its quota is used up"}
_NOT_ASKED = {"busy", "internal"}

_STATE = text("SELECT failures, reason, resting_until FROM ai_engine_state WHERE engine = :engine AND model = :model")
_TRY = text(
    """
    UPDATE ai_engine_state SET resting_until = :until
    WHERE engine = :engine AND model = :model AND resting_until = :seen
    """
)
_FAILED = text(
    """
    INSERT INTO ai_engine_state AS state (engine, model, failures, reason) VALUES (:engine, :model, 1, :reason)
    ON CONFLICT (engine, model) DO UPDATE SET
        failures = state.failures + 1,
        reason = excluded.reason,
        resting_until = CASE WHEN :trying OR state.failures + 1 >= :most THEN CAST(:now AS timestamptz)
            + least(:first * power(2, greatest(0, least(state.failures + 1 - :most, 10))), CAST(:longest AS interval))
            END
    WHERE :trying OR state.resting_until IS NULL
    RETURNING resting_until
    """
)
_OUT_OF_QUOTA = text(
    """
    INSERT INTO ai_engine_state AS state (engine, model, failures, reason, resting_until)
    VALUES (:engine, :model, 1, :reason, :until)
    ON CONFLICT (engine, model) DO UPDATE SET
        failures = state.failures + 1,
        reason = excluded.reason,
        resting_until = greatest(state.resting_until, excluded.resting_until)
    RETURNING resting_until
    """
)
_ANSWERED = text(
    """
    UPDATE ai_engine_state SET failures = 0, reason = NULL, resting_until = NULL
    WHERE engine = :engine AND model = :model AND failures > 0 AND (:trying OR resting_until IS NULL)
    """
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rest:
    """Why an engine is left alone, as the kind of its last failure, and until when.

    ``until`` may have passed; then the engine waits for the next question to try it.
    """

    reason: str
    until: datetime


class Breaker:
    """The breaker of one engine and model. It holds no state of its own; pass it a connection that autocommits."""

    def __init__(self, engine: str, model: str, now: Callable[[], datetime] = clock.now) -> None:
        self._key = {"engine": engine, "model": model}
        self._now = now

    def enter(self, connection: Connection, timeout: float) -> bool:
        """Ask for leave to call the engine, for at most ``timeout`` seconds; True if the call is the one try.

        Raises:
            EngineError: ``resting``.
        """
        rest = self.rest(connection)
        if rest is None:
            return False
        now = self._now()
        if rest.until > now:
            raise self._resting(rest, f"is left alone until {rest.until:%Y-%m-%d %H:%M:%S} UTC", rest.until - now)
        # Of several callers that come at once, the update finds the moment it has seen for one alone.
        until = now + timedelta(seconds=timeout) + GRACE
        if connection.execute(_TRY, self._key | {"seen": rest.until, "until": until}).rowcount:
            return True
        raise self._resting(rest, "is being tried again by another request", until - now)

    def note(self, connection: Connection, *, trying: bool, error: EngineError | None = None) -> None:
        """Write down how a call went; ``trying`` is what `enter` returned for it."""
        if error is not None and error.kind in _NOT_ASKED:
            return
        if error is not None and error.kind == "quota":
            patience = timedelta(seconds=error.retry_after) if error.retry_after is not None else QUOTA_REST
            until = self._now() + min(patience, QUOTA_REST_MAX)
            opened = connection.execute(_OUT_OF_QUOTA, self._key | {"reason": error.kind, "until": until}).scalar()
        elif error is not None and error.kind in _OUT_OF_ORDER:
            how = {
                "reason": error.kind,
                "trying": trying,
                "now": self._now(),
                "most": FAILURES_MAX,
                "first": FIRST_REST,
                "longest": LONGEST_REST,
            }
            opened = connection.execute(_FAILED, self._key | how).scalar()
        else:
            # Also an answer that cannot be used came from a provider that answers.
            connection.execute(_ANSWERED, self._key | {"trying": trying})
            return
        if opened is not None:
            log.warning("engine_rests", **self._key, kind=error.kind, until=opened.isoformat())

    def rest(self, connection: Connection) -> Rest | None:
        """Whether the engine is left alone, for callers and for the operator's eyes."""
        state = connection.execute(_STATE, self._key).one_or_none()
        if state is None or state.resting_until is None:
            return None
        return Rest(state.reason, state.resting_until.astimezone(UTC))

    def _resting(self, rest: Rest, how: str, patience: timedelta) -> EngineError:
        return EngineError(
            "resting",
            f"The engine {self._key['engine']} {how}, because {_REASONS[rest.reason]}.",
            retry_after=patience.total_seconds(),
        )
