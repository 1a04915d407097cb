"""The parts of pages that refresh themselves: a 304 where drawing them again would bring nothing new."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from tests.attachments.forms import form_with
from tests.attachments.samples import picture
from tests.conftest import csrf_header
from tests.factories import make_staff, make_ticket
from tests.jobs.drain import run_jobs
from tests.staff.conftest import me
from ticketdesk import live
from ticketdesk.accounts import service as accounts
from ticketdesk.ai import record
from ticketdesk.ai.suggest import current_suggester
from ticketdesk.core import clock
from ticketdesk.core.actors import CUSTOMER, Actor, ActorKind
from ticketdesk.core.vocabulary import Category, Priority, Rating, Status
from ticketdesk.extensions import db
from ticketdesk.models import Channel, Occasion, Role, Staff, Ticket
from ticketdesk.tickets import acts, conversation, merging, saved_views, service, snooze, trash, undo
from ticketdesk.tickets.filter import Filter
from ticketdesk.tickets.presence import note_presence
from ticketdesk.tickets.rating import rate
from ticketdesk.tickets.saved_views import View
from ticketdesk.tickets.service import Changes


@dataclass(frozen=True, slots=True)
class Desk:
    """Somebody who looks, two tickets, a colleague who does things, and a shared view."""

    agent: FlaskClient
    one: int
    two: int
    grace: Staff
    view: View

    @property
    def actor(self) -> Actor:
        return Actor(ActorKind.STAFF, self.grace.id, self.grace.name)

    def ticket(self) -> Ticket:
        return service.locked(self.one)

    def change(self, **changes: object) -> None:
        service.change(self.ticket(), Changes(**changes), self.actor)  # type: ignore[arg-type]

    def attach(self) -> None:
        form = form_with((picture("PNG"), "screen.png"), kind="note")
        path = f"/api/tickets/{self.one}/attachments/"
        assert self.agent.post(path, headers=csrf_header(self.agent), **form).status_code == 201

    def parts(self) -> tuple[str, ...]:
        return (
            f"/staff/tickets/{self.one}/live",
            "/staff/queue/rows?sort=-updated_at",
            "/staff/figures",
            "/staff/views/side",
        )


@pytest.fixture
def desk(app: Flask, agent: FlaskClient) -> Desk:
    tickets = [make_ticket(title, category=None) for title in ("Alpha", "Beta")]
    grace = make_staff(Role.ADMIN)
    view = saved_views.save_view("Urgent", Filter(priority=frozenset({Priority.HIGH})), me(app, agent), shared=True)
    db.session.commit()
    return Desk(agent, tickets[0].id, tickets[1].id, grace, view)


def rename(desk: Desk) -> None:
    desk.grace.name = "Grace Brewster"


def delete_view(desk: Desk) -> None:
    saved_views.delete_view(desk.view, desk.grace)


def undo_last(desk: Desk) -> None:
    service.change_many([desk.one], Changes(status=Status.CLOSED), desk.actor)
    db.session.commit()
    undo.undo(acts.undoable_on(desk.one)[0].id, desk.actor)


def leave(desk: Desk) -> None:
    db.session.execute(sa.text("UPDATE presence SET seen_at = now() - interval '1 minute'"))


def work(desk: Desk) -> None:
    run_jobs()


# What is done, and before that what has to be done for it.
DONE: dict[str, tuple[Callable[[Desk], object], ...]] = {
    "nothing": (lambda desk: None,),
    "created": (lambda desk: make_ticket("Gamma"),),
    "title": (lambda desk: desk.change(title="Another"),),
    "status": (lambda desk: desk.change(status=Status.RESOLVED),),
    "category": (lambda desk: desk.change(category=Category.BILLING),),
    "the same category": (lambda desk: desk.change(category=Category.GENERAL),),
    "priority": (lambda desk: desk.change(priority=Priority.LOW),),
    "assignee": (lambda desk: desk.change(assignee=desk.grace),),
    "tags": (lambda desk: desk.change(tags=("vip",)),),
    "many": (lambda desk: service.change_many([desk.one, desk.two], Changes(status=Status.CLOSED), desk.actor),),
    "undone": (undo_last,),
    "reply": (lambda desk: conversation.add_reply(desk.ticket(), "Soon.", desk.actor, Channel.STAFF),),
    "note": (lambda desk: conversation.add_note(desk.ticket(), "Hm.", desk.actor, Channel.STAFF),),
    "customer": (lambda desk: conversation.add_reply(desk.ticket(), "News?", CUSTOMER, Channel.PORTAL),),
    "file": (Desk.attach,),
    "thumbnail": (work, work, Desk.attach),
    "asleep": (lambda desk: snooze.snooze(desk.ticket(), clock.now() + timedelta(days=1), desk.actor),),
    "awake": (
        lambda desk: snooze.wake(desk.ticket(), desk.actor),
        lambda desk: snooze.snooze(desk.ticket(), clock.now() + timedelta(days=1), desk.actor),
    ),
    "rated": (
        lambda desk: rate(desk.ticket(), Rating.GOOD, CUSTOMER, "Thanks"),
        lambda desk: desk.change(status=Status.RESOLVED),
    ),
    "merged": (lambda desk: merging.merge(desk.one, [desk.two], desk.actor),),
    "unmerged": (
        lambda desk: merging.unmerge(desk.two, desk.actor),
        lambda desk: merging.merge(desk.one, [desk.two], desk.actor),
    ),
    "another deleted": (lambda desk: trash.trash([desk.two], desk.actor),),
    "restored": (
        lambda desk: trash.restore([desk.two], desk.actor),
        lambda desk: trash.trash([desk.two], desk.actor),
    ),
    "suggested": (
        lambda desk: record.record(
            current_suggester().suggest("Refund", "I want my money back.", requester_name=None),
            Occasion.API,
            desk.ticket(),
        ),
    ),
    "somebody comes": (lambda desk: note_presence(desk.one, desk.grace),),
    "somebody types": (
        lambda desk: note_presence(desk.one, desk.grace, typing=True),
        lambda desk: note_presence(desk.one, desk.grace),
    ),
    "somebody leaves": (leave, lambda desk: note_presence(desk.one, desk.grace)),
    "renamed": (rename, lambda desk: desk.change(assignee=desk.grace)),
    "switched off": (
        lambda desk: accounts.change_staff(
            desk.grace, email=desk.grace.email, name="Grace", role=Role.AGENT, active=False, by=make_staff(Role.ADMIN)
        ),
    ),
    "view saved": (lambda desk: saved_views.save_view("All", Filter(), desk.grace, shared=True),),
    "view renamed": (lambda desk: saved_views.change_view(desk.view, desk.grace, name="Hot"),),
    "view deleted": (delete_view,),
    "view moved": (
        lambda desk: saved_views.move_view(desk.view, desk.grace, up=False),
        lambda desk: saved_views.save_view("All", Filter(), desk.grace, shared=True),
    ),
}
UNSEEN = {"nothing"}


@pytest.mark.parametrize("act", DONE)
def test_a_304_is_said_where_the_part_would_be_the_same(desk: Desk, client: FlaskClient, act: str) -> None:
    done, *before = DONE[act]
    customers = f"/t/{desk.ticket().link_id.hex}/progress"
    looking = dict.fromkeys(desk.parts(), desk.agent) | {customers: client}
    for step in (*before, done):
        known = {path: who.get(path) for path, who in looking.items()}
        step(desk)
        db.session.commit()
    changed = 0
    for path, first in known.items():
        assert first.status_code == 200
        again = looking[path].get(path, headers={"If-None-Match": first.headers["ETag"]})
        fresh = looking[path].get(path)
        changed += fresh.text != first.text
        if again.status_code == 304:
            assert fresh.text == first.text
            assert again.text == ""
            assert again.headers["ETag"] == first.headers["ETag"]
        else:
            assert again.text == fresh.text
            # A customer does not even learn that the desk did something among itself.
            assert path != customers or fresh.text != first.text
    assert (changed == 0) is (act in UNSEEN)


def test_nothing_is_drawn_for_a_304(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {path: desk.agent.get(path).headers["ETag"] for path in desk.parts()}
    monkeypatch.setattr("flask_admin.base.BaseView.render", lambda *_, **__: pytest.fail("This was drawn."))
    for path, tag in known.items():
        assert desk.agent.get(path, headers={"If-None-Match": tag}).status_code == 304
        assert desk.agent.get(path, headers={"If-None-Match": f"W/{tag}"}).status_code == 304


def test_whoever_looks_is_here_all_the_while(desk: Desk) -> None:
    path, _, _, _ = desk.parts()
    for query, typing in (("", False), ("?writing=1", True)):
        tag = desk.agent.get(path + query).headers["ETag"]
        db.session.execute(sa.text("DELETE FROM presence"))
        assert desk.agent.get(path + query, headers={"If-None-Match": tag}).status_code == 304
        assert db.session.scalars(sa.text("SELECT typing FROM presence")).all() == [typing]


def test_times_are_told_anew_each_minute(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {path: desk.agent.get(path).headers["ETag"] for path in desk.parts()}
    monkeypatch.setattr(live, "minute", lambda: 2)
    for path, tag in known.items():
        assert desk.agent.get(path, headers={"If-None-Match": tag}).status_code == 200


def test_what_one_has_is_no_answer_to_another(app: Flask, desk: Desk, admin: FlaskClient) -> None:
    for path in desk.parts():
        tag = desk.agent.get(path).headers["ETag"]
        assert admin.get(path, headers={"If-None-Match": tag}).status_code == 200
        desk.agent.set_cookie("ticketdesk_zone", "Europe/Berlin")
        assert desk.agent.get(path, headers={"If-None-Match": tag}).status_code == 200
        desk.agent.delete_cookie("ticketdesk_zone")
