"""The best matches of a search first, for staff.

To rank every match of a common word would mean to read each; so the newest
thousand are ranked, and what is older is left to the order by time.
"""

import base64
import binascii
from dataclasses import replace
from datetime import datetime

import orjson

from ticketdesk import replica
from ticketdesk.core.errors import FieldFault, Invalid
from ticketdesk.reading import Statement
from ticketdesk.search.query import read
from ticketdesk.tickets import queries
from ticketdesk.tickets.filter import Filter
from ticketdesk.tickets.pages import PAGE_SIZE, Page, Sort

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


def page(wanted: Filter, *, cursor: str | None = None, limit: int = PAGE_SIZE) -> Page:
    """One page of the newest matches of a filter with a search, the best first; equally good ones newest first.

    Raises:
        Invalid: the cursor is not one that such a list gave out.
    """
    behind = None if cursor is None else _read_cursor(cursor)
    newest = queries.first(replace(wanted, sort=Sort.NEWEST, best=False), most=RANKED_MAX)
    asked = read(wanted.search)
    if asked is None:
        ranks = {row.id: 0.0 for row in newest}
    else:
        ranks = dict(replica.rows(_RANKS, query=str(asked.words), ids=[row.id for row in newest]))
        if asked.ticket_id in ranks:
            ranks[asked.ticket_id] = 1.0
    keyed = sorted((((ranks.get(row.id, 0.0), row.created_at, row.id), row) for row in newest), reverse=True)
    rest = [(key, row) for key, row in keyed if behind is None or key < behind]
    shown = rest[:limit]
    return Page([row for _, row in shown], _write_cursor(shown[-1][0]) if len(rest) > limit else None)


def _write_cursor(key: _Key) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(["best", *key])).decode().rstrip("=")


def _read_cursor(cursor: str) -> _Key:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        made_for, rank, moment, ticket_id = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        key = (float(rank), datetime.fromisoformat(moment), int(ticket_id))
        if made_for != "best" or key[1].tzinfo is None:
            raise ValueError(cursor)
    except (ValueError, TypeError, OverflowError, binascii.Error):
        fault = FieldFault("cursor", "This cursor does not belong to this list; start again without it.")
        raise Invalid(fault) from None
    return key
