"""The one JSON face of tickets, messages and events, for the API, webhooks and exports alike."""

from collections.abc import Sequence
from typing import Any

from ticketdesk.ai.suggest import Suggestion
from ticketdesk.events import Happened
from ticketdesk.models import Act, Attachment, Event, Message, Ticket, classified_by, reference_of
from ticketdesk.tickets.rows import Listed


def ticket(row: Ticket | Listed) -> dict[str, Any]:
    """A ticket as JSON values; times stay datetimes for the encoder."""
    assignee = row.assignee
    return {
        "id": row.id,
        "reference": reference_of(row.id),
        "title": row.title,
        "description": row.description,
        "category": row.category,
        "priority": row.priority,
        "status": row.status,
        "requester_name": row.requester_name,
        "requester_email": row.requester_email,
        "classified_by": classified_by(row.category_set_by, row.priority_set_by),
        "category_set_by": row.category_set_by,
        "priority_set_by": row.priority_set_by,
        "assignee": {"id": assignee.id, "name": assignee.name, "email": assignee.email} if assignee else None,
        "tags": row.tags,
        "snoozed_until": row.snoozed_until,
        "first_response_at": row.first_response_at,
        "resolved_at": row.resolved_at,
        "rating": {"score": row.rating, "comment": row.rating_comment, "rated_at": row.rated_at}
        if row.rating
        else None,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def event(row: Event | Happened) -> dict[str, Any]:
    """An event as JSON values."""
    return {
        "id": row.id,
        "kind": row.kind,
        "actor": {"kind": row.actor_kind, "id": row.actor_id, "label": row.actor_label},
        "data": row.data,
        "created_at": row.created_at,
    }


def message(row: Message, files: Sequence[Attachment]) -> dict[str, Any]:
    """A message with its files as JSON values. Notes are for the desk: check ``kind`` before anybody else gets this."""
    return {
        "id": row.id,
        "kind": row.kind,
        "author": {"kind": row.author_kind, "id": row.author_id, "label": row.author_label},
        "channel": row.channel,
        "body": row.body,
        "message_id": row.message_id,
        "attachments": [attachment(file) for file in files],
        "created_at": row.created_at,
    }


def attachment(row: Attachment) -> dict[str, Any]:
    """A file as JSON values, without its content."""
    return {
        "id": row.id,
        "message": row.message_id,
        "name": row.name,
        "media_type": row.media_type,
        "size": row.size,
        "sha256": row.sha256,
        "created_at": row.created_at,
    }


def act(row: Act) -> dict[str, Any]:
    """Something that can be undone, as JSON values."""
    return {
        "id": row.id,
        "kind": row.kind,
        "actor": {"kind": row.actor_kind, "id": row.actor_id, "label": row.actor_label},
        "tickets": row.ticket_ids,
        "created_at": row.created_at,
    }


def suggestion(given: Suggestion) -> dict[str, Any]:
    """An engine's answer as JSON values."""
    return {
        "suggested_category": given.category,
        "suggested_priority": given.priority,
        "abstained": given.abstained,
        "confidence": {"category": given.category_confidence, "priority": given.priority_confidence},
        "guesses": [{"category": guess.category, "confidence": guess.confidence} for guess in given.guesses],
        "engine": given.engine,
        "model": given.model,
        "took_ms": given.took_ms,
    }


def customer_url(ticket: Ticket, public_url: str) -> str:
    """The customer's own link to the ticket; whoever has it sees the ticket, so it goes to its requester alone."""
    return f"{public_url}/t/{ticket.link_id.hex}"
