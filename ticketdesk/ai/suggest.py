"""The one question the rest of the desk asks the engines: what is this ticket about, and how urgent is it?

``Suggester.suggest`` always returns, in time, whatever the engines do. It may wait for
a provider: close your transaction before you call it, and record what it returns. What
it needs of the database it reads and writes on connections of its own, briefly.
"""

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy
import structlog
from flask import current_app

from config import Settings
from ticketdesk.ai.contract import Engine, EngineError, Guess, Question, RemoteEngine, Verdict, text_of
from ticketdesk.ai.gateway import Gateway
from ticketdesk.ai.gemini import GeminiEngine
from ticketdesk.ai.local import LocalEngine
from ticketdesk.ai.memory import Memory
from ticketdesk.ai.openai_compatible import OpenAICompatibleEngine
from ticketdesk.core.vocabulary import Category, Priority

MIN_TEXT = 10
"""Characters a text must have, white space around it aside, before an engine is asked about it."""

REMOTE_SHARE = 0.95
"""The share of the deadline a remote engine may use; the rest is for the local one after it."""

log = structlog.get_logger(__name__)


def is_enough(text: str) -> bool:
    """Whether a text is long enough to be asked about."""
    return len(text.strip()) >= MIN_TEXT


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the engines say of one text.

    ``engine`` and ``model`` name who answered and are None when nobody did, as are
    the proposals then. Who answered without being sure enough has ``abstained``:
    the category is None, the confidence is that of the best of the ``guesses``,
    and a person has to look. ``failure`` is the kind of ``EngineError`` for which the
    preferred engine did not answer, even where another one did instead, and
    ``failure_sentence`` tells the operator about it; never show it to a customer.
    """

    took_ms: float
    engine: str | None = None
    model: str | None = None
    category: Category | None = None
    priority: Priority | None = None
    category_confidence: float | None = None
    priority_confidence: float | None = None
    guesses: tuple[Guess, ...] = ()
    words: tuple[str, ...] = ()
    failure: str | None = None
    failure_sentence: str | None = None

    @property
    def abstained(self) -> bool:
        """Whether an engine answered that it is not sure enough of the category."""
        return self.engine is not None and self.category is None


class Suggester:
    """Asks the preferred engine, and the local one where that fails and falling back is allowed."""

    def __init__(
        self,
        local: Engine,
        gateway: Gateway | None = None,
        *,
        memory: Memory | None = None,
        timeout: float,
        fallback: bool = True,
        threshold: float = 0.0,
    ) -> None:
        """``timeout`` is the total deadline in seconds; without a ``gateway`` the local engine is the preferred one.

        ``memory`` is the local engine's. An engine that is less sure of its category than ``threshold``, from 0
        to 1, abstains.
        """
        self.gateway = gateway
        self.memory = memory
        self._local = local
        self._timeout = timeout
        self._fallback = fallback
        self._threshold = threshold

    @classmethod
    def from_settings(cls, settings: Settings, database: Callable[[], sqlalchemy.Engine] | None = None) -> "Suggester":
        """The suggester that AI_ENGINE and the keys ask for; without a ``database`` it learns and counts nothing."""
        local = LocalEngine()
        remote = _remote_engine(settings)
        return cls(
            local,
            Gateway(remote, redacting=settings.ai_redact, database=database, daily_limit=settings.ai_daily_limit)
            if remote
            else None,
            memory=Memory(local, database) if database else None,
            timeout=settings.ai_timeout,
            fallback=settings.ai_fallback,
            threshold=settings.ai_threshold,
        )

    @property
    def preferred(self) -> Engine | Gateway:
        """The engine that is asked first."""
        return self.gateway or self._local

    def warm(self) -> None:
        """Make ready in the background what the first answer would wait for.

        Call it after any fork, in the process that will serve.
        """
        if self.memory is not None:
            self.memory.warm()
        if self.gateway is not None:
            threading.Thread(target=_warm, args=[self.gateway], name="engine warm-up", daemon=True).start()

    def suggest(
        self, title: str, description: str, *, requester_name: str | None = None, ticket_id: int | None = None
    ) -> Suggestion:
        """Classify a ticket's text within the deadline; never raises for an engine's trouble.

        ``requester_name`` is only used to take the name out of a text that leaves the
        house, and ``ticket_id``, where there is a ticket already, to keep it from being
        its own precedent.
        """
        started = time.monotonic()
        question = Question(text_of(title, description), requester_name, ticket_id)
        failure: EngineError | None = None
        for engine in self._line():
            left = started + self._timeout - time.monotonic()
            try:
                if isinstance(engine, Gateway):
                    verdict = engine.classify(question, timeout=left * REMOTE_SHARE)
                else:
                    if self.memory is not None:
                        self.memory.refresh()
                    verdict = engine.classify(question.text, timeout=left)
            except Exception as error:
                trouble = _told(engine, error)
                failure = failure or trouble
                continue
            return self._suggestion(started, engine, verdict, failure)
        return self._suggestion(started, None, None, failure)

    def _line(self) -> list[Engine | Gateway]:
        if self.gateway is None:
            return [self._local]
        return [self.gateway, self._local] if self._fallback else [self.gateway]

    def _suggestion(
        self, started: float, engine: Engine | Gateway | None, verdict: Verdict | None, failure: EngineError | None
    ) -> Suggestion:
        took_ms = round((time.monotonic() - started) * 1000, 1)
        kind = failure.kind if failure else None
        sentence = str(failure) if failure else None
        if engine is None or verdict is None:
            return Suggestion(took_ms, failure=kind, failure_sentence=sentence)
        return Suggestion(
            took_ms,
            engine=engine.name,
            model=engine.model,
            category=verdict.category if verdict.category_confidence >= self._threshold else None,
            priority=verdict.priority,
            category_confidence=verdict.category_confidence,
            priority_confidence=verdict.priority_confidence,
            guesses=verdict.guesses,
            words=verdict.words,
            failure=kind,
            failure_sentence=sentence,
        )


def current_suggester() -> Suggester:
    """The suggester of the app at hand."""
    suggester: Suggester = current_app.extensions["suggester"]
    return suggester


def _warm(gateway: Gateway) -> None:
    try:
        gateway.warm()
    except Exception as error:
        _told(gateway, error)


def _remote_engine(settings: Settings) -> RemoteEngine | None:
    if settings.ai_engine == "openai" and settings.openai_base_url and settings.openai_model:
        return OpenAICompatibleEngine(settings.openai_base_url, settings.openai_model, settings.openai_api_key)
    if settings.ai_engine in {"auto", "gemini"} and settings.gemini_api_key:
        return GeminiEngine(settings.gemini_api_key, settings.gemini_model, settings.gemini_endpoint)
    return None


def _told(engine: Engine | Gateway, error: Exception) -> EngineError:
    """The error as an engine's, after it has been told to the log.

    Of an unexpected one only its type and its place are told: its text may hold
    the ticket's, or a key.
    """
    if isinstance(error, EngineError):
        # What was not even tried has been told when its reason arose.
        tell = log.info if error.kind in {"resting", "budget"} else log.warning
        tell("engine_failed", engine=engine.name, model=engine.model, kind=error.kind, reason=str(error))
        return error
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    kind = type(error).__name__
    log.error("engine_broke", engine=engine.name, model=engine.model, error=kind, frames=frames)
    return EngineError("internal", f"The engine {engine.name} broke with {kind}; the log says where.")
