"""Naive Bayes over words, pairs of words and runs of letters, and what the shipped examples teach it.

Counts are whole numbers in hashed buckets: forgetting a text restores exactly
what was before, and memory stays the same however much is learned.
"""

import math
import re
from array import array
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from ticketdesk.ai.calibration import Scores
from ticketdesk.ai.rules import Evidence, category_shares, priority_shares, shipped_rules
from ticketdesk.ai.words import Word, read_words
from ticketdesk.core.vocabulary import Category, Priority

CATEGORIES = tuple(Category)
PRIORITIES = tuple(Priority)
LABELS = 4
"""Categories and priorities are four each."""

_FOLDER = Path(__file__).parent / "examples"
_SECTION = re.compile(r"\[(?P<category>\w+) (?P<priority>\w+)\]")

_BUCKETS = 1 << 18
_NARROW_MOST = (1 << 16) - 1
"""Texts of a label up to which two bytes hold every count."""
_GRAM = 4
# Chosen by leaving out whole industries of the examples; the accuracy is flat around them.
_SMOOTHING = 0.5
_DAMPING = 0.2
_DAMPING_FROM = 200


class Example(NamedTuple):
    """A text whose labels are known."""

    text: str
    category: Category
    priority: Priority


def read_examples(path: Path) -> Iterator[Example]:
    r"""The examples of a file: a text a line under ``[category priority]``; ``\n`` stands for a line break.

    Raises:
        ValueError: a section is unknown, or a text stands before the first.
    """
    category, priority = "", ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        if match := _SECTION.fullmatch(line):
            category, priority = match["category"], match["priority"]
            continue
        try:
            yield Example(line.replace("\\n", "\n"), Category(category), Priority(priority))
        except ValueError as error:
            raise ValueError(f"{path.name}, line {number}: {error}") from None


@lru_cache(maxsize=4_000)
def word_buckets(folded: str) -> tuple[int, ...]:
    """The buckets of a word and of its runs of four letters, by which "payments" resembles "payment"."""
    features = [folded]
    if not folded.startswith("#"):
        framed = f"<{folded}>"
        features += [framed[i : i + _GRAM] for i in range(len(framed) - _GRAM + 1)]
    # Python's own hash differs from process to process, and with it would the collisions.
    return tuple(crc32(feature.encode()) % _BUCKETS for feature in features)


def text_buckets(words: Sequence[Word]) -> list[int]:
    """The buckets of a text: its words, pairs of words and runs of letters, each once."""
    found = {bucket for word in words for bucket in word_buckets(word.folded)}
    found.update(crc32(f"{one.folded} {two.folded}".encode()) % _BUCKETS for one, two in pairwise(words))
    return list(found)


class Counts:
    """In how many texts of each of four labels a feature occurred."""

    def __init__(self) -> None:
        self.texts = [0] * LABELS
        # Zeros that nobody has written to take no memory, so a desk that has confirmed nothing pays for nothing.
        self._seen = memoryview(bytearray(2 * LABELS * _BUCKETS)).cast("H")

    def add(self, buckets: Sequence[int], label: int, times: int = 1) -> None:
        """Count a text under ``label``; ``times=-1`` takes it back."""
        if self.texts[label] == _NARROW_MOST and self._seen.format == "H":
            self._seen = memoryview(array("I", self._seen))
        seen = self._seen
        for bucket in buckets:
            seen[bucket * LABELS + label] += times
        self.texts[label] += times

    def vote(self, buckets: Sequence[int]) -> Scores:
        """Naive Bayes' log-odds of each label, around zero and damped.

        The features of a text say much the same (a word, its letters, its
        pairs), so their sum overstates what is known, the more the longer it is.
        """
        seen = self._seen
        all_texts = sum(self.texts)
        rates_a, rates_b, rates_c, rates_d = (_log_rates(texts, all_texts) for texts in self.texts)
        # Unrolled, because this loop is where classifying spends its time.
        a = b = c = d = 0.0
        for bucket in buckets:
            at = bucket * LABELS
            in_a, in_b, in_c, in_d = seen[at], seen[at + 1], seen[at + 2], seen[at + 3]
            if in_a or in_b or in_c or in_d:
                a += rates_a[in_a]
                b += rates_b[in_b]
                c += rates_c[in_c]
                d += rates_d[in_d]
        return centred([a, b, c, d], _DAMPING / math.sqrt(1 + len(buckets) / _DAMPING_FROM))


# For the labels of both fields: what the examples say of each, what the desk does, and the same with one text less
# of it or of another. On a large desk each is half a megabyte.
@lru_cache(maxsize=8 * LABELS)
def _log_rates(texts: int, all_texts: int) -> "array[float]":
    """The log of how often a feature occurs under a label with so many texts, by its count there.

    The smoothing grows with the label's share, so that a feature hardly ever
    seen speaks for no label, however rare that label is.
    """
    smoothing = _SMOOTHING * LABELS * (texts + 1) / (all_texts + LABELS)
    return array("d", (math.log((count + smoothing) / (texts + 1)) for count in range(texts + 1)))


def centred(scores: Sequence[float], factor: float = 1.0) -> Scores:
    """The scores around zero, so that a voter who cannot tell weighs nothing."""
    mean = sum(scores) / len(scores)
    return [(score - mean) * factor for score in scores]


class Opinion(NamedTuple):
    """What is known of a text before any desk has confirmed a ticket.

    The votes are those of the rules and of the examples, on the categories and
    on the priorities.
    """

    words: Sequence[Word]
    evidence: Evidence
    buckets: Sequence[int]
    category_votes: tuple[Scores, Scores]
    priority_votes: tuple[Scores, Scores]


class Primer(NamedTuple):
    """What examples teach of categories and priorities."""

    categories: Counts
    priorities: Counts

    def learn(self, example: Example) -> None:
        """Count an example."""
        buckets = text_buckets(read_words(example.text))
        self.categories.add(buckets, CATEGORIES.index(example.category))
        self.priorities.add(buckets, PRIORITIES.index(example.priority))

    def opinion(self, text: str) -> Opinion:
        """What the rules and the examples say of ``text``."""
        words = read_words(text)
        title, blank, _ = text.partition("\n\n")
        evidence = shipped_rules().evidence(words, len(read_words(title)) if blank else 0)
        buckets = text_buckets(words)
        categories, priorities = category_shares(evidence), priority_shares(evidence)
        return Opinion(
            words,
            evidence,
            buckets,
            (centred([math.log(categories[label]) for label in CATEGORIES]), self.categories.vote(buckets)),
            (centred([math.log(priorities[label]) for label in PRIORITIES]), self.priorities.vote(buckets)),
        )


@cache
def shipped_primer() -> Primer:
    """The primer of ``examples/``, counted once a process in a fraction of a second."""
    primer = Primer(Counts(), Counts())
    for path in sorted(_FOLDER.glob("*.txt")):
        for example in read_examples(path):
            primer.learn(example)
    return primer
