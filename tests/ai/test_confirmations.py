"""What counts as a decision of staff, through the doors and verbs that make one."""

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.exc import IntegrityError

from tests.factories import make_ticket
from ticketdesk.ai.suggest import Suggestion
from ticketdesk.core.actors import CUSTOMER, SYSTEM, Actor, ActorKind
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.models import Confirmation, Ticket
from ticketdesk.tickets import service
from ticketdesk.tickets.service import Changes

STAFF = Actor(ActorKind.STAFF, 1, "Grace Hopper")
TOKEN = Actor(ActorKind.TOKEN, 1, "importer")
GUESSED = Suggestion(1.0, engine="local", model="any", category=Category.BILLING, priority=Priority.LOW)

pytestmark = pytest.mark.usefixtures("app")


def confirmed(ticket: Ticket) -> tuple[str | None, str | None] | None:
    """What is confirmed of the ticket, or None where nothing is."""
    row = db.session.get(Confirmation, ticket.id, populate_existing=True)
    return (row.category, row.priority) if row else None


def suggested_ticket() -> Ticket:
    """A ticket whose labels are an engine's."""
    return service.create_ticket(service.NewTicket("Refund", "Please refund my March invoice."), CUSTOMER, GUESSED)


@pytest.mark.parametrize("actor", [STAFF, TOKEN], ids=["staff", "token"])
@pytest.mark.parametrize(
    ("changes", "decided"),
    [
        (Changes(category=Category.ACCOUNT), ("account", None)),
        (Changes(priority=Priority.HIGH), (None, "high")),
        (Changes(category=Category.ACCOUNT, priority=Priority.HIGH), ("account", "high")),
        (Changes(status=Status.RESOLVED), ("billing", "low")),
        (Changes(category=Category.ACCOUNT, status=Status.RESOLVED), ("account", "low")),
        (Changes(category=Category.BILLING), None),
        (Changes(status=Status.IN_PROGRESS), None),
        (Changes(status=Status.CLOSED), None),
        (Changes(title="Another title"), None),
    ],
    ids=str,
)
def test_what_staff_do_and_what_that_decides(
    actor: Actor, changes: Changes, decided: tuple[str | None, str | None] | None
) -> None:
    ticket = suggested_ticket()
    service.change(ticket, changes, actor)
    assert confirmed(ticket) == decided


def test_a_suggestion_that_nobody_touched_is_no_decision() -> None:
    assert confirmed(suggested_ticket()) is None


def test_an_engine_decides_nothing() -> None:
    ticket = make_ticket(category=None, priority=None)
    assert service.apply_suggestion(ticket, GUESSED)
    service.change_status(ticket, Status.RESOLVED, SYSTEM)
    assert confirmed(ticket) is None


def test_a_customers_choice_counts_once_staff_resolve_the_ticket_with_it() -> None:
    ticket = make_ticket(category=Category.TECHNICAL, priority=Priority.HIGH)
    assert confirmed(ticket) is None
    service.change_status(ticket, Status.RESOLVED, STAFF)
    assert confirmed(ticket) == ("technical", "high")


def test_a_customer_who_closes_the_matter_decides_nothing() -> None:
    ticket = suggested_ticket()
    service.change_status(ticket, Status.RESOLVED, CUSTOMER)
    assert confirmed(ticket) is None


def test_labels_that_nobody_chose_are_not_confirmed_by_resolving() -> None:
    unlabelled = make_ticket(category=None, priority=None)
    service.change_status(unlabelled, Status.RESOLVED, STAFF)
    assert confirmed(unlabelled) is None

    half = make_ticket(category=None, priority=Priority.LOW)
    service.change_status(half, Status.RESOLVED, STAFF)
    assert confirmed(half) == (None, "low")


def test_a_later_decision_replaces_the_earlier_one_and_leaves_the_other_field() -> None:
    ticket = suggested_ticket()
    service.change(ticket, Changes(category=Category.ACCOUNT, priority=Priority.HIGH), STAFF)
    service.change_category(ticket, Category.TECHNICAL, TOKEN)
    assert confirmed(ticket) == ("technical", "high")
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Confirmation)) == 1


def test_a_ticket_opened_again_keeps_its_confirmation() -> None:
    ticket = suggested_ticket()
    service.change_status(ticket, Status.RESOLVED, STAFF)
    service.change_status(ticket, Status.OPEN, STAFF)
    assert confirmed(ticket) == ("billing", "low")
    service.change_category(ticket, Category.GENERAL, STAFF)
    service.change_status(ticket, Status.RESOLVED, STAFF)
    assert confirmed(ticket) == ("general", "low")


def test_every_change_is_stamped_and_a_new_title_is_one() -> None:
    ticket = suggested_ticket()
    service.change_category(ticket, Category.ACCOUNT, STAFF)
    before = db.session.get_one(Confirmation, ticket.id).changed_at
    service.change_title(ticket, "Cannot sign in", STAFF)
    after = db.session.get_one(Confirmation, ticket.id, populate_existing=True)
    assert after.changed_at > before
    assert after.changed_in == db.session.scalar(sa.text("SELECT pg_current_xact_id()::text::bigint"))


def test_the_decision_stands_or_falls_with_the_change() -> None:
    ticket = make_ticket()
    service.change_category(ticket, Category.ACCOUNT, STAFF)
    db.session.rollback()
    assert confirmed(ticket) is None


def test_a_program_decides_through_the_api(client: FlaskClient, writer: dict[str, str]) -> None:
    created = client.post("/api/tickets/", json={"title": "Refund", "description": "Please refund my invoice."})
    assert created.json is not None
    ticket = db.session.get_one(Ticket, created.json["id"])
    assert confirmed(ticket) is None
    client.patch(f"/api/tickets/{ticket.id}/", json={"category": "account"}, headers=writer)
    assert confirmed(ticket) == ("account", None)


@pytest.mark.parametrize(
    "values",
    [{"category": "sales"}, {"priority": "urgent"}],
    ids=str,
)
def test_the_database_refuses_what_is_no_word(values: dict[str, str]) -> None:
    ticket = make_ticket()
    with pytest.raises(IntegrityError):
        db.session.execute(sa.insert(Confirmation).values(ticket_id=ticket.id, **values))
