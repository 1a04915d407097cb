"""Every process knows what the desk has confirmed, in whatever order it heard of it."""

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from tests.conftest import opened, settings_for
from tests.factories import make_ticket, make_token
from ticketdesk import create_app
from ticketdesk.ai import memory as memory_module
from ticketdesk.ai.contract import Verdict, text_of
from ticketdesk.ai.learner import Learner
from ticketdesk.ai.local import LocalEngine
from ticketdesk.ai.memory import Memory
from ticketdesk.ai.suggest import Suggester
from ticketdesk.core.actors import Actor, ActorKind
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.models import Confirmation, Ticket
from ticketdesk.tickets import service
from ticketdesk.tickets.service import Changes

STAFF = Actor(ActorKind.STAFF, 1, "Grace Hopper")
TEXT = "Beamer\n\nThe projector in meeting room Turing shows no picture."

Confirmed = tuple[str, Category | None, Priority | None]


class Process:
    """A process of the desk with its own local engine."""

    def __init__(self) -> None:
        database = db.engine
        self.engine = LocalEngine()
        self.memory = Memory(self.engine, lambda: database)

    def loaded(self) -> "Process":
        """The process, once it has loaded its memory."""
        self.memory.warm().join()
        return self

    def answer(self, text: str = TEXT) -> Verdict:
        """What it says of a text after it has looked for news."""
        self.memory.refresh()
        return self.engine.classify(text, timeout=1.0)


@pytest.fixture(autouse=True)
def _emptied(desk: Flask) -> None:
    """Each test starts with a desk that has confirmed nothing."""


def taught(*confirmed: Confirmed) -> Verdict:
    """What an engine says that was taught by hand."""
    learner = Learner()
    for text, category, priority in confirmed:
        learner.add(text, category, priority)
    return learner.classify(TEXT)


def confirm(ticket: Ticket, category: Category | None, priority: Priority | None = None) -> Confirmed:
    """Let staff decide about a ticket; returns what there is to learn from it."""
    service.change(ticket, Changes(category=category, priority=priority), STAFF)
    db.session.commit()
    row = db.session.get_one(Confirmation, ticket.id, populate_existing=True)
    known = (
        text_of(ticket.title, ticket.description),
        Category(row.category) if row.category else None,
        Priority(row.priority) if row.priority else None,
    )
    db.session.rollback()
    return known


def new_ticket(description: str = "The projector shows no picture") -> Ticket:
    return make_ticket("Room", description, category=None, priority=None)


def test_what_staff_confirm_is_known_to_the_next_answer_of_every_process() -> None:
    first, second = Process().loaded(), Process().loaded()
    assert first.answer() == second.answer() == taught()
    one = confirm(new_ticket(), Category.ACCOUNT, Priority.LOW)
    assert first.answer() == taught(one) != taught()
    other = confirm(new_ticket("Projector and password"), Category.BILLING)
    assert first.answer() == second.answer() == taught(one, other)
    assert len(first.memory) == len(second.memory) == 2


def test_a_corrected_correction_takes_the_place_of_the_first() -> None:
    process, ticket = Process().loaded(), new_ticket()
    confirm(ticket, Category.ACCOUNT)
    process.answer()
    corrected = confirm(ticket, Category.BILLING)
    assert process.answer() == taught(corrected)
    completed = confirm(ticket, None, Priority.CRITICAL)
    assert completed[1:] == (Category.BILLING, Priority.CRITICAL)
    assert process.answer() == taught(completed)


def test_a_new_title_is_another_text_to_learn() -> None:
    process, ticket = Process().loaded(), new_ticket()
    _, category, priority = confirm(ticket, Category.ACCOUNT, Priority.LOW)
    process.answer()
    service.change_title(ticket, "Beamer in room Turing", STAFF)
    db.session.commit()
    renamed = (text_of("Beamer in room Turing", ticket.description), category, priority)
    assert process.answer() == Process().loaded().answer() == taught(renamed)


def test_a_restarted_process_knows_what_the_others_know() -> None:
    process = Process().loaded()
    confirmed = [confirm(new_ticket(f"Projector {number}"), Category.ACCOUNT) for number in range(5)]
    assert process.answer() == Process().loaded().answer() == taught(*confirmed)


def test_a_decision_that_is_committed_late_is_not_missed() -> None:
    process, early, late = Process().loaded(), new_ticket(), new_ticket("The late projector")
    with Session(db.engine) as slow:
        slow.execute(sa.insert(Confirmation).values(ticket_id=late.id, category="billing"))
        one = confirm(early, Category.ACCOUNT)
        assert process.answer() == taught(one)
        slow.commit()
    assert process.answer() == taught(one, (text_of("Room", "The late projector"), Category.BILLING, None))


def test_a_decision_that_is_taken_back_was_never_made() -> None:
    process, ticket = Process().loaded(), new_ticket()
    service.change_category(ticket, Category.ACCOUNT, STAFF)
    db.session.rollback()
    assert process.answer() == taught()


def test_rows_restored_from_another_cluster_are_loaded_and_their_changes_seen() -> None:
    ticket = new_ticket()
    with db.engine.begin() as restoring:
        restoring.execute(sa.text("ALTER TABLE confirmation DISABLE TRIGGER confirmation_stamp"))
        restoring.execute(
            sa.text("INSERT INTO confirmation VALUES (:id, 'account', NULL, now(), 9000000000000000000)"),
            {"id": ticket.id},
        )
        restoring.execute(sa.text("ALTER TABLE confirmation ENABLE TRIGGER confirmation_stamp"))
    process = Process().loaded()
    text = text_of("Room", ticket.description)
    assert process.answer() == taught((text, Category.ACCOUNT, None))
    changed = confirm(ticket, Category.BILLING)
    assert process.answer() == taught(changed)


def test_the_newest_tickets_are_remembered_by_all_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "TICKETS_MAX", 3)
    process = Process().loaded()
    tickets = [new_ticket(f"Projector {number}") for number in range(5)]
    confirmed = {}
    for ticket in (tickets[4], tickets[1], tickets[0], tickets[3], tickets[2]):
        confirmed[ticket.id] = confirm(ticket, Category.ACCOUNT)
        process.answer()
    confirmed[tickets[0].id] = confirm(tickets[0], Category.BILLING)
    expected = taught(*(confirmed[ticket.id] for ticket in tickets[2:]))
    assert process.answer() == Process().loaded().answer() == expected
    assert len(process.memory) == 3


def test_many_decisions_at_once_are_learned_over_several_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process().loaded()
    confirmed = [confirm(new_ticket(f"Projector {number}"), Category.ACCOUNT) for number in range(4)]
    monkeypatch.setattr(memory_module, "PATIENCE", 0)
    sizes = []
    for _ in confirmed:
        process.answer()
        sizes.append(len(process.memory))
    assert sizes == [1, 2, 3, 4]
    assert process.answer() == taught(*confirmed)


def test_until_the_memory_is_loaded_the_engine_answers_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "PATIENCE", 0)
    known = confirm(new_ticket(), Category.ACCOUNT)
    may_read = threading.Event()
    engine, process = db.engine, Process()

    def slow() -> sa.Engine:
        may_read.wait()
        return engine

    process.memory = Memory(process.engine, slow)
    assert process.answer() == process.answer() == taught()
    may_read.set()
    assert process.loaded().answer() == taught(known)


def test_without_its_database_the_engine_answers_with_what_it_has() -> None:
    known = confirm(new_ticket(), Category.ACCOUNT)
    nowhere = sa.create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    where, process = [db.engine], Process()
    process.memory = Memory(process.engine, lambda: where[-1])
    process.loaded()
    where.append(nowhere)
    later = confirm(new_ticket("Another projector"), Category.BILLING)
    assert process.answer() == taught(known)
    where.pop()
    assert process.answer() == taught(known, later)


def test_a_memory_that_could_not_be_loaded_is_loaded_later() -> None:
    known = confirm(new_ticket(), Category.ACCOUNT)
    where, process = [sa.create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")], Process()
    process.memory = Memory(process.engine, lambda: where[-1])
    assert process.loaded().answer() == taught()
    where.append(db.engine)
    assert process.loaded().answer() == taught(known)


STEPS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from([Category.ACCOUNT, Category.BILLING, Category.TECHNICAL]),
        st.sampled_from([None, Priority.LOW, Priority.CRITICAL]),
        st.booleans(),
        st.booleans(),
    ),
    max_size=8,
)


@hypothesis_settings(max_examples=8)
@given(STEPS)
def test_whoever_looks_when_all_know_the_same_in_the_end(
    steps: list[tuple[int, Category, Priority | None, bool, bool]],
) -> None:
    db.session.execute(sa.text("TRUNCATE ticket CASCADE"))
    db.session.commit()
    processes = Process().loaded(), Process().loaded()
    tickets = [new_ticket(f"Projector {number}") for number in range(4)]
    for number, category, priority, *looking in steps:
        if tickets[number].category != category:
            confirm(tickets[number], category, priority)
        for process, looks in zip(processes, looking, strict=True):
            if looks:
                process.memory.refresh()
    first, second = processes
    assert first.answer() == second.answer() == Process().loaded().answer()


@pytest.fixture
def apps(desk: Flask) -> Iterator[list[Flask]]:
    """Two processes of one desk."""
    url = db.engine.url.render_as_string(hide_password=False)
    with opened(create_app(settings_for(url))) as one, opened(create_app(settings_for(url))) as other:
        yield [one, other]


def test_confirmed_through_one_processes_door_known_at_the_others(apps: list[Flask]) -> None:
    one, other = (app.test_client() for app in apps)
    for app in apps:
        suggester: Suggester = app.extensions["suggester"]
        suggester.warm()
        assert suggester.memory is not None
        suggester.memory.warm().join()
    headers = {"Authorization": f"Bearer {make_token()}"}
    question = {"description": "The wobbulator in the lab is singing again"}

    def answers() -> list[object]:
        found = [client.post("/api/tickets/classify/", json=question).json for client in (one, other)]
        return [{name: value for name, value in (answer or {}).items() if name != "took_ms"} for answer in found]

    before = answers()
    assert before[0] == before[1]
    for number in range(8):
        created = one.post("/api/tickets/", json={"title": "Lab", "description": f"Wobbulator {number} is singing"})
        assert created.json is not None
        decision = {"category": "account", "priority": "low", "status": Status.RESOLVED}
        assert one.patch(f"/api/tickets/{created.json['id']}/", json=decision, headers=headers).status_code == 200
    after = answers()
    assert after[0] == after[1] != before[0]
    assert after[0]["guesses"][0]["category"] == "account"  # type: ignore[index]
