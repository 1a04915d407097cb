"""Learns from a desk's confirmed tickets what its words mean, and whom to believe.

Three voters read a text: the keyword rules, naive Bayes over the shipped
examples, and naive Bayes over the tickets this desk has confirmed. A fourth
says how common each label is here. How much each is believed is fitted on
confirmed tickets, every one judged as if it alone were not known
(leave-one-out), so the weights show what the voters are worth on *new* tickets
of this desk.

All of it depends only on *which* tickets are confirmed, never on the order in
which they came: workers that know the same tickets give the same answers, and
forgetting a ticket restores exactly what was before.
"""

import math
import threading
from collections import Counter
from collections.abc import Sequence
from heapq import nsmallest
from typing import NamedTuple
from zlib import crc32

from ticketdesk.ai.calibration import Ballot, Scores, fit_weights, probabilities
from ticketdesk.ai.contract import Guess, Verdict
from ticketdesk.ai.primer import (
    CATEGORIES,
    LABELS,
    PRIORITIES,
    Counts,
    Opinion,
    Primer,
    centred,
    shipped_primer,
    text_buckets,
    word_buckets,
)
from ticketdesk.ai.words import READ_MAX, read_words
from ticketdesk.core.vocabulary import Category, Priority

_BALLOTS = 200
"""Confirmed tickets on which the voters are judged; more take time and change little."""
# What rules, examples, desk and frequency weigh before a desk has shown anything,
# and how firmly that is held; chosen by leaving out whole industries of the examples.
_CATEGORY_WEIGHTS = (0.7, 0.8, 1.0, 0.5)
_PRIORITY_WEIGHTS = (1.0, 0.5, 1.0, 0.5)
_FIRMNESS = 8.0
# How common each label is taken to be before a desk has shown it, in tickets.
_CATEGORY_PRIOR = (10, 12, 10, 22)
_PRIORITY_PRIOR = (4, 8, 4, 3)
_HALF_TRUST = 50
"""Confirmed tickets at which the desk's own vote has half its strength."""
_CRITICAL_FROM = 0.15
"""Probability from which a ticket is called critical: missing one costs more than looking at one in vain."""

_WORDS_MAX = 6
_WORDS_WEIGHED = 80
_WORD_LENGTH = 3
_WORD_WORTH = 0.4
_PHRASE_WORTH = 0.3


class _Confirmed(NamedTuple):
    """A confirmed ticket; labels are positions in their vocabulary, -1 where staff did not decide.

    It sorts by a checksum of its text, which has nothing to do with what the text says.
    """

    checksum: int
    text: str
    category: int
    priority: int


class _Jury:
    """The voters on one vocabulary, categories or priorities, and how much each is believed."""

    def __init__(self, shipped: tuple[float, ...], prior: tuple[int, ...]) -> None:
        self.counts = Counts()
        self.weights = shipped
        self._shipped = shipped
        self._prior = prior

    def votes(self, given: tuple[Scores, Scores], buckets: Sequence[int]) -> tuple[Scores, ...]:
        """The votes of rules, examples, desk and frequency; the desk's grows with what it has confirmed."""
        texts = self.counts.texts
        trust = sum(texts) / (sum(texts) + _HALF_TRUST)
        by_desk = [score * trust for score in self.counts.vote(buckets)]
        by_frequency = centred([math.log(count + prior) for count, prior in zip(texts, self._prior, strict=True)])
        return (*given, by_desk, by_frequency)

    def shares(self, given: tuple[Scores, Scores], buckets: Sequence[int]) -> list[float]:
        """The probability of each label."""
        return probabilities(self.votes(given, buckets), self.weights)

    def ballot(self, given: tuple[Scores, Scores], buckets: Sequence[int], label: int) -> Ballot:
        """What the voters would have said of a confirmed text had it not been confirmed."""
        self.counts.add(buckets, label, -1)
        votes = self.votes(given, buckets)
        self.counts.add(buckets, label)
        return Ballot(votes, label)

    def weigh(self, ballots: Sequence[Ballot]) -> None:
        """Believe each voter as much as the ballots show it is worth."""
        self.weights = fit_weights(ballots, self._shipped, _FIRMNESS)


class Learner:
    """The rules, the examples and one desk's confirmed tickets; safe to share between threads."""

    def __init__(self, primer: Primer | None = None) -> None:
        """Know what ``primer`` teaches, the shipped one by default."""
        self._primer = primer or shipped_primer()
        self._categories = _Jury(_CATEGORY_WEIGHTS, _CATEGORY_PRIOR)
        self._priorities = _Jury(_PRIORITY_WEIGHTS, _PRIORITY_PRIOR)
        self._confirmed: Counter[_Confirmed] = Counter()
        self._opinions: dict[str, Opinion] = {}
        self._weighed = True
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many confirmed tickets it has learned from."""
        return self._confirmed.total()

    def add(self, text: str, category: Category | None, priority: Priority | None) -> None:
        """Learn a confirmed ticket; ``None`` stands for a label that staff did not decide."""
        self._count(text, category, priority, 1)

    def remove(self, text: str, category: Category | None, priority: Priority | None) -> None:
        """Forget a ticket added with these very arguments, as if it had never been.

        Raises:
            KeyError: no such ticket was added, or it is forgotten already.
        """
        self._count(text, category, priority, -1)

    def _count(self, text: str, category: Category | None, priority: Priority | None, times: int) -> None:
        text = text[:READ_MAX]
        ticket = _Confirmed(
            crc32(text.encode(errors="replace")),
            text,
            CATEGORIES.index(category) if category else -1,
            PRIORITIES.index(priority) if priority else -1,
        )
        buckets = text_buckets(read_words(text))
        with self._lock:
            if times < 0 and ticket not in self._confirmed:
                raise KeyError("This ticket was not learned, so it cannot be forgotten.")
            self._confirmed[ticket] += times
            if not self._confirmed[ticket]:
                del self._confirmed[ticket]
            if category:
                self._categories.counts.add(buckets, ticket.category, times)
            if priority:
                self._priorities.counts.add(buckets, ticket.priority, times)
            self._weighed = False

    def classify(self, text: str) -> Verdict:
        """The likeliest category and the fitting priority of a text, with their probabilities.

        The first answer after a change weighs the voters anew, which takes some
        hundredths of a second.
        """
        opinion = self._primer.opinion(text)
        with self._lock:
            if not self._weighed:
                self._weigh()
            categories = self._categories.shares(opinion.category_votes, opinion.buckets)
            priorities = self._priorities.shares(opinion.priority_votes, opinion.buckets)
            best = max(range(LABELS), key=categories.__getitem__)
            words = self._words(opinion, best)
        level = _level(priorities)
        ranked = sorted(zip(categories, CATEGORIES, strict=True), key=lambda pair: -pair[0])
        return Verdict(
            category=CATEGORIES[best],
            priority=PRIORITIES[level],
            category_confidence=categories[best],
            priority_confidence=priorities[level],
            guesses=tuple(Guess(category, share) for share, category in ranked),
            words=words,
        )

    def _weigh(self) -> None:
        """Weigh the voters on confirmed tickets, the same ones whatever the order they came in."""
        by_category = nsmallest(_BALLOTS, (ticket for ticket in self._confirmed if ticket.category >= 0))
        by_priority = nsmallest(_BALLOTS, (ticket for ticket in self._confirmed if ticket.priority >= 0))
        texts = {ticket.text for ticket in (*by_category, *by_priority)}
        self._opinions = {text: self._opinions.get(text) or self._primer.opinion(text) for text in texts}
        ballots = []
        for ticket in by_category:
            opinion = self._opinions[ticket.text]
            ballots.append(self._categories.ballot(opinion.category_votes, opinion.buckets, ticket.category))
        self._categories.weigh(ballots)
        ballots = []
        for ticket in by_priority:
            opinion = self._opinions[ticket.text]
            ballots.append(self._priorities.ballot(opinion.priority_votes, opinion.buckets, ticket.priority))
        self._priorities.weigh(ballots)
        self._weighed = True

    def _words(self, opinion: Opinion, best: int) -> tuple[str, ...]:
        """The words of the text that spoke most for a category, as the customer wrote them."""
        rules, examples, desk, _ = self._categories.weights
        spoke = {
            written: rules * _PHRASE_WORTH * weight
            for written, weight in opinion.evidence.spoken.get(CATEGORIES[best], {}).items()
        }
        in_phrases = {part for phrase in spoke for part in phrase.split()}
        for word in list(dict.fromkeys(opinion.words))[:_WORDS_WEIGHED]:
            if word.written in in_phrases or word.folded.startswith("#") or len(word.folded) < _WORD_LENGTH:
                continue
            buckets = word_buckets(word.folded)
            by_examples = self._primer.categories.vote(buckets)[best]
            by_desk = self._categories.counts.vote(buckets)[best]
            if (worth := examples * by_examples + desk * by_desk) > _WORD_WORTH:
                spoke.setdefault(word.written, worth)
        return tuple(sorted(spoke, key=lambda written: -spoke[written])[:_WORDS_MAX])


def _level(shares: Sequence[float]) -> int:
    """The priority to propose for the probabilities of the four levels, low first.

    Critical where it is likely enough to be looked at at once; otherwise the
    median, which is seldom off by more than one level even where people disagree.
    """
    *milder, critical = shares
    if critical >= _CRITICAL_FROM:
        return LABELS - 1
    return next(level for level in range(LABELS) if sum(milder[: level + 1]) >= sum(milder) / 2)
