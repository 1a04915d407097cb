"""Keeping what the engines proposed next to what people chose."""

from sqlalchemy import select

from ticketdesk.ai.contract import Guess
from ticketdesk.ai.suggest import Suggestion
from ticketdesk.core.vocabulary import Category, Priority, SetBy
from ticketdesk.extensions import db
from ticketdesk.models import AiSuggestion, Occasion, Ticket


def record(suggestion: Suggestion, occasion: Occasion, ticket: Ticket | None = None) -> AiSuggestion:
    """Add the suggestion to the caller's transaction."""
    row = AiSuggestion(
        ticket_id=ticket.id if ticket else None,
        occasion=occasion,
        engine=suggestion.engine,
        model=suggestion.model,
        failure=suggestion.failure,
        category=suggestion.category,
        priority=suggestion.priority,
        category_confidence=suggestion.category_confidence,
        priority_confidence=suggestion.priority_confidence,
        guesses=[{"category": guess.category, "confidence": guess.confidence} for guess in suggestion.guesses],
        words=list(suggestion.words),
        took_ms=suggestion.took_ms,
    )
    db.session.add(row)
    db.session.flush()
    return row


def by_id(suggestion_id: int) -> AiSuggestion | None:
    """One recorded suggestion."""
    return db.session.get(AiSuggestion, suggestion_id)


def reread(row: AiSuggestion) -> Suggestion:
    """The suggestion as it was recorded; only the sentence for the operator was not kept."""
    return Suggestion(
        row.took_ms,
        engine=row.engine,
        model=row.model,
        category=Category(row.category) if row.category else None,
        priority=Priority(row.priority) if row.priority else None,
        category_confidence=row.category_confidence,
        priority_confidence=row.priority_confidence,
        guesses=tuple(Guess(Category(guess["category"]), guess["confidence"]) for guess in row.guesses),
        words=tuple(row.words),
        failure=row.failure,
    )


def attach(row: AiSuggestion, ticket: Ticket) -> None:
    """Say which ticket the text became, and what its sender chose over the proposal.

    A suggestion belongs to the first ticket made with it.
    """
    if row.ticket_id is not None:
        return
    row.ticket_id = ticket.id
    _note(row, ticket)


def note_choice(ticket: Ticket) -> None:
    """Write what a human decided into the ticket's latest suggestion, if it has one."""
    row = latest(ticket.id)
    if row is not None:
        _note(row, ticket)


def latest(ticket_id: int) -> AiSuggestion | None:
    """The last suggestion about this ticket."""
    return db.session.scalar(
        select(AiSuggestion).where(AiSuggestion.ticket_id == ticket_id).order_by(AiSuggestion.id.desc()).limit(1)
    )


def _note(row: AiSuggestion, ticket: Ticket) -> None:
    # What is still the default was chosen by nobody, also where the engine abstained and the sender let it be.
    row.chosen_category = None if ticket.category_set_by == SetBy.DEFAULT else ticket.category
    row.chosen_priority = None if ticket.priority_set_by == SetBy.DEFAULT else ticket.priority
