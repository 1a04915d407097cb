"""Shared canned replies of a demo desk, so that a slash in a reply brings something up."""

from sqlalchemy import select

from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.models import CannedReply
from ticketdesk.tickets import tags
from ticketdesk.tickets.canned import Effect

_TEXT = "Hi {{{{ requester.first_name }}}},\n\n{}\n\nBest regards\n{{{{ agent.first_name }}}}, {{{{ desk.name }}}}"

_REPLIES = (
    (
        "Ask for a screenshot",
        "screenshot",
        "could you send us a screenshot of what you see, and tell us when it happened?",
        Effect(),
    ),
    (
        "Refund is on its way",
        "refund",
        "we have refunded you. It takes up to *five working days* until you see it.",
        Effect(status=Status.RESOLVED, category=Category.BILLING, tags=("refund",)),
    ),
    (
        "Known problem, being worked on",
        "known",
        "this is a fault of ours, and we are mending it. How it goes stands at {{ ticket.url }}.",
        Effect(status=Status.IN_PROGRESS, tags=("known-problem",)),
    ),
    ("Spam", "spam", None, Effect(status=Status.CLOSED, priority=Priority.LOW, tags=("spam",))),
)


def share() -> None:
    """Share some canned replies, where the desk has none."""
    if db.session.scalar(select(CannedReply.id).limit(1)) is not None:
        return
    for title, shortcut, text, effect in _REPLIES:
        tags.remember(effect.tags)
        canned = CannedReply(title=title, shortcut=shortcut, body=_TEXT.format(text) if text else None)
        canned.status, canned.priority, canned.category = effect.status, effect.priority, effect.category
        canned.tags = list(effect.tags)
        db.session.add(canned)
    db.session.flush()
