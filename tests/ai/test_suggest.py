"""The suggester: it always returns in time, and says who answered and why another did not."""

import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog
from structlog.testing import LogCapture

import config
from tests.fakes.gemini import ANSWER, MODES, FakeGemini
from ticketdesk.ai import suggest
from ticketdesk.ai.contract import EngineError, Guess, Precedent, Verdict
from ticketdesk.ai.gateway import Gateway
from ticketdesk.ai.gemini import GeminiEngine
from ticketdesk.ai.local import LocalEngine
from ticketdesk.ai.remote import CALLS_MAX
from ticketdesk.ai.suggest import MIN_TEXT, Suggester, Suggestion, is_enough
from ticketdesk.core.vocabulary import Category, Priority

KEY = "a-key-that-is-secret"
TITLE, DESCRIPTION = "Cannot sign in", "My password is refused since this morning."
SHORT = 0.3
LONG = 20.0
SECRET_KEY = "s" * config.SECRET_KEY_MIN

OUTCOMES: dict[str, str | None] = {
    "ok": None,
    "parrot": None,
    "fenced": "malformed",
    "malformed": "malformed",
    "bad-enum": "malformed",
    "bad-confidence": "malformed",
    "html-200": "malformed",
    "array-200": "malformed",
    "error-200": "malformed",
    "empty": "malformed",
    "no-parts": "malformed",
    "max-tokens": "malformed",
    "safety": "blocked",
    "blocked": "blocked",
    "400-key": "key",
    "400-model": "model",
    "400-region": "key",
    "403": "key",
    "404": "model",
    "429-minute": "quota",
    "429-day": "quota",
    "429-bare": "quota",
    "500": "overloaded",
    "502-html": "overloaded",
    "503": "overloaded",
    "503-then-ok": "overloaded",
    "hang": "timeout",
    "drip": "timeout",
}
"""Each mode of the fake: the failure it must be told as, or None for an answer."""


class Stub:
    """An engine that answers, fails or breaks as told, and notes the time it was given."""

    def __init__(self, name: str, trouble: Exception | None = None) -> None:
        self.name = name
        self.model = f"{name}-1"
        self.trouble = trouble
        self.asked: list[tuple[str, float]] = []
        self.warmed = threading.Event()

    def warm(self) -> None:
        self.warmed.set()
        if self.trouble:
            raise self.trouble

    def classify(self, text: str, *, timeout: float, precedents: Sequence[Precedent] = ()) -> Verdict:
        self.asked.append((text, timeout))
        if self.trouble:
            raise self.trouble
        return Verdict(Category.ACCOUNT, Priority.LOW, 0.6, 0.4, (Guess(Category.ACCOUNT, 0.6),), ("password",))


@pytest.fixture(scope="module", autouse=True)
def _sdk_imported() -> None:
    """Keep the second that the import takes out of the tests' short deadlines."""
    GeminiEngine("any", "any").warm()


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> LogCapture:
    """What the suggester tells the log."""
    capture = LogCapture()
    monkeypatch.setattr(suggest, "log", structlog.wrap_logger(None, processors=[capture]))
    return capture


@pytest.fixture
def fake() -> Iterator[FakeGemini]:
    with FakeGemini() as server:
        yield server


def gemini(fake: FakeGemini, *, timeout: float = LONG, fallback: bool = True) -> Suggester:
    return Suggester(
        LocalEngine(), Gateway(GeminiEngine(KEY, "gemini-test", fake.url)), timeout=timeout, fallback=fallback
    )


def answered_by(suggestion: Suggestion) -> tuple[str | None, str | None]:
    return suggestion.engine, suggestion.failure


def test_every_mode_of_the_fake_has_an_outcome() -> None:
    assert set(OUTCOMES) == set(MODES)


@pytest.mark.parametrize("fallback", [True, False], ids=["fallback", "no-fallback"])
@pytest.mark.parametrize("mode", OUTCOMES)
def test_outcome(fake: FakeGemini, mode: str, fallback: bool) -> None:
    fake.mode = mode
    failure = OUTCOMES[mode]
    timeout = SHORT if failure == "timeout" else LONG
    suggestion = gemini(fake, timeout=timeout, fallback=fallback).suggest(TITLE, DESCRIPTION)

    engine = "gemini" if failure is None else "local" if fallback else None
    assert answered_by(suggestion) == (engine, failure)
    assert (suggestion.failure_sentence is None) == (failure is None)
    # Of a call that was left behind, the request may only now be under way.
    assert fake.wait_for_requests(1)
    assert len(fake.requests) == 1
    if engine == "gemini":
        assert (suggestion.category, suggestion.priority) == (ANSWER["category"], ANSWER["priority"])
        assert (suggestion.category_confidence, suggestion.priority_confidence) == (0.93, 0.71)
        assert suggestion.model == "gemini-test"
    elif engine == "local":
        assert suggestion.category is Category.ACCOUNT
        assert suggestion.priority is not None
        assert suggestion.guesses
        assert suggestion.model == LocalEngine.model
    else:
        assert suggestion == Suggestion(
            suggestion.took_ms, failure=failure, failure_sentence=suggestion.failure_sentence
        )


def test_local_answers_while_the_provider_still_drips(fake: FakeGemini) -> None:
    fake.mode = "drip"
    suggestion = gemini(fake, timeout=SHORT).suggest(TITLE, DESCRIPTION)
    assert answered_by(suggestion) == ("local", "timeout")
    assert fake.wait_for_open(1)


def test_provider_that_recovers_answers_the_next_question(fake: FakeGemini) -> None:
    fake.mode = "503-then-ok"
    suggester = gemini(fake)
    assert answered_by(suggester.suggest(TITLE, DESCRIPTION)) == ("local", "overloaded")
    assert answered_by(suggester.suggest(TITLE, DESCRIPTION)) == ("gemini", None)


def test_fifth_question_is_answered_at_once_while_four_hang(fake: FakeGemini) -> None:
    fake.mode = "hang"
    suggester = gemini(fake)
    with ThreadPoolExecutor(CALLS_MAX) as pool:
        hanging = [pool.submit(suggester.suggest, TITLE, DESCRIPTION) for _ in range(CALLS_MAX)]
        assert fake.wait_for_open(CALLS_MAX)
        assert answered_by(suggester.suggest(TITLE, DESCRIPTION)) == ("local", "busy")
        assert fake.open_requests == CALLS_MAX
        fake.hang_up()
        assert {answered_by(call.result()) for call in hanging} == {("local", "unreachable")}


def test_engine_reads_title_and_description(fake: FakeGemini) -> None:
    gemini(fake).suggest(TITLE, DESCRIPTION)
    gemini(fake).suggest("", DESCRIPTION)
    texts = [json.loads(request.body["contents"][0]["parts"][0]["text"])["ticket"] for request in fake.requests]
    assert texts == [f"{TITLE}\n\n{DESCRIPTION}", DESCRIPTION]


def test_without_a_remote_engine_the_local_one_answers_and_nothing_has_failed() -> None:
    suggestion = Suggester(Stub("local"), timeout=LONG, fallback=False).suggest(TITLE, DESCRIPTION)
    assert answered_by(suggestion) == ("local", None)
    assert suggestion.words == ("password",)
    assert suggestion.took_ms >= 0


def test_deadline_leaves_room_for_the_local_engine() -> None:
    local, remote = Stub("local"), Stub("gemini", EngineError("overloaded", "Busy."))
    Suggester(local, Gateway(remote), timeout=4.0).suggest(TITLE, DESCRIPTION)
    ((_, remote_time),), ((_, local_time),) = remote.asked, local.asked
    assert 0 < remote_time < 4.0
    assert remote_time < local_time <= 4.0


@pytest.mark.parametrize("fallback", [True, False])
def test_engine_that_breaks_is_an_engine_that_does_not_answer(told: LogCapture, fallback: bool) -> None:
    remote = Stub("gemini", ValueError(f"{KEY} {DESCRIPTION}"))
    suggestion = Suggester(Stub("local"), Gateway(remote), timeout=LONG, fallback=fallback).suggest(TITLE, DESCRIPTION)
    assert answered_by(suggestion) == ("local" if fallback else None, "internal")
    (entry,) = told.entries
    assert (entry["event"], entry["error"]) == ("engine_broke", "ValueError")
    assert "test_suggest.py" in entry["frames"][-1]
    for secret in (KEY, DESCRIPTION):
        assert secret not in repr(entry)
        assert secret not in str(suggestion.failure_sentence)


def test_nobody_answers_when_both_engines_fail() -> None:
    remote = Stub("gemini", EngineError("quota", "Used up."))
    suggestion = Suggester(Stub("local", RuntimeError()), Gateway(remote), timeout=LONG).suggest(TITLE, DESCRIPTION)
    assert suggestion == Suggestion(suggestion.took_ms, failure="quota", failure_sentence="Used up.")


def test_failure_is_told_to_the_operator(told: LogCapture, fake: FakeGemini) -> None:
    fake.mode = "404"
    suggestion = gemini(fake).suggest(TITLE, DESCRIPTION)
    (entry,) = told.entries
    assert entry["log_level"] == "warning"
    assert entry["reason"] == suggestion.failure_sentence
    assert "set GEMINI_MODEL" in entry["reason"]
    for secret in (KEY, TITLE, DESCRIPTION):
        assert secret not in repr(entry)


def test_warming_up_happens_elsewhere_and_its_failure_is_told(told: LogCapture) -> None:
    remote = Stub("gemini", ImportError("no such library"))
    suggester = Suggester(Stub("local"), Gateway(remote), timeout=LONG)
    suggester.warm()
    for thread in threading.enumerate():
        if thread.name == "engine warm-up":
            thread.join()
    assert remote.warmed.is_set()
    assert [entry["error"] for entry in told.entries] == ["ImportError"]


@pytest.mark.parametrize(
    ("text", "enough"),
    [("", False), (" " * 40, False), ("\n 123456789 \t", False), ("1234567890", True), ("印刷できません助けて!", True)],
)
def test_short_text_is_not_worth_asking_about(text: str, enough: bool) -> None:
    assert is_enough(text) is enough
    assert MIN_TEXT == 10


def settings(**given: str) -> config.Settings:
    return config.load({"SECRET_KEY": SECRET_KEY, **given}, env_file=None)


@pytest.mark.parametrize(
    ("given", "engine", "model"),
    [
        ({}, "local", LocalEngine.model),
        ({"GEMINI_API_KEY": KEY}, "gemini", "gemini-3.5-flash-lite"),
        ({"GEMINI_API_KEY": KEY, "GEMINI_MODEL": "gemini-9"}, "gemini", "gemini-9"),
        ({"GEMINI_API_KEY": KEY, "AI_ENGINE": "gemini"}, "gemini", "gemini-3.5-flash-lite"),
        ({"GEMINI_API_KEY": KEY, "AI_ENGINE": "local"}, "local", LocalEngine.model),
    ],
)
def test_settings_choose_the_engine(given: dict[str, str], engine: str, model: str) -> None:
    preferred = Suggester.from_settings(settings(**given)).preferred
    assert (preferred.name, preferred.model) == (engine, model)


def test_settings_reach_the_wire(fake: FakeGemini) -> None:
    given = settings(GEMINI_API_KEY=KEY, GEMINI_ENDPOINT=f"{fake.url}/", AI_FALLBACK="off", AI_TIMEOUT=str(LONG))
    suggester = Suggester.from_settings(given)
    assert answered_by(suggester.suggest(TITLE, DESCRIPTION)) == ("gemini", None)
    fake.mode = "503"
    assert answered_by(suggester.suggest(TITLE, DESCRIPTION)) == (None, "overloaded")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"AI_ENGINE": "gemini"}, "AI_ENGINE is 'gemini', but GEMINI_API_KEY is not set"),
        ({"GEMINI_ENDPOINT": "localhost:8080"}, "GEMINI_ENDPOINT is 'localhost:8080', but must look like https://"),
        ({"GEMINI_ENDPOINT": "http://[::1"}, "GEMINI_ENDPOINT is"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_boot(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(config.ConfigError) as caught:
        settings(**given)
    assert str(caught.value).startswith(sentence)
