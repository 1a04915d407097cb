"""The engine that needs no key and no network: it answers from the text and from what the desk has taught it."""

from ticketdesk.ai.contract import Verdict
from ticketdesk.ai.learner import Learner


class LocalEngine:
    """Classifies by keyword rules, shipped examples and the desk's confirmed tickets."""

    name = "local"
    model = "votes-1"

    def __init__(self, learner: Learner | None = None) -> None:
        self.learner = Learner() if learner is None else learner

    def classify(self, text: str, *, timeout: float) -> Verdict:
        """Classify ``text``, a title and a description joined by a blank line.

        ``timeout`` is part of every engine's contract; an answer takes a few
        milliseconds, so it never runs out.
        """
        return self.learner.classify(text)
