"""Things for tests to start from, made by the verbs that make them in production."""

import itertools

from ticketdesk.accounts import service as accounts
from ticketdesk.core.actors import CUSTOMER, Actor
from ticketdesk.core.vocabulary import Category, Priority
from ticketdesk.extensions import db
from ticketdesk.models import Role, Scope, Staff, Ticket
from ticketdesk.tickets import service as tickets

PASSWORD = "correct horse battery"
_numbers = itertools.count(1)


def make_ticket(
    title: str = "The export stops half way",
    description: str = "Since this morning the export ends after 200 rows.",
    *,
    category: Category | None = Category.TECHNICAL,
    priority: Priority | None = Priority.HIGH,
    requester_name: str | None = "Ada Lovelace",
    requester_email: str | None = "ada@example.com",
    actor: Actor = CUSTOMER,
) -> Ticket:
    """A committed ticket."""
    ticket = tickets.create_ticket(
        tickets.NewTicket(title, description, requester_name, requester_email, category, priority), actor
    )
    db.session.commit()
    return ticket


def make_staff(role: Role = Role.AGENT, *, name: str = "Grace Hopper", email: str | None = None) -> Staff:
    """A committed staff account with ``PASSWORD``."""
    staff = accounts.create_staff(email or f"staff{next(_numbers)}@example.com", name, role, PASSWORD)
    db.session.commit()
    return staff


def make_token(scope: Scope = Scope.WRITE) -> str:
    """The secret of a committed API token."""
    _token, secret = accounts.create_token(f"program {next(_numbers)}", scope)
    db.session.commit()
    return secret
