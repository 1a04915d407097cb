"""What an engine is asked and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ticketdesk.core.vocabulary import Category, Priority


def text_of(title: str, description: str) -> str:
    """A ticket's text in the form that engines read and learn from."""
    return f"{title}\n\n{description}".strip()


@dataclass(frozen=True, slots=True)
class Question:
    """A text to classify.

    Who wrote it is told so that the name can be taken out before the text leaves
    the house. ``ticket_id`` is set where the text is a ticket already, which then
    is no precedent for itself.
    """

    text: str
    requester_name: str | None = None
    ticket_id: int | None = None


@dataclass(frozen=True, slots=True)
class Precedent:
    """An earlier ticket with the labels that staff decided on; None where they left one open."""

    text: str
    category: Category | None
    priority: Priority | None


@dataclass(frozen=True, slots=True)
class Guess:
    """One category an engine considered, with its confidence from 0 to 1."""

    category: Category
    confidence: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """An engine's answer to one text.

    Confidences are probabilities from 0 to 1. ``guesses`` holds the categories
    considered, likeliest first, the proposed one included. ``words`` are the
    words of the text that spoke for the proposal, strongest first; an engine
    that cannot tell leaves them empty.
    """

    category: Category
    priority: Priority
    category_confidence: float
    priority_confidence: float
    guesses: tuple[Guess, ...]
    words: tuple[str, ...] = ()


class EngineError(Exception):
    """An engine gave no usable answer.

    ``kind`` is a short stable word for counting. The provider could not or would
    not answer: ``timeout``, ``quota``, ``overloaded``, ``unreachable``, ``model``,
    ``key``, ``blocked``, ``malformed``. It was not asked at all: ``busy`` (this
    process asks enough already), ``resting`` (it failed a moment ago), ``budget``
    (the day's calls are used up). We broke: ``internal``.
    ``str()`` is a sentence for the operator that says what to do.
    ``retry_after`` is how many seconds later asking makes sense, where that is known.
    """

    def __init__(self, kind: str, sentence: str, *, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.kind = kind
        self.retry_after = retry_after


class Engine(Protocol):
    """Something that can classify a customer's text."""

    name: str
    model: str

    def classify(self, text: str, *, timeout: float) -> Verdict:
        """Classify within ``timeout`` seconds.

        Raises:
            EngineError: there is no usable answer.
        """


class RemoteEngine(Protocol):
    """An engine outside this house; it is reached through the gateway alone."""

    name: str
    model: str

    def warm(self) -> None:
        """Do what the first answer would otherwise wait for, such as importing a client library."""

    def classify(self, text: str, *, timeout: float, precedents: Sequence[Precedent] = ()) -> Verdict:
        """Classify within ``timeout`` seconds, in the light of what staff decided about similar tickets.

        Raises:
            EngineError: there is no usable answer.
        """
