"""Gemini, through Google's `google-generativeai`.

The only file that knows this SDK, whose support ended in 2025. What it does not
do by itself is done here: it is imported when first needed (it takes a second and
warns), it is kept from retrying (a constant 503 would block for ten minutes), it
is held to a deadline (its own time-out starts anew with every read), and its many
ways to fail are brought down to `EngineError`.
"""

import re
import threading
import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ticketdesk.ai import prompt
from ticketdesk.ai.budget import next_day
from ticketdesk.ai.contract import EngineError, Precedent, Verdict
from ticketdesk.ai.remote import Calls, Provider
from ticketdesk.core import clock

if TYPE_CHECKING:
    from google.api_core.exceptions import GoogleAPICallError
    from google.generativeai.generative_models import GenerativeModel
    from google.generativeai.types import GenerateContentResponse

OUTPUT_TOKENS = 1_024
"""Far more than the answer takes, so that a model that thinks first still comes to it."""

_DELAY = re.compile(r"(\d{1,6}(?:\.\d{1,9})?)s")
"""A duration in Google's JSON, such as ``41.75s``."""

_configuring = threading.Lock()
"""The SDK keeps key and endpoint in one place for the whole process."""


class GeminiEngine:
    """Classifies with one model of Gemini's."""

    name = "gemini"

    def __init__(self, api_key: str, model: str, endpoint: str | None = None) -> None:
        """``endpoint`` is an address to use instead of Google's, such as ``https://proxy.example.com``."""
        self.model = model
        self._api_key = api_key
        self._endpoint = endpoint
        self._provider = Provider(
            name="Gemini",
            model=model,
            key_setting="GEMINI_API_KEY",
            model_setting="GEMINI_MODEL",
            endpoint_setting="GEMINI_ENDPOINT",
            model_advice="a current model that answers in JSON, such as gemini-3.5-flash-lite",
        )
        self._calls = Calls(self._provider)
        self._making = threading.Lock()
        self._made: GenerativeModel | None = None

    def warm(self) -> None:
        """Import the SDK and make the client, which takes a second, before a customer waits for it."""
        self._client()

    def classify(self, text: str, *, timeout: float, precedents: Sequence[Precedent] = ()) -> Verdict:
        """Ask Gemini, once, within ``timeout`` seconds.

        Raises:
            EngineError: there is no usable answer.
        """
        parts = prompt.parts(text, precedents)
        response = self._calls.run(lambda: self._ask(parts, timeout), timeout=timeout)
        return prompt.parse(self._answer(response))

    def _client(self) -> "GenerativeModel":
        with self._making:
            if self._made is None:
                self._made = self._make_client()
            return self._made

    def _make_client(self) -> "GenerativeModel":
        # The filter stays: taking it back would not be safe while other threads set filters of their own.
        warnings.filterwarnings(
            "ignore", r"\s*All support for the `google\.generativeai` package has ended", FutureWarning
        )
        from google.generativeai.client import configure, get_default_generative_client
        from google.generativeai.generative_models import GenerativeModel

        model = GenerativeModel(
            self.model,
            system_instruction=prompt.INSTRUCTION,
            generation_config={
                "response_mime_type": "application/json",
                "response_schema": prompt.RESPONSE_SCHEMA,
                "max_output_tokens": OUTPUT_TOKENS,
            },
        )
        with _configuring:
            configure(api_key=self._api_key, transport="rest", client_options={"api_endpoint": self._endpoint})
            # A model otherwise takes the client at its first call, configured by whoever came last.
            model._client = get_default_generative_client()  # type: ignore[assignment]
        return model

    def _ask(self, parts: list[str], timeout: float) -> "GenerateContentResponse":
        client = self._client()
        # Making the client has imported these already, behind the filter.
        import requests
        from google.api_core.exceptions import GoogleAPICallError
        from google.generativeai.types import RequestOptions

        try:
            return client.generate_content(parts, request_options=RequestOptions(timeout=timeout, retry=None))
        except GoogleAPICallError as error:
            raise self._refusal(error) from None
        except requests.Timeout:
            raise self._provider.timeout(timeout) from None
        except requests.RequestException:
            raise self._provider.unreachable() from None
        except Exception:
            # A body that is not Gemini's trips the SDK's parser in ways it does not name: ParseError,
            # AttributeError, ValueError have been seen.
            raise self._provider.unreadable() from None

    def _refusal(self, error: "GoogleAPICallError") -> EngineError:
        details: Iterable[dict[str, Any]] = error.details
        if any(detail.get("reason") == "API_KEY_INVALID" for detail in details):
            return self._provider.key()
        if error.code == 400 and '"FAILED_PRECONDITION"' in error.response.text:
            return EngineError(
                "key",
                "Gemini has no free tier where this machine stands; enable billing for the project of GEMINI_API_KEY.",
            )
        if error.code == 429:
            return self._quota(details)
        return self._provider.status(error.code or 500)

    def _quota(self, details: Iterable[dict[str, Any]]) -> EngineError:
        """What Google's details say of a 429: which quota it is, and when asking makes sense again."""
        quotas = [violation.get("quotaId", "") for detail in details for violation in detail.get("violations", ())]
        if any("PerDay" in quota for quota in quotas):
            now = clock.now()
            return self._provider.quota(
                "the day's quota of GEMINI_API_KEY is used up and is renewed at midnight Pacific time",
                (next_day(now) - now).total_seconds(),
            )
        delays = [match[1] for detail in details if (match := _DELAY.fullmatch(str(detail.get("retryDelay"))))]
        if not delays:
            return self._provider.quota("asking makes sense again in about a minute", 60)
        return self._provider.quota(
            f"the minute's quota of GEMINI_API_KEY is used up, asking makes sense again in {delays[0]} s",
            float(delays[0]),
        )

    def _answer(self, response: "GenerateContentResponse") -> str:
        """The text of the answer, which the SDK's own accessor gives only when all is well."""
        if response.prompt_feedback.block_reason:
            raise self._provider.blocked()
        if not response.candidates:
            raise self._provider.unreadable()
        candidate = response.candidates[0]
        text = "".join(part.text for part in candidate.content.parts)
        if text:
            return text
        if candidate.finish_reason.name in {"STOP", "MAX_TOKENS", "FINISH_REASON_UNSPECIFIED"}:
            raise self._provider.empty()
        raise self._provider.blocked()
