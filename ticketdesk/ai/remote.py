"""What the remote engines share: a deadline that holds, a cap on calls, and words for what went wrong."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from ticketdesk.ai.contract import EngineError

CALLS_MAX = 4
"""Calls that one process has under way at once; a slow provider must not take every web thread."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider in the operator's words: its name, and the settings that lead to it.

    Each method names one failure as an ``EngineError``. A provider's own message
    is never repeated: it may quote the key or the ticket.
    """

    name: str
    model: str
    key_setting: str
    model_setting: str
    endpoint_setting: str
    model_advice: str
    """Completes "Set MODEL to …"."""

    def busy(self) -> EngineError:
        return EngineError(
            "busy", f"{self.name} is answering as many requests as this process sends at once ({CALLS_MAX})."
        )

    def timeout(self, seconds: float) -> EngineError:
        return EngineError(
            "timeout",
            f"{self.name} did not answer within {seconds:.1f} s; if this keeps happening, choose a faster model "
            f"with {self.model_setting} or raise AI_TIMEOUT.",
        )

    def unreachable(self) -> EngineError:
        return EngineError(
            "unreachable",
            f"{self.name} could not be reached; check the network, the proxy and {self.endpoint_setting}.",
        )

    def unreadable(self) -> EngineError:
        return EngineError(
            "malformed",
            f"{self.name} gave an answer that is not of its API; a proxy on the way, or a wrong "
            f"{self.endpoint_setting}, does this.",
        )

    def empty(self) -> EngineError:
        return EngineError(
            "malformed",
            f"{self.name} ended its answer before it had said anything; "
            f"set {self.model_setting} to {self.model_advice}.",
        )

    def blocked(self) -> EngineError:
        return EngineError("blocked", f"{self.name} declined to answer about this text under its own safety rules.")

    def quota(self, when: str, retry_after: float | None = None) -> EngineError:
        return EngineError("quota", f"{self.name} takes no more requests for now; {when}.", retry_after=retry_after)

    def key(self) -> EngineError:
        return EngineError(
            "key",
            f"{self.name} does not accept the key; put a valid one, allowed to use this API, in {self.key_setting}.",
        )

    def status(self, code: int) -> EngineError:
        """The failure that an HTTP status stands for, where the status says it all."""
        if code in {401, 403}:
            return self.key()
        if code in {402, 429}:
            return self.quota("wait, or raise the limit with the provider")
        if code >= 500:
            return EngineError("overloaded", f"{self.name} is overloaded or out of order (HTTP {code}); it may pass.")
        if code == 404:
            return EngineError(
                "model",
                f"{self.name} knows no model {self.model!r} (HTTP 404), it may have been retired; "
                f"set {self.model_setting} to {self.model_advice}.",
            )
        return EngineError(
            "model",
            f"{self.name} refused the request for the model {self.model!r} (HTTP {code}); "
            f"set {self.model_setting} to {self.model_advice}.",
        )


class Calls:
    """Makes blocking calls end on time, and keeps their number down.

    A client library's time-out runs anew with every read, so a body that drips
    holds a caller for as long as it likes. Here each call has a thread of its own,
    which is left behind at the deadline and keeps its place until it really ends.
    """

    def __init__(self, provider: Provider, limit: int = CALLS_MAX) -> None:
        self._provider = provider
        self._places = threading.BoundedSemaphore(limit)

    def run(self, call: Callable[[], Answer], *, timeout: float) -> Answer:
        """Return what ``call`` returns, or raise what it raises, within ``timeout`` seconds.

        Raises:
            EngineError: ``busy`` at once when every place is taken, ``timeout`` at the deadline.
        """
        if not self._places.acquire(blocking=False):
            raise self._provider.busy()
        outcome: Future[Answer] = Future()

        def work() -> None:
            try:
                try:
                    answer = call()
                finally:
                    self._places.release()
            except BaseException as error:
                outcome.set_exception(error)
            else:
                outcome.set_result(answer)

        # A daemon, unlike the threads of an executor: a hanging call must not keep the process from ending.
        thread = threading.Thread(target=work, name=f"{self._provider.name} call", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._places.release()
            raise self._provider.busy() from None
        try:
            return outcome.result(timeout)
        except TimeoutError:
            raise self._provider.timeout(timeout) from None
