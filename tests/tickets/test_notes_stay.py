"""A note never leaves the desk, whatever is done in whatever order.

A machine does random things through verbs and doors, with a canary in everything
that is for the desk alone. After each step it looks for the canary wherever
something could get out: on all that anybody can fetch, in what engines are
asked, and in every table but those that are known to hold notes. A new route or
a new table is looked at without being named here.
"""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from functools import cached_property

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from werkzeug.routing import Rule

from tests.attachments.forms import form_with
from tests.conftest import csrf_header, rolled_back
from tests.factories import make_staff, make_ticket, make_token
from tests.jobs.drain import run_jobs
from tests.portal.pages import filled_form, link_in
from ticketdesk.accounts import customers
from ticketdesk.ai.contract import Verdict
from ticketdesk.ai.suggest import Suggester
from ticketdesk.core import clock
from ticketdesk.core.actors import CUSTOMER, Actor, ActorKind
from ticketdesk.core.errors import Conflict, NotFound
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.mail import subscriptions
from ticketdesk.models import Attachment, Channel, MessageKind, Scope, Staff, Ticket
from ticketdesk.portal.mine import COOKIE
from ticketdesk.tickets import acts, canned, conversation, merging, queries, service, snooze, thread, trash, undo
from ticketdesk.tickets.drafts import save_draft
from ticketdesk.tickets.service import Changes, Clear

CANARY = "Kanarienvogel"
# The tables that hold notes: themselves, what is being written, and the answers to programs that wrote one. A ticket
# holds a note's words in what staff search, and nowhere else.
HOLD_NOTES = {"message", "draft", "idempotency_key", "attachment"}
BUT_FOR = {"ticket": "search_vector"}

TICKETS_MOST = 3
ADDRESSES = ("ada@example.com", "eve@example.com")


class Desk(RuleBasedStateMachine):
    """A desk, its staff and its customers; a subclass says which ``app``."""

    app: Flask

    def __init__(self) -> None:
        super().__init__()
        self.open = ExitStack()
        self.open.enter_context(rolled_back(self.app))
        self.asked: list[str] = []
        self.open.callback(self.app.extensions.__setitem__, "suggester", self.app.extensions["suggester"])
        self.app.extensions["suggester"] = Suggester(Overheard(self.asked), timeout=4)
        self.anybody = self.app.test_client()
        self.ids: list[int] = []
        self.keys = 0

    def teardown(self) -> None:
        with self.open:
            self.look_at(route for route in self.public_routes() if not route.arguments)

    @initialize()
    def people(self) -> None:
        self.staff: Staff = make_staff()
        self.grace = Actor(ActorKind.STAFF, self.staff.id, self.staff.name)
        self.program = {"Authorization": f"Bearer {make_token(Scope.WRITE)}"}
        self.ids.append(make_ticket(category=None, priority=None).id)
        ada = ADDRESSES[0]
        self.secrets = {
            "portal.mine.arrive": customers.make_link_key(ada),
            "portal.subscription.show": subscriptions.unsubscribe_url(ada).rpartition("/")[2],
        }
        self.anybody.set_cookie(COOKIE, customers.sign_in(customers.make_link_key(ada)), path="/my")
        db.session.commit()

    def ticket(self, pick: int) -> Ticket:
        """One that is neither merged nor in the trash, of which the machine always has one."""
        here = sa.select(Ticket.id).where(Ticket.id.in_(self.ids), Ticket.present).order_by(Ticket.id)
        if not (ids := db.session.scalars(here).all()):
            trash.restore(self.ids, self.grace)
            ids = db.session.scalars(here).all()
        return service.locked(ids[pick % len(ids)])

    # What anybody does.

    @rule()
    def open_by_form(self) -> None:
        if len(self.ids) < TICKETS_MOST:
            answer = self.anybody.post("/", data=filled_form(self.anybody, category="", priority=""))
            self.ids.append(queries.by_link(link_in(answer)).id)

    @rule(address=st.sampled_from(ADDRESSES))
    def open_by_program(self, address: str) -> None:
        if len(self.ids) < TICKETS_MOST:
            new = {"title": "The printer", "description": f"It is on fire, says {address}.", "requester_email": address}
            answer = self.anybody.post("/api/tickets/", json=new)
            assert answer.json is not None
            check_clean(answer.text, "the answer to a new ticket")
            self.ids.append(answer.json["id"])

    @rule(pick=st.integers(0, 2), status=st.sampled_from([None, *Status]))
    def customer_replies(self, pick: int, status: Status | None) -> None:
        conversation.add_reply(self.ticket(pick), "Any news?", CUSTOMER, Channel.PORTAL, status=status)
        db.session.commit()

    @rule(pick=st.integers(0, 2))
    def customer_replies_late(self, pick: int) -> None:
        try:
            conversation.add_reply(self.ticket(pick), "Hello?", CUSTOMER, Channel.PORTAL, expected_last_message_id=0)
        except conversation.AnsweredMeanwhile as error:
            check_clean("".join(post.body for post in error.posts), "what stops a customer's reply")
        db.session.commit()

    @rule(pick=st.integers(0, 2), body=st.sampled_from(["", "Any news?"]))
    def customer_writes_on_the_page(self, pick: int, body: str) -> None:
        self.send("", pick, body=body)

    @rule(pick=st.integers(0, 2), rating=st.sampled_from(["good", "bad", "lost"]), comment=st.sampled_from(["", "Hm"]))
    def customer_rates(self, pick: int, rating: str, comment: str) -> None:
        self.send("/rating", pick, rating=rating, comment=comment)

    @rule(pick=st.integers(0, 2), status=st.sampled_from(["open", "closed", "lost"]))
    def customer_closes_or_reopens(self, pick: int, status: str) -> None:
        self.send("/status", pick, status=status)

    def send(self, part: str, pick: int, **fields: str) -> None:
        ticket = self.ticket(pick)
        db.session.commit()
        path, token = f"/t/{ticket.link_id.hex}{part}", csrf_header(self.anybody)
        answer = self.anybody.post(path, data=fields, headers=token, follow_redirects=True)
        assert answer.status_code in {200, 400}
        check_clean(answer.text + str(answer.headers), f"the answer to a form sent to {part or 'the page'}")

    # What the desk does.

    @rule(pick=st.integers(0, 2), door=st.sampled_from(["verb", "api", "session"]), kind=st.sampled_from(MessageKind))
    def attach(self, pick: int, door: str, kind: MessageKind) -> None:
        """Notes have files too; those of replies are for the customer."""
        secret = CANARY if kind is MessageKind.NOTE else "Harmless"
        ticket_id = self.ticket(pick).id
        db.session.commit()
        client, headers = (self.anybody, self.program) if door == "api" else self.signed_in()
        form = form_with((f"See the {secret}".encode(), f"{secret}.txt"), kind=kind)
        answer = client.post(f"/api/tickets/{ticket_id}/attachments/", headers=headers, **form)
        assert answer.status_code == 201

    @rule(pick=st.integers(0, 2), door=st.sampled_from(["verb", "api", "session"]))
    def note(self, pick: int, door: str) -> None:
        ticket = self.ticket(pick)
        if door == "verb":
            conversation.add_note(ticket, f"Beware: **{CANARY}**", self.grace, Channel.STAFF)
            db.session.commit()
            return
        db.session.commit()
        self.keys += 1
        key = {"Idempotency-Key": str(self.keys)}
        path, note = f"/api/tickets/{ticket.id}/messages/", {"kind": "note", "body": f"Ask the {CANARY} first."}
        client, headers = (self.anybody, self.program) if door == "api" else self.signed_in()
        assert client.post(path, json=note, headers=headers | key).status_code == 201
        refused = self.anybody.post(path, json=note, headers=key)
        assert refused.status_code == 401
        check_clean(refused.text, "the answer to somebody who repeats a note")

    def signed_in(self) -> tuple[FlaskClient, dict[str, str]]:
        client = self.app.test_client()
        with client.session_transaction() as session:
            session["_user_id"] = self.staff.get_id()
        return client, csrf_header(client)

    @rule(pick=st.integers(0, 2), kind=st.sampled_from(MessageKind))
    def draft(self, pick: int, kind: MessageKind) -> None:
        save_draft(self.staff, self.ticket(pick), kind, f"Not said yet: {CANARY}")
        db.session.commit()

    @rule(pick=st.integers(0, 2), status=st.sampled_from([None, *Status]))
    def reply(self, pick: int, status: Status | None) -> None:
        conversation.add_reply(self.ticket(pick), "Soon.", self.grace, Channel.STAFF, status=status)
        db.session.commit()

    @rule(
        pick=st.integers(0, 2),
        status=st.sampled_from([None, *Status]),
        category=st.sampled_from([None, *Category]),
        priority=st.sampled_from([None, *Priority]),
        title=st.sampled_from([None, "Another title"]),
        assigned=st.sampled_from([None, True, False]),
        tags=st.sampled_from([None, (), ("vip",), ("vip", "refund")]),
    )
    def change(
        self,
        pick: int,
        status: Status | None,
        category: Category | None,
        priority: Priority | None,
        title: str | None,
        assigned: bool | None,
        tags: tuple[str, ...] | None,
    ) -> None:
        assignee = None if assigned is None else self.staff if assigned else Clear.CLEAR
        changes = Changes(title, category, priority, status, assignee, tags)
        service.change(self.ticket(pick), changes, self.grace)
        db.session.commit()

    @rule(pick=st.integers(0, 2))
    def sleep(self, pick: int) -> None:
        ticket = self.ticket(pick)
        if ticket.status in {Status.OPEN, Status.IN_PROGRESS}:
            snooze.snooze(ticket, clock.now() + timedelta(days=1), self.grace)
        db.session.commit()

    @rule()
    def wake(self) -> None:
        db.session.execute(sa.text("UPDATE ticket SET snoozed_until = snoozed_until - interval '2 days'"))
        snooze.wake_due()
        db.session.commit()

    @rule(pick=st.integers(0, 2))
    def use_macro(self, pick: int) -> None:
        macro = canned.create_canned_reply(
            canned.NewCannedReply("Done", "Dear {{ requester.name }}, done.", status=Status.RESOLVED), self.staff
        )
        canned.send(self.ticket(pick), MessageKind.REPLY, macro.body or "", self.grace, canned.effect_of(macro))
        db.session.commit()

    @rule(pick=st.integers(0, 2), other=st.integers(0, 2))
    def merge(self, pick: int, other: int) -> None:
        ids = [self.ids[place % len(self.ids)] for place in (pick, other)]
        try:
            merging.merge(ids[0], ids[1:], self.grace)
        except (Conflict, NotFound) as error:
            check_clean(str(error), "why tickets cannot be merged")
            db.session.rollback()
        db.session.commit()

    @rule(pick=st.integers(0, 2))
    def unmerge(self, pick: int) -> None:
        try:
            merging.unmerge(self.ids[pick % len(self.ids)], self.grace)
        except Conflict:
            db.session.rollback()
        db.session.commit()

    @rule(pick=st.integers(0, 2), restore=st.booleans())
    def delete_or_restore(self, pick: int, restore: bool) -> None:
        ids = [self.ids[pick % len(self.ids)]]
        _ = trash.restore(ids, self.grace) if restore else trash.trash(ids, self.grace)
        db.session.commit()

    @rule(status=st.sampled_from(Status))
    def change_all(self, status: Status) -> None:
        service.change_many(self.ids, Changes(status=status, tags=["many"]), self.grace)
        db.session.commit()

    @rule(pick=st.integers(0, 2))
    def undo(self, pick: int) -> None:
        for act in acts.undoable_on(self.ids[pick % len(self.ids)])[:1]:
            undo.undo(act.id, self.grace)
        db.session.commit()

    @rule()
    def work_off_jobs(self) -> None:
        run_jobs()

    # Where nobody may find the canary.

    @invariant()
    def it_is_on_no_page_of_a_ticket(self) -> None:
        self.look_at(rule for rule in self.public_routes() if rule.arguments)

    @invariant()
    def it_is_in_no_public_thread(self) -> None:
        for ticket in self.tickets():
            shown = str(thread.public_thread(ticket))
            check_clean(shown, "public_thread")
            assert all(address == ticket.requester_email or f"says {address}" not in shown for address in ADDRESSES)
            check_clean(str([event.data for event in queries.public_events_of(ticket)]), "public_events_of")

    @invariant()
    def it_is_asked_of_no_engine(self) -> None:
        check_clean("".join(self.asked), "what an engine was asked")

    @invariant()
    def it_is_in_no_other_table(self) -> None:
        assert db.session.scalars(self.elsewhere, {"canary": f"%{CANARY}%"}).all() == []
        db.session.rollback()

    @cached_property
    def elsewhere(self) -> sa.TextClause:
        """The statement that names the tables which hold the canary and should not."""
        tables = db.session.scalars(
            sa.text("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        ).all()
        assert HOLD_NOTES | set(BUT_FOR) <= set(tables)
        return sa.text(
            " UNION ALL ".join(
                f"SELECT '{table}' FROM \"{table}\" AS t"
                f" WHERE (to_jsonb(t) - '{BUT_FOR.get(table, '')}')::text ILIKE :canary"
                for table in sorted(set(tables) - HOLD_NOTES)
            )
        )

    def tickets(self) -> Sequence[Ticket]:
        """All of them, wherever they are by now."""
        return db.session.scalars(sa.select(Ticket).where(Ticket.id.in_(self.ids)).order_by(Ticket.id)).all()

    def public_routes(self) -> list[Rule]:
        """Everything of the portal and the API that can be fetched."""
        return [
            route
            for route in self.app.url_map.iter_rules()
            if route.endpoint.startswith(("portal.", "api.")) and "GET" in (route.methods or ())
        ]

    def look_at(self, routes: Iterable[Rule]) -> None:
        """Fetch the routes as anybody, for every ticket there is."""
        known = [{"link": ticket.link_id.hex, "ticket_id": ticket.id} for ticket in self.tickets()]
        files = db.session.scalars(sa.select(Attachment.id)).all()
        with_files = [values | {"attachment_id": file} for values in known for file in files]
        db.session.rollback()
        for route in routes:
            about = with_files if "attachment_id" in route.arguments else known if route.arguments else known[:1]
            for values in about:
                values = values | {"key": self.secrets.get(route.endpoint)}
                address = route.build({name: values[name] for name in route.arguments})
                assert address is not None
                answer = self.anybody.get(address[1], query_string=None if route.arguments else {"search": CANARY})
                assert answer.status_code < 500
                check_clean(answer.text + str(answer.headers), route.rule)


class Overheard:
    """An engine with somebody listening."""

    name = "local"
    model = "overheard"

    def __init__(self, asked: list[str]) -> None:
        self.asked = asked

    def classify(self, text: str, *, timeout: float) -> Verdict:
        self.asked.append(text)
        return Verdict(Category.TECHNICAL, Priority.HIGH, 0.9, 0.9, guesses=())


def check_clean(text: str, where: str) -> None:
    assert CANARY.lower() not in text.lower(), f"{where} tells what was said in a note."


def test_a_note_never_leaves_the_desk(plain_app: Flask) -> None:
    class Here(Desk):
        app = plain_app

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=12, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
