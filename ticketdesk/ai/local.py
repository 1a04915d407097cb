"""The engine that needs no key and no network: it answers from the text alone."""

from ticketdesk.ai.contract import Guess, Verdict
from ticketdesk.ai.rules import category_shares, priority_by_rules, shipped_rules
from ticketdesk.ai.words import read_words

_WORDS_MAX = 6


class LocalEngine:
    """Classifies by weighted keyword rules in English, German, Spanish, French and Portuguese."""

    name = "local"
    model = "rules-1"

    def classify(self, text: str, *, timeout: float) -> Verdict:
        """Classify ``text``, a title and a description joined by a blank line.

        ``timeout`` is part of every engine's contract; an answer takes a few
        milliseconds at most, so it never runs out.
        """
        words = read_words(text)
        title, blank, _ = text.partition("\n\n")
        evidence = shipped_rules().evidence(words, len(read_words(title)) if blank else 0)
        shares = category_shares(evidence)
        ranked = sorted(shares, key=lambda category: -shares[category])
        priority, priority_confidence = priority_by_rules(evidence)
        return Verdict(
            category=ranked[0],
            priority=priority,
            category_confidence=shares[ranked[0]],
            priority_confidence=priority_confidence,
            guesses=tuple(Guess(category, shares[category]) for category in ranked),
            words=tuple(evidence.spoken.get(ranked[0], ())[:_WORDS_MAX]),
        )
