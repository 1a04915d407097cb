"""Gemini's ``generateContent`` on loopback, in the provider's own wire format.

In a test::

    with FakeGemini("503") as fake:
        ...GEMINI_ENDPOINT=fake.url...
        fake.requests[0].body["contents"]

As a process: ``python -m tests.fakes.gemini --mode ok --port 0`` prints its address.
"""

import json
import re
from collections import Counter
from typing import Any

from tests.fakes.provider import FakeProvider, Mode, Reply, Request, serve

ANSWER: dict[str, Any] = {
    "category": "billing",
    "priority": "high",
    "category_confidence": 0.93,
    "priority_confidence": 0.71,
}
DAY_QUOTA = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
MINUTE_QUOTA = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"


def _says(text: str) -> Reply:
    return Reply(body=_body([{"text": text}]))


def _body(parts: list[dict[str, str]] | None, finish: str = "STOP") -> dict[str, Any]:
    candidate: dict[str, Any] = {"finishReason": finish, "index": 0}
    if parts is not None:
        candidate["content"] = {"role": "model", "parts": parts} if parts else {"role": "model"}
    return {
        "candidates": [candidate],
        "usageMetadata": {"promptTokenCount": 212, "candidatesTokenCount": 31, "totalTokenCount": 243},
        "modelVersion": "gemini-3.5-flash-lite",
        "responseId": "mAitaLmkHPPlz7IPvtfUqQ4",
    }


def _fails(code: int, status: str, message: str, *details: dict[str, Any]) -> Reply:
    error: dict[str, Any] = {"code": code, "message": message, "status": status}
    if details:
        error["details"] = list(details)
    return Reply(code, {"error": error})


def _quota(quota_id: str, delay: str) -> Reply:
    return _fails(
        429,
        "RESOURCE_EXHAUSTED",
        f"You exceeded your current quota, please check your plan and billing details.\nPlease retry in {delay}.",
        {
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [{"quotaId": quota_id, "quotaValue": "20"}],
        },
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay},
    )


def _error_info(reason: str) -> dict[str, Any]:
    return {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com"},
    }


def _overloaded_once(requests: list[Request]) -> Reply:
    return OVERLOADED if len(requests) == 1 else _says(json.dumps(ANSWER))


def _parrot(requests: list[Request]) -> Reply:
    """Answer the commonest labels of the examples in the prompt, which proves that they are there."""
    examples: list[dict[str, str]] = []
    for content in requests[-1].body["contents"]:
        for part in content["parts"]:
            data = json.loads(part["text"])
            examples += data.get("examples", []) if isinstance(data, dict) else []
    common = {
        label: Counter(labels).most_common(1)[0][0]
        for label in ("category", "priority")
        if (labels := [example[label] for example in examples if label in example])
    }
    return _says(json.dumps(ANSWER | common))


OVERLOADED = _fails(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")

MODES: dict[str, Mode] = {
    "ok": _says(json.dumps(ANSWER)),
    "fenced": _says(f"```json\n{json.dumps(ANSWER)}\n```"),
    "malformed": _says('{"category": "billing", "prio'),
    "bad-enum": _says(json.dumps(ANSWER | {"category": "sales"})),
    "bad-confidence": _says(json.dumps(ANSWER | {"category_confidence": 7})),
    "html-200": Reply(200, "<!doctype html><title>Sign in to the network</title>"),
    "array-200": Reply(200, "[]"),
    "error-200": Reply(200, {"error": "no such page"}),
    "empty": Reply(200, {}),
    "no-parts": Reply(200, _body([])),
    "max-tokens": Reply(200, _body([], finish="MAX_TOKENS")),
    "safety": Reply(200, _body(None, finish="SAFETY")),
    "blocked": Reply(200, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}),
    "400-key": _fails(
        400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", _error_info("API_KEY_INVALID")
    ),
    "400-model": _fails(400, "INVALID_ARGUMENT", "JSON mode is not enabled for this model."),
    "400-region": _fails(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
    "403": _fails(
        403,
        "PERMISSION_DENIED",
        "Permission denied: Consumer 'api_key:a-key-that-is-secret' has been suspended.",
        _error_info("CONSUMER_SUSPENDED"),
    ),
    "404": _fails(404, "NOT_FOUND", "models/gemini-2.5-flash is no longer available."),
    "429-minute": _quota(MINUTE_QUOTA, "41.75s"),
    "429-day": _quota(DAY_QUOTA, "17s"),
    "429-bare": Reply(429, "<!doctype html><title>Sorry...</title>"),
    "500": _fails(500, "INTERNAL", "An internal error has occurred."),
    "502-html": Reply(502, "<!doctype html><title>502 Bad Gateway</title>"),
    "503": OVERLOADED,
    "503-then-ok": _overloaded_once,
    "hang": Reply(pace="hang"),
    "drip": Reply(pace="drip"),
    "parrot": _parrot,
}


class FakeGemini(FakeProvider):
    """The fake; every path but ``generateContent`` is a 404, as at the provider."""

    path = re.compile(r"/v1beta/models/[\w.-]+:generateContent(\?.*)?")
    modes = MODES


if __name__ == "__main__":
    serve(FakeGemini)
