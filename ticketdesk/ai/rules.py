"""Weighted keyword rules in five languages: the voter that needs no examples.

The rules are data, one file a language under ``keywords/``. All languages are
matched at once, because a customer's language need not be known for "Rechnung"
to mean billing, and mail that mixes two is read right.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ticketdesk.ai.words import Word
from ticketdesk.core.vocabulary import Category, Priority

_FOLDER = Path(__file__).parent / "keywords"
_LINE = re.compile(r"(?P<weight>-?\d+):\s*(?P<phrases>.+)")
_GAP = ".."
_GAP_MAX = 3

_TITLE_FACTOR = 1.5
# Without any evidence "general" is the answer; the squares of these are the odds then.
_PRIOR = {Category.BILLING: 1.6, Category.TECHNICAL: 1.6, Category.ACCOUNT: 1.6, Category.GENERAL: 2.4}
_PRIORITY_PRIOR = {Priority.LOW: 3.0, Priority.MEDIUM: 6.0, Priority.HIGH: 3.0, Priority.CRITICAL: 2.0}


class Phrase(NamedTuple):
    """Words that, one after the other, speak for a section (a category or a priority)."""

    section: str
    weight: float
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What spoke for each section: the total weight, and the words as written with theirs, strongest first."""

    totals: Mapping[str, float]
    spoken: Mapping[str, Mapping[str, float]]


def read_phrases(lines: Iterable[str], source: str) -> Iterator[Phrase]:
    """The phrases of a keyword file.

    Raises:
        ValueError: a line is neither a comment, a ``[section]`` nor ``weight: phrase, …``.
    """
    known = {*Category, *Priority}
    section = ""
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            section = line.strip("[]")
            if section not in known:
                raise ValueError(f"{source}, line {number}: unknown section {section!r}")
        elif section and (match := _LINE.fullmatch(line)):
            for phrase in match["phrases"].split(","):
                yield Phrase(section, float(match["weight"]), tuple(phrase.split()))
        else:
            raise ValueError(f"{source}, line {number}: expected 'weight: phrase, phrase' inside a section")


class Rules:
    """Phrases indexed by their first word, so that a text is read in one pass."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self._exact: dict[str, list[Phrase]] = defaultdict(list)
        self._starts: dict[str, list[Phrase]] = defaultdict(list)
        self._ends: dict[str, list[Phrase]] = defaultdict(list)
        # "server" is a word of several languages; it must not count once for each.
        strongest: dict[tuple[str, tuple[str, ...]], Phrase] = {}
        for phrase in phrases:
            known = strongest.setdefault((phrase.section, phrase.patterns), phrase)
            if abs(phrase.weight) > abs(known.weight):
                strongest[phrase.section, phrase.patterns] = phrase
        for phrase in strongest.values():
            first = phrase.patterns[0]
            if first.endswith("*"):
                self._starts[first[:-1]].append(phrase)
            elif first.startswith("*"):
                self._ends[first[1:]].append(phrase)
            else:
                self._exact[first].append(phrase)
        self._start_lengths = sorted({len(start) for start in self._starts})
        self._end_lengths = sorted({len(end) for end in self._ends})

    def evidence(self, words: Sequence[Word], title_words: int) -> Evidence:
        """What speaks for each section.

        The first ``title_words`` words weigh more. A phrase counts once however
        often it is repeated, and where phrases of a section overlap ("charged
        twice", "charged") the weightiest counts alone.
        """
        matches = [
            (phrase.weight * (_TITLE_FACTOR if at < title_words else 1.0), at, end, phrase)
            for at, word in enumerate(words)
            for phrase in self._opening_with(word.folded)
            if (end := _match_end(phrase.patterns, words, at))
        ]
        matches.sort(key=lambda match: (-abs(match[0]), match[1] - match[2], match[1]))
        counted: set[Phrase] = set()
        covered: set[tuple[str, int]] = set()
        totals: dict[str, float] = defaultdict(float)
        spoken: dict[str, dict[str, float]] = defaultdict(dict)
        for weight, at, end, phrase in matches:
            places = {(phrase.section, place) for place in range(at, end)}
            if phrase in counted or not covered.isdisjoint(places):
                continue
            counted.add(phrase)
            covered |= places
            totals[phrase.section] += weight
            if weight > 0:
                spoken[phrase.section].setdefault(" ".join(word.written for word in words[at:end]), weight)
        return Evidence(totals, spoken)

    def _opening_with(self, folded: str) -> Iterator[Phrase]:
        yield from self._exact.get(folded, ())
        for length in self._start_lengths:
            if length > len(folded):
                break
            yield from self._starts.get(folded[:length], ())
        for length in self._end_lengths:
            if length >= len(folded):
                break
            yield from self._ends.get(folded[-length:], ())


def _match_end(patterns: tuple[str, ...], words: Sequence[Word], at: int) -> int:
    """Where a phrase that starts at ``at`` ends, or 0 when it is not there."""
    position = at + 1
    gap = 0
    for pattern in patterns[1:]:
        if pattern == _GAP:
            gap = _GAP_MAX
            continue
        last = min(position + gap, len(words) - 1)
        while position <= last and not _fits(pattern, words[position].folded):
            position += 1
        if position > last:
            return 0
        position += 1
        gap = 0
    return position


def _fits(pattern: str, folded: str) -> bool:
    return folded.startswith(pattern[:-1]) if pattern.endswith("*") else folded == pattern


@cache
def shipped_rules() -> Rules:
    """The rules of ``keywords/``, read once a process."""
    return Rules(
        phrase
        for path in sorted(_FOLDER.glob("*.txt"))
        for phrase in read_phrases(path.read_text(encoding="utf-8").splitlines(), path.name)
    )


def category_shares(evidence: Evidence) -> dict[Category, float]:
    """Each category's probability by the rules; they sum to 1.

    Squared shares of the evidence rather than its sum: a long mail has more of
    every kind of word, and must not be believed more for it.
    """
    odds = {category: (max(evidence.totals.get(category, 0.0), 0.0) + _PRIOR[category]) ** 2 for category in Category}
    total = sum(odds.values())
    return {category: value / total for category, value in odds.items()}


def priority_shares(evidence: Evidence) -> dict[Priority, float]:
    """Each priority's probability by the rules; they sum to 1, and medium leads when nothing speaks."""
    weight = {priority: max(evidence.totals.get(priority, 0.0), 0.0) for priority in Priority}
    critical, high = weight[Priority.CRITICAL], weight[Priority.HIGH]
    # What sounds critical is at least urgent, and an urgent tone makes it no milder.
    weight[Priority.HIGH] += critical / 2
    if critical:
        weight[Priority.CRITICAL] += high / 2
    odds = {priority: (weight[priority] + _PRIORITY_PRIOR[priority]) ** 2 for priority in Priority}
    total = sum(odds.values())
    return {priority: value / total for priority, value in odds.items()}
