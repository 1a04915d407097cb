"""The best matches of a search first, for staff.

To rank every match of a common word would mean to read each; so the newest
thousand are ranked, and what is older is left to the order by time.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from ticketdesk import replica
from ticketdesk.reading import Statement, array
from ticketdesk.search.query import read
from ticketdesk.tickets import queries
from ticketdesk.tickets.filter import Filter
from ticketdesk.tickets.pages import PAGE_SIZE, Page, Sort, pack, read_id, read_moment, unpack

RANKED_MAX = 1_000
"""How many matches are ranked, the newest ones."""

# A word in the title says most, then the description, replies and notes; long conversations are not better for it.
_RANKS = Statement(
    b"""
    SELECT id, ts_rank('{0.1, 0.2, 0.4, 1.0}', search_vector, %(query)s::tsquery, 1)
    FROM ticket WHERE id = ANY (%(ids)s::bigint[])
    """,
    {},
    plan_for_values=False,
)

_Key = tuple[float, datetime, int]
_ORDER = "best"


def page(wanted: Filter, *, cursor: str | None = None, limit: int = PAGE_SIZE) -> Page:
    """One page of the newest matches of a filter with a search, the best first; equally good ones newest first.

    Raises:
        Invalid: the cursor is not one that such a list gave out.
    """
    behind = None if cursor is None else unpack(cursor, _ORDER, _read_key)
    newest = queries.first(replace(wanted, sort=Sort.NEWEST, best=False), most=RANKED_MAX)
    asked = read(wanted.search)
    if asked is None:
        ranks = {row.id: 0.0 for row in newest}
    else:
        ranks = dict(replica.rows(_RANKS, query=str(asked.words), ids=array(row.id for row in newest)))
        if asked.ticket_id in ranks:
            ranks[asked.ticket_id] = 1.0
    keyed = sorted((((ranks.get(row.id, 0.0), row.created_at, row.id), row) for row in newest), reverse=True)
    rest = [(key, row) for key, row in keyed if behind is None or key < behind]
    shown = rest[:limit]
    return Page([row for _, row in shown], pack(_ORDER, *shown[-1][0]) if len(rest) > limit else None)


def _read_key(rank: Any, moment: Any, ticket_id: Any) -> _Key:
    return float(rank), read_moment(moment), read_id(ticket_id)
