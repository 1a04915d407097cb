"""Carrying out a repeated request once."""

import hashlib
from typing import Any

from sqlalchemy.dialects.postgresql import insert

from ticketdesk.core.errors import Conflict
from ticketdesk.extensions import db
from ticketdesk.models import IdempotencyKey, Ticket


def digest(*parts: str | bytes) -> str:
    """One SHA-256 over the parts, kept apart by their lengths."""
    whole = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        whole.update(len(raw).to_bytes(8, "big") + raw)
    return whole.hexdigest()


def earlier_answer(key: str, request_hash: str) -> dict[str, Any] | None:
    """What was answered when this request was carried out, or None if it was not.

    Raises:
        Conflict: the key was used with another request.
    """
    row = db.session.get(IdempotencyKey, key)
    if row is None:
        return None
    if row.request_hash != request_hash:
        raise Conflict("This Idempotency-Key was used with a different request; choose a new key for a new one.")
    return row.answer


def claim(key: str, request_hash: str, ticket: Ticket | None, answer: dict[str, Any]) -> bool:
    """Bind the key to what was done in the caller's transaction, and say whether it was still free.

    Of two equal requests at the same moment the second waits here for the first;
    where False comes back, the caller rolls its own work back and repeats the
    earlier answer. ``ticket`` is the one that the request was about, if any.
    """
    row = {"key": key, "request_hash": request_hash, "ticket_id": ticket.id if ticket else None, "answer": answer}
    taken = db.session.scalar(insert(IdempotencyKey).values(row).on_conflict_do_nothing().returning(IdempotencyKey.key))
    return taken is not None
