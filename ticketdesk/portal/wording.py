"""What the desk says to customers in their words: about a suggestion, and about what happened to their ticket."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from ticketdesk.core.actors import ActorKind
from ticketdesk.core.vocabulary import Status
from ticketdesk.filters import rating_name, words
from ticketdesk.models import AiSuggestion, Event, EventKind, reference_of

_NOT_SENT = {
    HTTPStatus.BAD_REQUEST: "Your session had ended. Press “{button}” once more; "
    "if this message returns, allow cookies for this page.",
    HTTPStatus.TOO_MANY_REQUESTS: "We have had many {things} from your network in a short time. "
    "Wait {wait}, then press “{button}” again.",
    HTTPStatus.SERVICE_UNAVAILABLE: "We cannot take {things} at this moment. Try again in a minute.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something broke on our side. Try again in a minute.",
}

STATUS_HEADINGS = {
    Status.OPEN: ("We have your ticket", "It waits for someone from support to take it up."),
    Status.IN_PROGRESS: ("We are working on it", "Someone from support has taken up your ticket."),
    Status.RESOLVED: ("This is resolved", "If it is not solved for you, reply below: that opens it again."),
    Status.CLOSED: ("This ticket is closed", "If you need us again, reply below: that opens it again."),
}

_STATUS_SENTENCES = {
    Status.OPEN: "{who} opened the ticket again",
    Status.IN_PROGRESS: "{who} started to work on it",
    Status.RESOLVED: "{who} marked it as resolved",
    Status.CLOSED: "{who} closed the ticket",
}

_WORD_FIELDS = frozenset({"status", "category", "priority"})


def sureness(confidence: float) -> str:
    """A confidence from 0 to 1 in words."""
    if confidence >= 0.85:
        return "very sure"
    if confidence >= 0.65:
        return "fairly sure"
    if confidence >= 0.45:
        return "not quite sure"
    return "only a guess"


def engine_name(suggestion: AiSuggestion) -> str:
    """Who made the suggestion."""
    match suggestion.engine:
        case "local":
            return "our built-in engine"
        case "gemini":
            return f"Gemini ({suggestion.model})"
        case engine:
            return suggestion.model or str(engine)


def not_sent(status: HTTPStatus, wait: float, *, button: str = "Submit ticket", things: str = "tickets") -> str:
    """Why the form with this button was not sent, where nothing in it is wrong; ``wait`` is in seconds."""
    said = _minutes(wait)
    return _NOT_SENT.get(status, "Try again in a minute.").format(wait=said, button=button, things=things)


def too_many_links(wait: float, life: int) -> str:
    """Why no further link is mailed; ``wait`` is in seconds, and a link is valid for ``life`` minutes."""
    return (
        f"We were asked for many links in a short time. Those that were sent are good for {life} minutes: look for "
        f"them in your inbox and among unwanted mail. You can ask again in {_minutes(wait)}."
    )


def _minutes(wait: float) -> str:
    minutes = round(wait / 60)
    return "a minute" if minutes <= 1 else f"{minutes} minutes"


def may_send_again(status: HTTPStatus) -> bool:
    """Whether sending the very same again may help."""
    return status in _NOT_SENT


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the history; ``said`` is text that a person wrote, shown as it is."""

    at: datetime
    kind: str
    sentence: str
    said: str | None = None


def history(events: Iterable[Event], desk_name: str) -> list[Moment]:
    """What happened to a ticket, as far as customers are told, newest first.

    An event of a kind not named here is kept from them, so that a new kind is
    never shown by accident. Staff are "Support": who they are is their matter.
    """
    moments = [moment for event in events if (moment := _moment(event, desk_name))]
    return moments[::-1]


def _moment(event: Event, desk_name: str) -> Moment | None:
    who = {ActorKind.CUSTOMER: "You", ActorKind.SYSTEM: desk_name}.get(ActorKind(event.actor_kind), "Support")
    to = event.data.get("to", "")
    match event.kind:
        case EventKind.CREATED:
            return Moment(event.created_at, "opened", f"{who} opened this ticket")
        case EventKind.STATUS_CHANGED:
            return Moment(event.created_at, to, _STATUS_SENTENCES[Status(to)].format(who=who))
        case EventKind.CATEGORY_CHANGED:
            return Moment(event.created_at, "sorted", f"{who} filed it under {words(to)}")
        case EventKind.PRIORITY_CHANGED:
            return Moment(event.created_at, "sorted", f"{who} set the priority to {words(to)}")
        case EventKind.RATED:
            return Moment(event.created_at, "rated", f"{who} rated the help: {rating_name(to).lower()}")
        case EventKind.TITLE_CHANGED:
            return Moment(event.created_at, "renamed", f"{who} changed the title to", said=to)
        case EventKind.UNDONE if back := [
            f"{field} {words(change['to'])}" for field, change in event.data["fields"].items() if field in _WORD_FIELDS
        ]:
            return Moment(event.created_at, "sorted", f"{who} took a change back: {', '.join(back)}")
        case EventKind.MERGED | EventKind.UNMERGED as kind:
            others = [reference_of(other) for other in event.data.get("tickets") or [event.data["survivor"]]]
            did = "joined this ticket with" if kind == EventKind.MERGED else "separated this ticket from"
            return Moment(event.created_at, "sorted", f"{who} {did} {', '.join(others)}")
    return None
