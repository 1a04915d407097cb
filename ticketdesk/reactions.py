"""What follows from what: event kinds and what they set off."""

from ticketdesk.ai import confirmations
from ticketdesk.events import Happened, Reaction, ReactionToMany
from ticketdesk.jobs.queue import enqueue
from ticketdesk.mail import letters
from ticketdesk.models import EventKind, Ticket
from ticketdesk.tickets import jobs as ticket_jobs


def classify_later(event: Happened, ticket: Ticket) -> None:
    """A ticket that no engine has answered about in time is classified by a job; to abstain is to answer."""
    if ticket_jobs.waits_for_engine(ticket) and not event.data["abstained"]:
        enqueue(ticket_jobs.classify, ticket_id=ticket.id)


REACTIONS: dict[EventKind, tuple[Reaction, ...]] = {
    EventKind.CREATED: (classify_later, letters.receipt),
    EventKind.TITLE_CHANGED: (confirmations.note_new_text,),
    EventKind.CATEGORY_CHANGED: (confirmations.confirm_category,),
    EventKind.PRIORITY_CHANGED: (confirmations.confirm_priority,),
    EventKind.STATUS_CHANGED: (confirmations.confirm_resolved, letters.status),
    EventKind.REPLIED: (letters.reply,),
    EventKind.ASSIGNED: (letters.assignment,),
}

# What happens to many tickets at once, in a few statements however many they are.
TOGETHER: dict[EventKind, tuple[ReactionToMany, ...]] = {
    EventKind.MERGED: (confirmations.learn_anew,),
    EventKind.UNMERGED: (confirmations.learn_anew,),
    EventKind.TRASHED: (confirmations.learn_anew,),
    EventKind.RESTORED: (confirmations.learn_anew,),
    EventKind.UNDONE: (letters.take_back,),
}
