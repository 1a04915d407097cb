"""What an engine is asked and what it answers."""

from dataclasses import dataclass
from typing import Protocol

from ticketdesk.core.vocabulary import Category, Priority


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

    ``kind`` is a short stable word for counting (``timeout``, ``quota``,
    ``overloaded``, ``model``, ``key``, ``blocked``, ``malformed``, ``busy``,
    ``unreachable``, ``internal``). ``str()`` is a sentence for the operator that says what to do.
    """

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


class Engine(Protocol):
    """Something that can classify a customer's text."""

    name: str
    model: str

    def classify(self, text: str, *, timeout: float) -> Verdict:
        """Classify within ``timeout`` seconds.

        Raises:
            EngineError: there is no usable answer.
        """


class RemoteEngine(Engine, Protocol):
    """An engine outside this house."""

    def warm(self) -> None:
        """Do what the first answer would otherwise wait for, such as importing a client library."""
