"""The one way out of the house: what every question passes before a remote engine sees it.

Private data is taken out of it. Where the database is at hand, an answer of the
last hour is given again, a resting engine is left alone, the day's budget is kept,
and the engine is shown what staff decided about similar tickets. All of it is
shared by the workers and costs a few short statements on a connection of its own;
when the database fails, the engine is asked without.
"""

import time
from collections.abc import Callable
from datetime import datetime

import sqlalchemy
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from ticketdesk.ai import few_shot, reuse
from ticketdesk.ai.breaker import Breaker
from ticketdesk.ai.budget import Budget
from ticketdesk.ai.contract import EngineError, Precedent, Question, RemoteEngine, Verdict
from ticketdesk.ai.redact import redact
from ticketdesk.core import clock

log = structlog.get_logger(__name__)


class Gateway:
    """Leads questions to one remote engine."""

    def __init__(
        self,
        engine: RemoteEngine,
        *,
        redacting: bool = True,
        database: Callable[[], sqlalchemy.Engine] | None = None,
        daily_limit: int | None = None,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        """``redacting`` keeps what is private from the engine; ``daily_limit`` caps the calls of a day."""
        self.name = engine.name
        self.model = engine.model
        self.breaker = Breaker(engine.name, engine.model, now)
        self.budget = Budget(daily_limit, now)
        self._engine = engine
        self._redacting = redacting
        self._database = database
        self._now = now

    def warm(self) -> None:
        """Make the engine ready, which takes a while."""
        self._engine.warm()

    def classify(self, question: Question, *, timeout: float) -> Verdict:
        """Answer within ``timeout`` seconds, by asking the engine or from its earlier answers.

        Raises:
            EngineError: there is no usable answer; ``resting`` and ``budget`` where the engine was not asked.
        """
        ends = time.monotonic() + timeout
        text = redact(question.text, question.requester_name) if self._redacting else question.text
        if self._database is None:
            return self._engine.classify(text, timeout=ends - time.monotonic())
        desk = self._database()
        key = reuse.key_of(self.name, self.model, text)
        trying = False
        shown: list[Precedent] = []
        try:
            with _autocommitting(desk) as connection:
                if earlier := reuse.earlier_answer(connection, key, self._now()):
                    return earlier
                trying = self.breaker.enter(connection, timeout)
                self.budget.spend(connection)
            shown = few_shot.precedents(desk, question, redacting=self._redacting)
        except SQLAlchemyError as error:
            _tell(error)
        try:
            verdict = self._engine.classify(text, timeout=ends - time.monotonic(), precedents=shown)
        except EngineError as error:
            self._note(desk, trying, key, error)
            raise
        self._note(desk, trying, key, verdict)
        return verdict

    def _note(self, desk: sqlalchemy.Engine, trying: bool, key: str, answer: Verdict | EngineError) -> None:
        """Let all workers know how the call went."""
        try:
            with _autocommitting(desk) as connection:
                if isinstance(answer, Verdict):
                    self.breaker.note(connection, trying=trying)
                    reuse.keep(connection, key, answer, self._now())
                    return
                self.breaker.note(connection, trying=trying, error=answer)
                if answer.kind == "busy":
                    self.budget.give_back(connection)
        except SQLAlchemyError as error:
            _tell(error)


def _autocommitting(desk: sqlalchemy.Engine) -> Connection:
    return desk.connect().execution_options(isolation_level="AUTOCOMMIT")


def _tell(error: SQLAlchemyError) -> None:
    # Not the error's text, which may hold the ticket's among a statement's parameters.
    log.warning("gateway_without_database", error=type(error).__name__)
