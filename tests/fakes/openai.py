"""OpenAI's chat completions on loopback, in the wire format that compatible servers share.

As a process: ``python -m tests.fakes.openai --mode ok --port 0`` prints its address;
the base URL is that address with ``/v1``.
"""

import json
import re
from typing import Any

from tests.fakes.gemini import ANSWER
from tests.fakes.provider import FakeProvider, Mode, Reply, Request, serve


def _says(text: str | None, finish: str = "stop", refusal: str | None = None) -> Reply:
    return Reply(
        body={
            "id": "chatcmpl-9vmRk2",
            "object": "chat.completion",
            "created": 1795348800,
            "model": "small-1",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text, "refusal": refusal},
                    "finish_reason": finish,
                }
            ],
            "usage": {"prompt_tokens": 212, "completion_tokens": 31, "total_tokens": 243},
        }
    )


def _fails(status: int, message: str, kind: str, code: str | None = None, **headers: str) -> Reply:
    error: dict[str, Any] = {"message": message, "type": kind, "param": None, "code": code}
    return Reply(status, {"error": error}, headers={name.replace("_", "-"): value for name, value in headers.items()})


def _overloaded_once(requests: list[Request]) -> Reply:
    return OVERLOADED if len(requests) == 1 else _says(json.dumps(ANSWER))


OVERLOADED = _fails(503, "The engine is currently overloaded, please try again later.", "server_error")

MODES: dict[str, Mode] = {
    "ok": _says(json.dumps(ANSWER)),
    "fenced": _says(f"```json\n{json.dumps(ANSWER)}\n```"),
    "malformed": _says('{"category": "billing", "prio', finish="length"),
    "bad-enum": _says(json.dumps(ANSWER | {"priority": "urgent"})),
    "html-200": Reply(200, "<!doctype html><title>Sign in to the network</title>"),
    "array-200": Reply(200, "[]"),
    "error-200": Reply(200, {"error": {"message": "Provider returned error", "code": 502}}),
    "empty": Reply(200, {}),
    "no-content": _says(None, finish="length"),
    "refusal": _says(None, refusal="I can't help with that."),
    "content-filter": _says("", finish="content_filter"),
    "301": Reply(301, "<!doctype html><title>Moved</title>"),
    "400-key": _fails(400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT"),
    "400-model": _fails(400, "'response_format' of type 'json_schema' is not supported.", "invalid_request_error"),
    "401": _fails(401, "Incorrect API key provided: a-key-that-is-secret.", "invalid_request_error", "invalid_api_key"),
    "402": _fails(402, "Insufficient credits.", "billing_error"),
    "404": _fails(404, "The model `small-1` does not exist.", "invalid_request_error", "model_not_found"),
    "429": _fails(429, "You exceeded your current quota.", "insufficient_quota", "insufficient_quota"),
    "429-wait": _fails(429, "Rate limit reached.", "tokens", "rate_limit_exceeded", Retry_After="21"),
    "429-date": _fails(
        429, "Rate limit reached.", "tokens", "rate_limit_exceeded", Retry_After="Sun, 22 Nov 2026 16:00:21 GMT"
    ),
    "500": _fails(500, "The server had an error while processing your request.", "server_error"),
    "502-html": Reply(502, "<!doctype html><title>502 Bad Gateway</title>"),
    "503": OVERLOADED,
    "503-then-ok": _overloaded_once,
    "hang": Reply(pace="hang"),
    "drip": Reply(pace="drip"),
}


class FakeOpenAI(FakeProvider):
    """The fake; every path but the one of chat completions is a 404."""

    path = re.compile(r"/v1/chat/completions")
    modes = MODES


if __name__ == "__main__":
    serve(FakeOpenAI)
