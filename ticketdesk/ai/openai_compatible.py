"""Any server that speaks OpenAI's chat completions: OpenAI, Ollama, vLLM, a gateway, Google's own such endpoint."""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ticketdesk.ai import prompt
from ticketdesk.ai.contract import EngineError, Precedent, Verdict
from ticketdesk.ai.remote import Calls, Provider

if TYPE_CHECKING:
    import requests

_DELAY = re.compile(r"\d{1,6}(?:\.\d{1,9})?")
"""Seconds to wait; the header may also name a date, which nobody is known to send here."""

_RESPONSE_FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "name": "triage",
        "strict": True,
        "schema": prompt.RESPONSE_SCHEMA | {"additionalProperties": False},
    },
}


class OpenAICompatibleEngine:
    """Classifies with one model of one server."""

    name = "openai"

    def __init__(self, base_url: str, model: str, api_key: str | None = None) -> None:
        """``base_url`` is what stands before ``/chat/completions``; a server in the house may need no key."""
        self.model = model
        self._url = f"{base_url}/chat/completions"
        self._api_key = api_key
        self._provider = Provider(
            name=urlsplit(base_url).netloc.rpartition("@")[2],
            model=model,
            key_setting="OPENAI_API_KEY",
            model_setting="OPENAI_MODEL",
            endpoint_setting="OPENAI_BASE_URL",
            model_advice="one it offers that answers in JSON, and check OPENAI_BASE_URL, which often ends in /v1",
        )
        self._calls = Calls(self._provider)

    def warm(self) -> None:
        """Import the HTTP client."""
        _ = self._session

    def classify(self, text: str, *, timeout: float, precedents: Sequence[Precedent] = ()) -> Verdict:
        """Ask the server, once, within ``timeout`` seconds.

        Raises:
            EngineError: there is no usable answer.
        """
        data = "\n".join(prompt.parts(text, precedents))
        response = self._calls.run(lambda: self._ask(data, timeout), timeout=timeout)
        return prompt.parse(self._answer(response))

    @cached_property
    def _session(self) -> "requests.Session":
        import requests

        session = requests.Session()
        # Set as `auth`, since a header would give way to a password in the user's .netrc.
        session.auth = self._sign
        return session

    def _sign(self, request: "requests.PreparedRequest") -> "requests.PreparedRequest":
        if self._api_key is not None:
            request.headers["Authorization"] = f"Bearer {self._api_key}"
        return request

    def _ask(self, data: str, timeout: float) -> "requests.Response":
        import requests

        # No temperature and no token limit: newer models refuse the one, and servers disagree on the other's name.
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [
                {"role": "system", "content": prompt.INSTRUCTION},
                {"role": "user", "content": data},
            ],
            "response_format": _RESPONSE_FORMAT,
        }
        try:
            return self._session.post(self._url, json=body, timeout=timeout, allow_redirects=False)
        except requests.Timeout:
            raise self._provider.timeout(timeout) from None
        except requests.RequestException:
            raise self._provider.unreachable() from None

    def _answer(self, response: "requests.Response") -> str:
        if response.status_code >= 400:
            raise self._refusal(response)
        try:
            choice: dict[str, Any] = response.json()["choices"][0]
            message: dict[str, Any] = choice["message"]
            answer, refusal = message.get("content"), message.get("refusal")
        except (ValueError, LookupError, TypeError, AttributeError):
            raise self._provider.unreadable() from None
        if refusal or choice.get("finish_reason") == "content_filter":
            raise self._provider.blocked()
        if not isinstance(answer, str) or not answer:
            raise self._provider.empty()
        return answer

    def _refusal(self, response: "requests.Response") -> EngineError:
        if response.status_code == 400 and "api key" in response.text.lower():
            # Google's endpoint answers a bad key so.
            return self._provider.key()
        delay = response.headers.get("Retry-After", "")
        if response.status_code == 429 and _DELAY.fullmatch(delay):
            return self._provider.quota(f"asking makes sense again in {delay} s", float(delay))
        return self._provider.status(response.status_code)
