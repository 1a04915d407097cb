"""Tells an incident from a busy hour: what an hour's tickets have in common that those of the week before had not.

For each word, Fisher's exact test asks: had the tickets with that word been spread over
the week and the hour like all the others, how likely were it that so many of them fell
into the hour? Both stretches count as they are, so an hour in which everything is busier
surprises nobody, and a desk with little history is not easily surprised. The chance is
multiplied by the number of words tried (Bonferroni), because among many words some are
always unusual.

Words that stand in the same tickets are one burst. A ticket without any of them still
belongs to it where its other words are those of the burst.

Pure: words in, bursts out.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

TICKETS_MIN = 5
"""Fewer similar tickets than this are no incident."""
HISTORY_MIN = 20
"""Tickets the week before must have had for anything to be unusual."""
CHANCE_MAX = 1e-5
"""How likely, at the most, so many tickets with one word may be by chance; over all words together."""
TIMES_USUAL = 3.0
"""How many times as many as usual there must be, however unlikely less would be."""

_SHARED = 1 / 3
"""The part of the rarer word's tickets that two words of one burst have in common."""
_TYPICAL_MIN = 3
_BELONGS_FROM = 6.0
"""The log of how much likelier a ticket's words must be in the burst than in the week."""


@dataclass(frozen=True, slots=True)
class Burst:
    """Similar tickets of one hour; ``words`` are what they have in common, the most surprising first."""

    words: tuple[str, ...]
    tickets: frozenset[int]


def bursts(hour: Mapping[int, Set[str]], week: Mapping[str, int], week_tickets: int) -> list[Burst]:
    """The bursts among the tickets of an hour, given by their words, the largest first.

    ``week`` says how many of the ``week_tickets`` of the week before had each word.
    """
    if week_tickets < HISTORY_MIN:
        return []
    having: dict[str, set[int]] = {}
    for ticket, words in hour.items():
        for word in words:
            having.setdefault(word, set()).add(ticket)
    tried = {word: tickets for word, tickets in having.items() if len(tickets) >= TICKETS_MIN}
    chances: dict[str, float] = {}
    for word, tickets in tried.items():
        before = week.get(word, 0)
        usual = len(hour) * (before + 0.5) / (week_tickets + 1)
        if len(tickets) >= TIMES_USUAL * usual:
            chances[word] = chance(len(tickets), len(hour), before, week_tickets) * len(tried)
    surprising = {word: tried[word] for word, value in chances.items() if value <= CHANCE_MAX}
    found = []
    for together in _together(surprising):
        core = set().union(*(surprising[word] for word in together))
        tickets = core | _belonging(core, hour, week, week_tickets)
        found.append(Burst(tuple(sorted(together, key=lambda word: (chances[word], word))), frozenset(tickets)))
    return sorted(found, key=lambda burst: (-len(burst.tickets), burst.words))


def chance(in_hour: int, hour: int, in_week: int, week: int) -> float:
    """How likely ``in_hour`` or more of the tickets with a word are in the hour, were they spread like all others.

    The upper tail of the hypergeometric distribution: of ``hour + week`` tickets,
    ``in_hour + in_week`` have the word, and ``hour`` of all are in the hour.
    """
    having, everything = in_hour + in_week, hour + week
    most = min(hour, having)
    total = 0.0
    for number in range(in_hour, most + 1):
        if hour - number <= everything - having:
            total += math.exp(
                _log_choose(having, number)
                + _log_choose(everything - having, hour - number)
                - _log_choose(everything, hour)
            )
    return min(total, 1.0)


def _log_choose(of: int, some: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(some + 1) - math.lgamma(of - some + 1)


def _together(having: Mapping[str, Set[int]]) -> Sequence[list[str]]:
    """The words in groups that stand in the same tickets."""
    groups: list[tuple[list[str], set[int]]] = []
    for word in sorted(having, key=lambda word: (-len(having[word]), word)):
        words, tickets = [word], set(having[word])
        apart = []
        for group in groups:
            if len(group[1] & having[word]) >= _SHARED * min(len(group[1]), len(having[word])):
                words, tickets = group[0] + words, group[1] | tickets
            else:
                apart.append(group)
        groups = [*apart, (words, tickets)]
    return [words for words, _tickets in groups]


def _belonging(core: Set[int], hour: Mapping[int, Set[str]], week: Mapping[str, int], week_tickets: int) -> set[int]:
    """The tickets of the hour that have none of a burst's own words, but the words that go with them."""
    typical = {
        word: math.log(number / (len(core) + 1) * (week_tickets + 1) / (week.get(word, 0) + 0.5))
        for word, number in Counter(word for ticket in core for word in hour[ticket]).items()
        if number >= _TYPICAL_MIN
    }
    return {
        ticket
        for ticket, words in hour.items()
        if ticket not in core and sum(max(typical.get(word, 0.0), 0.0) for word in words) >= _BELONGS_FROM
    }
