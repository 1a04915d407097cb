"""The one question the rest of the desk asks the engines: what is this ticket about, and how urgent is it?

``Suggester.suggest`` always returns, in time, whatever the engines do. It knows no
database: close your transaction before you call it, and record what it returns.
"""

import threading
import time
import traceback
from dataclasses import dataclass

import structlog

from config import Settings
from ticketdesk.ai.contract import Engine, EngineError, Guess, RemoteEngine, Verdict
from ticketdesk.ai.gemini import GeminiEngine
from ticketdesk.ai.local import LocalEngine
from ticketdesk.ai.openai_compatible import OpenAICompatibleEngine
from ticketdesk.ai.redact import redact
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
    the proposals then. ``failure`` is the kind of ``EngineError`` for which the
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


class Suggester:
    """Asks the preferred engine, and the local one where that fails and falling back is allowed."""

    def __init__(
        self,
        local: Engine,
        remote: RemoteEngine | None = None,
        *,
        timeout: float,
        fallback: bool = True,
        redacting: bool = True,
    ) -> None:
        """``timeout`` is the total deadline in seconds; without ``remote`` the local engine is the preferred one.

        ``redacting`` keeps what is private from the remote engine; the local one reads the text as it is.
        """
        self._local = local
        self._remote = remote
        self._timeout = timeout
        self._fallback = fallback
        self._redacting = redacting

    @classmethod
    def from_settings(cls, settings: Settings) -> "Suggester":
        """The suggester that AI_ENGINE and the keys ask for."""
        return cls(
            LocalEngine(),
            _remote_engine(settings),
            timeout=settings.ai_timeout,
            fallback=settings.ai_fallback,
            redacting=settings.ai_redact,
        )

    @property
    def preferred(self) -> Engine:
        """The engine that is asked first."""
        return self._remote or self._local

    def warm(self) -> None:
        """Make the remote engine ready in the background; call it after any fork, in the process that will serve."""
        if self._remote is not None:
            threading.Thread(target=_warm, args=[self._remote], name="engine warm-up", daemon=True).start()

    def suggest(self, title: str, description: str, *, requester_name: str | None = None) -> Suggestion:
        """Classify a ticket's text within the deadline; never raises for an engine's trouble.

        ``requester_name`` is only used to take the name out of a text that leaves the house.
        """
        started = time.monotonic()
        text = f"{title}\n\n{description}".strip()
        failure: EngineError | None = None
        for engine in self._line():
            left = started + self._timeout - time.monotonic()
            try:
                if engine is self._remote:
                    leaving = redact(text, requester_name) if self._redacting else text
                    verdict = engine.classify(leaving, timeout=left * REMOTE_SHARE)
                else:
                    verdict = engine.classify(text, timeout=left)
            except Exception as error:
                trouble = _told(engine, error)
                failure = failure or trouble
                continue
            return _suggestion(started, engine, verdict, failure)
        return _suggestion(started, None, None, failure)

    def _line(self) -> list[Engine]:
        if self._remote is None:
            return [self._local]
        return [self._remote, self._local] if self._fallback else [self._remote]


def _warm(engine: RemoteEngine) -> None:
    try:
        engine.warm()
    except Exception as error:
        _told(engine, error)


def _remote_engine(settings: Settings) -> RemoteEngine | None:
    if settings.ai_engine == "openai" and settings.openai_base_url and settings.openai_model:
        return OpenAICompatibleEngine(settings.openai_base_url, settings.openai_model, settings.openai_api_key)
    if settings.ai_engine in {"auto", "gemini"} and settings.gemini_api_key:
        return GeminiEngine(settings.gemini_api_key, settings.gemini_model, settings.gemini_endpoint)
    return None


def _told(engine: Engine, error: Exception) -> EngineError:
    """The error as an engine's, after it has been told to the log.

    Of an unexpected one only its type and its place are told: its text may hold
    the ticket's, or a key.
    """
    if isinstance(error, EngineError):
        log.warning("engine_failed", engine=engine.name, model=engine.model, kind=error.kind, reason=str(error))
        return error
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    kind = type(error).__name__
    log.error("engine_broke", engine=engine.name, model=engine.model, error=kind, frames=frames)
    return EngineError("internal", f"The engine {engine.name} broke with {kind}; the log says where.")


def _suggestion(
    started: float, engine: Engine | None, verdict: Verdict | None, failure: EngineError | None
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
        category=verdict.category,
        priority=verdict.priority,
        category_confidence=verdict.category_confidence,
        priority_confidence=verdict.priority_confidence,
        guesses=verdict.guesses,
        words=verdict.words,
        failure=kind,
        failure_sentence=sentence,
    )
