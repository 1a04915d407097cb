"""How sureness and waits are put into words."""

from http import HTTPStatus

import pytest

from ticketdesk.portal import wording


@pytest.mark.parametrize(
    ("confidence", "said"),
    [
        (1.0, "very sure"),
        (0.85, "very sure"),
        (0.84, "fairly sure"),
        (0.65, "fairly sure"),
        (0.5, "not quite sure"),
        (0.449, "only a guess"),
        (0.0, "only a guess"),
    ],
)
def test_sureness(confidence: float, said: str) -> None:
    assert wording.sureness(confidence) == said


@pytest.mark.parametrize(
    ("wait", "said"), [(-3, "a minute"), (1, "a minute"), (80, "a minute"), (119, "2 minutes"), (3601, "60 minutes")]
)
def test_waits(wait: float, said: str) -> None:
    assert f"Wait {said}," in wording.not_sent(HTTPStatus.TOO_MANY_REQUESTS, wait)


@pytest.mark.parametrize("status", HTTPStatus)
def test_there_is_a_sentence_for_every_status(status: HTTPStatus) -> None:
    assert wording.not_sent(status, 0).endswith((".", "again."))
