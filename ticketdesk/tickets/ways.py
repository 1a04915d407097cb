"""Which way to the rows of a list with a search is the shortest, by what is known of its words and filters.

Left to itself, PostgreSQL takes the index of words for a common word, too, and
gathers a hundred thousand tickets for a page of fifty.
"""

from dataclasses import dataclass
from functools import lru_cache

from ticketdesk.search.frequencies import Frequencies
from ticketdesk.search.newest import LONGER, RESERVE
from ticketdesk.search.query import Query
from ticketdesk.tickets.filter import Filter
from ticketdesk.tickets.pages import Sort
from ticketdesk.tickets.stretches import stretches_of

# What each way spends on a ticket, in microseconds at a million tickets: walking by in the order of time, or in one of
# several stretches; noting its place in the index of words; fetching it from there; and fetching it before the filter.
_WALKED, _MERGED, _NOTED, _FETCHED, _FILTERED = 1, 2, 0.25, 2, 5


@dataclass(frozen=True, slots=True)
class Way:
    """How to look for the rows of a list with a search.

    ``looks`` is how often to filter the matches of the latest days before anything
    else is done, each time of more days; None is as often as there are any. Then
    the words are looked for in each of the stretches that the filter means, or,
    unless ``by_stretches``, PostgreSQL gathers all matches or walks through the list.
    """

    looks: int | None = 0
    by_stretches: bool = False


# A request asks for its way twice; what is kept keeps all that was known then, half a megabyte, so it is not much.
@lru_cache(maxsize=2)
def quickest(asked: Query, wanted: Filter, most: int, known: Frequencies) -> Way:
    """The quickest way to the first ``most`` rows."""
    newest_of_kinds = wanted.sort is Sort.NEWEST and asked.ticket_id is None and wanted.but_for_search.only_kinds
    if newest_of_kinds and wanted.but_for_search == Filter():
        return Way(looks=None)
    words = max(known.share(asked.indexed), 1e-9)
    kinds = known.share_of(wanted.category, wanted.priority, wanted.status) or 1e-9
    matches, walked = known.tickets * words, most / (words * kinds)
    fetched = matches * kinds
    # PostgreSQL takes the way with fewer tickets, for it thinks that an index of words costs next to nothing.
    planned = matches * _NOTED + fetched * _FETCHED if fetched < walked else walked * _WALKED
    merged = _stretches(wanted.but_for_search) * most / words * _MERGED
    by_stretches = 0 < merged < planned
    looks, look = 0, RESERVE * most * _FILTERED
    # A look is worth it while it is quicker than what follows, and there are as many rows at all.
    while newest_of_kinds and fetched > most and look < (merged if by_stretches else planned):
        looks, look = looks + 1, look * LONGER
    return Way(looks, by_stretches)


@lru_cache(maxsize=256)
def _stretches(wanted: Filter) -> int:
    return sum(stretch.number for stretch in stretches_of(wanted))
