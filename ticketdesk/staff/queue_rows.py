"""The rows of the queue, drawn once for all who look at them.

A row says nothing but what `_drawn` is given, so the same row, for somebody else
or at the next refresh, is one that was drawn before.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from flask import get_template_attribute
from markupsafe import Markup

from ticketdesk.filters import ago
from ticketdesk.search.snippets import Snippet
from ticketdesk.staff.reading import FIELDS
from ticketdesk.staff.worklist import places
from ticketdesk.tickets.pages import Sort
from ticketdesk.tickets.rows import Listed

KEPT = 1_000
"""How many rows a process keeps, of some 4 kB each: those of twenty pages."""
DESCRIPTION_SHOWN = 160


def drawn(
    tickets: Sequence[Listed], sort: Sort, came_from: str, waiting: Collection[int], snippets: Mapping[int, Snippet]
) -> Markup:
    """The rows of a list's tickets as a page shows them.

    Args:
        tickets: what the list shows.
        sort: its order, which says the time that stands at a row's end.
        came_from: the list in the words of its address, for the way on from one ticket to the next.
        waiting: the ids of those whose customers wait for an answer.
        snippets: what a search found, by tickets' ids; they stand in the place of the description.
    """
    place_of = places(**{"from": came_from})
    rows = []
    for ticket in tickets:
        moment: datetime = getattr(ticket, sort.moment)
        # What a row does not show need not be kept with it, and what it is kept by has to be hashable.
        shown = ticket._replace(description=ticket.description[:DESCRIPTION_SHOWN], tags=tuple(ticket.tags))
        rows.append(
            _drawn(shown, place_of(ticket.id), moment, ago(moment), ticket.id in waiting, snippets.get(ticket.id))
        )
    return Markup().join(rows)


@lru_cache(maxsize=KEPT)
def _drawn(ticket: Listed, place: str, moment: datetime, told: str, waits: bool, snippet: Snippet | None) -> Markup:
    row = get_template_attribute("staff/_queue_row.html", "row")
    html: Markup = row(ticket, place, moment, told, waits, snippet, FIELDS)
    return html
