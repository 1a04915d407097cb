"""An engine in the hands of a test."""

from collections.abc import Callable
from typing import Any

from ticketdesk.ai.contract import EngineError, Guess, Verdict
from ticketdesk.core.vocabulary import Category, Priority


class Engine:
    """An engine that says what the test wants, or nothing."""

    name = "gemini"
    model = "gemini-test"

    def __init__(self) -> None:
        self.verdict: Verdict | None = verdict(Category.BILLING, Priority.HIGH)
        self.asked: list[str] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def classify(self, text: str, **_: Any) -> Verdict:
        """Answer the verdict that is set."""
        self.asked.append(text)
        self.meanwhile()
        if self.verdict is None:
            raise EngineError("overloaded", "The model is overloaded; the operator should wait.")
        return self.verdict


def verdict(category: Category, priority: Priority) -> Verdict:
    return Verdict(category, priority, 0.9312, 0.5, guesses=(Guess(category, 0.9312),), words=("refund",))
