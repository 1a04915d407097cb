"""How sureness and waits are put into words."""

from http import HTTPStatus
from typing import Any

import pytest

from ticketdesk.core import clock
from ticketdesk.core.actors import ActorKind
from ticketdesk.models import Event, EventKind
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


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        (EventKind.MERGED, {"tickets": [7, 8], "tags": ["x"]}, ["Support joined this ticket with TD-7, TD-8"]),
        (EventKind.MERGED, {"survivor": 7, "tags": []}, ["Support joined this ticket with TD-7"]),
        (EventKind.UNMERGED, {"survivor": 7}, ["Support separated this ticket from TD-7"]),
        (
            EventKind.UNDONE,
            {"fields": {"status": {"from": "closed", "to": "in_progress"}, "tags": {"from": [], "to": ["secret"]}}},
            ["Support took a change back: status In progress"],
        ),
        (EventKind.UNDONE, {"fields": {"assignee": {"from": "Ada", "to": "Linus"}}}, []),
        (EventKind.TRASHED, {}, []),
    ],
)
def test_what_customers_are_told_of_merging_and_undoing(kind: EventKind, data: dict[str, Any], said: list[str]) -> None:
    event = Event(kind=kind, actor_kind=ActorKind.STAFF, actor_label="Grace", data=data, created_at=clock.now())
    assert [moment.sentence for moment in wording.history([event], "Desk")] == said


@pytest.mark.parametrize("status", HTTPStatus)
def test_there_is_a_sentence_for_every_status(status: HTTPStatus) -> None:
    assert wording.not_sent(status, 0).endswith((".", "again."))
