"""Who may do what, as one table over the routes.

The gate looks every request up here before its view runs. A route without a
line is refused for everybody, so that forgetting one is found at once.
"""

from enum import Enum, auto
from fnmatch import fnmatchcase
from functools import cache


class Need(Enum):
    """What a route asks of its caller."""

    NOTHING = auto()
    """Anyone; where the path holds a customer's link, knowing the link is the key."""
    READ = auto()
    """A token with any scope, or a staff session."""
    WRITE = auto()
    """A token with the write scope, or a staff session with the CSRF header."""
    STAFF = auto()
    """A staff session."""
    ADMIN = auto()
    """A staff session of an admin."""


# Endpoints by pattern; the first that fits counts.
ROUTES: tuple[tuple[str, Need], ...] = (
    ("static", Need.NOTHING),
    ("health.*", Need.NOTHING),
    ("portal.*", Need.NOTHING),
    ("api.create_ticket", Need.NOTHING),
    ("api.classify", Need.NOTHING),
    ("api.openapi", Need.NOTHING),
    ("api.docs", Need.NOTHING),
    ("api.list_tickets", Need.READ),
    ("api.show_ticket", Need.READ),
    ("api.list_messages", Need.READ),
    ("api.list_similar", Need.READ),
    ("api.list_attachments", Need.READ),
    ("api.show_attachment", Need.READ),
    ("api.stats", Need.READ),
    ("api.list_acts", Need.READ),
    ("api.change_ticket", Need.WRITE),
    ("api.delete_ticket", Need.WRITE),
    ("api.merge_ticket", Need.WRITE),
    ("api.unmerge_ticket", Need.WRITE),
    ("api.undo_act", Need.WRITE),
    ("api.add_message", Need.WRITE),
    ("api.add_attachments", Need.WRITE),
    ("sign_in.set_up", Need.NOTHING),
    ("sign_in.sign_in", Need.NOTHING),
    ("sign_in.sign_out", Need.NOTHING),
    ("sign_in.password", Need.STAFF),
    ("dashboard.*", Need.STAFF),
    ("queue.*", Need.STAFF),
    ("views.*", Need.STAFF),
    ("ticket.*", Need.STAFF),
    ("trash.*", Need.STAFF),
    ("merging.*", Need.STAFF),
    ("undo.*", Need.STAFF),
    ("canned.*", Need.STAFF),
    ("ai.*", Need.STAFF),
    ("incidents.*", Need.STAFF),
    ("suggestions.*", Need.STAFF),
    ("people.*", Need.ADMIN),
    ("tokens.*", Need.ADMIN),
    ("outbox.*", Need.ADMIN),
    ("jobs.*", Need.ADMIN),
)


@cache
def need_of(endpoint: str) -> Need | None:
    """What the route asks for, or None where it is not in the table."""
    return next((need for pattern, need in ROUTES if fnmatchcase(endpoint, pattern)), None)
