"""The deadline and the cap that every remote call is held to."""

import threading

import pytest

from ticketdesk.ai.contract import EngineError
from ticketdesk.ai.remote import Calls, Provider

PROVIDER = Provider("Acme", "acme-1", "ACME_KEY", "ACME_MODEL", "ACME_URL", "a better one")


@pytest.fixture
def gate() -> threading.Event:
    """What a hanging call waits for."""
    return threading.Event()


def end_of(thread_name: str) -> None:
    for thread in threading.enumerate():
        if thread.name == thread_name:
            thread.join()


def test_answer_and_failure_come_through() -> None:
    calls = Calls(PROVIDER)
    assert calls.run(lambda: "an answer", timeout=10) == "an answer"
    with pytest.raises(ZeroDivisionError):
        calls.run(lambda: 1 // 0, timeout=10)


def test_deadline_holds_while_the_call_hangs(gate: threading.Event) -> None:
    with pytest.raises(EngineError) as caught:
        Calls(PROVIDER).run(gate.wait, timeout=0.01)
    assert caught.value.kind == "timeout"
    assert "ACME_MODEL" in str(caught.value)
    assert not gate.is_set()
    gate.set()


def test_call_left_behind_keeps_its_place_until_it_ends(gate: threading.Event) -> None:
    calls = Calls(PROVIDER, limit=1)
    with pytest.raises(EngineError, match="did not answer"):
        calls.run(gate.wait, timeout=0.01)
    with pytest.raises(EngineError) as caught:
        calls.run(lambda: "an answer", timeout=10)
    assert caught.value.kind == "busy"

    gate.set()
    end_of("Acme call")
    assert calls.run(lambda: "an answer", timeout=10) == "an answer"


def test_place_is_free_as_soon_as_the_answer_is_there() -> None:
    calls = Calls(PROVIDER, limit=1)
    assert [calls.run(lambda number=number: number, timeout=10) for number in range(200)] == [*range(200)]  # type: ignore[misc]


def test_place_is_free_again_when_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls(PROVIDER, limit=1)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _no_more_threads)
        with pytest.raises(EngineError) as caught:
            calls.run(lambda: "an answer", timeout=10)
    assert caught.value.kind == "busy"
    assert calls.run(lambda: "an answer", timeout=10) == "an answer"


def _no_more_threads(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
