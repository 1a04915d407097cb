"""Who acts. Verbs take an actor as an argument; only doors know how a request names one."""

from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    """The kinds of actor an event can name."""

    CUSTOMER = "customer"
    STAFF = "staff"
    TOKEN = "token"  # noqa: S105  (a kind of actor, not a password)
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """One actor; ``label`` is how the timeline names them, also after their account is gone."""

    kind: ActorKind
    id: int | None
    label: str


CUSTOMER = Actor(ActorKind.CUSTOMER, None, "Customer")
SYSTEM = Actor(ActorKind.SYSTEM, None, "Ticketdesk")
