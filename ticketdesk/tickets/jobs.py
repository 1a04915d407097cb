"""What is done about tickets after the answer has gone out."""

from ticketdesk.ai import record
from ticketdesk.ai.suggest import current_suggester
from ticketdesk.core.errors import Conflict, NotFound
from ticketdesk.core.vocabulary import SetBy
from ticketdesk.extensions import db
from ticketdesk.jobs.queue import TryAgainError, queue, task
from ticketdesk.models import Occasion, Ticket
from ticketdesk.tickets import service, snooze


@task("tickets.classify")
def classify(ticket_id: int) -> None:
    """Ask the engines about a ticket that was created without their answer, unless a human chose meanwhile.

    Safe to run twice: the second run finds nothing that is still the default.

    Raises:
        TryAgainError: no engine answered this time either.
    """
    ticket = db.session.get(Ticket, ticket_id)
    if ticket is None or not ticket.present or not waits_for_engine(ticket):
        return
    title, description, name = ticket.title, ticket.description, ticket.requester_name
    # The engines may think for seconds; no transaction stays open meanwhile.
    db.session.rollback()
    suggestion = current_suggester().suggest(title, description, requester_name=name, ticket_id=ticket_id)
    try:
        ticket = service.locked(ticket_id)
    except (NotFound, Conflict):
        # It was merged or deleted while the engines were thinking.
        return
    record.record(suggestion, Occasion.JOB, ticket)
    if suggestion.engine is None:
        raise TryAgainError(suggestion.failure_sentence or "No engine answered.")
    service.apply_suggestion(ticket, suggestion)


@queue.periodic(cron="* * * * *")
@task("tickets.wake_due")
def wake_due(timestamp: int) -> None:
    """Wake the tickets whose moment has come; those beyond one run's fill follow in the next."""
    snooze.wake_due()


def waits_for_engine(ticket: Ticket) -> bool:
    """Whether a field is still the default that nobody chose."""
    return SetBy.DEFAULT in {ticket.category_set_by, ticket.priority_set_by}
