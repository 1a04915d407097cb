"""The one model layer: tables and constraints, no queries, no commits."""

from ticketdesk.models.account import ApiToken, Role, Scope, Staff
from ticketdesk.models.act import Act, ActKind
from ticketdesk.models.attachment import Attachment
from ticketdesk.models.canned_reply import CannedReply
from ticketdesk.models.confirmation import Confirmation
from ticketdesk.models.customer import CustomerKey, KeyKind, Unsubscribed
from ticketdesk.models.desk_work import Draft, Presence, SavedView
from ticketdesk.models.event import Event, EventKind
from ticketdesk.models.incident import Incident
from ticketdesk.models.message import Channel, Message, MessageKind
from ticketdesk.models.outgoing_mail import MailKind, MailState, OutgoingMail
from ticketdesk.models.plumbing import IdempotencyKey, LastWrite, RateLimit
from ticketdesk.models.remote_engine import CallCount, EarlierAnswer, EngineState
from ticketdesk.models.suggestion import AiSuggestion, Occasion
from ticketdesk.models.tag import Tag
from ticketdesk.models.ticket import Ticket, classified_by, reference_of

__all__ = [
    "Act",
    "ActKind",
    "AiSuggestion",
    "ApiToken",
    "Attachment",
    "CallCount",
    "CannedReply",
    "Channel",
    "Confirmation",
    "CustomerKey",
    "Draft",
    "EarlierAnswer",
    "EngineState",
    "Event",
    "EventKind",
    "IdempotencyKey",
    "Incident",
    "KeyKind",
    "LastWrite",
    "MailKind",
    "MailState",
    "Message",
    "MessageKind",
    "Occasion",
    "OutgoingMail",
    "Presence",
    "RateLimit",
    "Role",
    "SavedView",
    "Scope",
    "Staff",
    "Tag",
    "Ticket",
    "Unsubscribed",
    "classified_by",
    "reference_of",
]
