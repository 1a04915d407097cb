"""The list that a ticket was opened from, by which its page leads on to the next one.

The list travels in the address as ``from``, in the words of the queue's own
address, and can lead nowhere but to the queue.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import request, url_for
from werkzeug.datastructures import MultiDict

from ticketdesk.core.errors import Invalid
from ticketdesk.models import Ticket
from ticketdesk.staff import filters
from ticketdesk.staff.reading import me
from ticketdesk.tickets import queries
from ticketdesk.tickets.filter import Filter
from ticketdesk.tickets.saved_views import ALL_OPEN

_Words = list[tuple[str, str]]


def kept() -> dict[str, Any]:
    """What an address has to carry so that the list is not lost; nothing where the caller came from no list."""
    came_from = _came_from()
    return {} if came_from is None else {"from": urlencode(came_from[0])}


def places(**kept: Any) -> Callable[[int], str]:
    """Where the pages of tickets are, by their ids, in addresses that carry what is ``kept``.

    For lists: to build each address anew takes as long as to draw a row.
    """
    path, mark, carried = url_for("ticket.show", ticket_id=0, **kept).partition("?")
    folder = path.removesuffix("0")
    return lambda ticket_id: f"{folder}{ticket_id}{mark}{carried}"


def address() -> str:
    """The list itself."""
    came_from = _came_from()
    if came_from is None:
        return filters.address(ALL_OPEN.wanted, view=ALL_OPEN.key)
    return "?".join(filter(None, [url_for("queue.index"), urlencode(came_from[0])]))


def neighbours(ticket: Ticket) -> tuple[int | None, int | None]:
    """The ids of the tickets before and behind this one in the list, None at its ends.

    Whoever came from no list goes through the tickets that are not done.
    """
    came_from = _came_from()
    wanted = came_from[1] if came_from else ALL_OPEN.wanted
    return queries.neighbours(wanted.seen_by(me()), ticket)


def _came_from() -> tuple[_Words, Filter] | None:
    said = request.args.get("from")
    if said is None:
        return None
    words = parse_qsl(said)
    try:
        return words, filters.read_filter(MultiDict(words))
    except Invalid:
        # An address that somebody changed.
        return None
