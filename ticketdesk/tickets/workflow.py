"""What the statuses mean for work on a ticket. Pure."""

from ticketdesk.core.vocabulary import Status

DONE = frozenset({Status.RESOLVED, Status.CLOSED})
ACTIVE = frozenset(Status) - DONE
