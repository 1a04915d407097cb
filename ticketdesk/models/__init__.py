"""The one model layer: tables and constraints, no queries, no commits."""

from ticketdesk.models.account import ApiToken, Role, Scope, Staff
from ticketdesk.models.confirmation import Confirmation
from ticketdesk.models.event import Event, EventKind
from ticketdesk.models.plumbing import IdempotencyKey, RateLimit
from ticketdesk.models.remote_engine import CallCount, EarlierAnswer, EngineState
from ticketdesk.models.suggestion import AiSuggestion, Occasion
from ticketdesk.models.ticket import Ticket, classified_by, reference_of

__all__ = [
    "AiSuggestion",
    "ApiToken",
    "CallCount",
    "Confirmation",
    "EarlierAnswer",
    "EngineState",
    "Event",
    "EventKind",
    "IdempotencyKey",
    "Occasion",
    "RateLimit",
    "Role",
    "Scope",
    "Staff",
    "Ticket",
    "classified_by",
    "reference_of",
]
