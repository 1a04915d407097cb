"""Merging: one conversation of two tickets, which nobody else gets to see, and back again."""

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.factories import make_ticket
from tests.tickets.standing import standing
from ticketdesk.core.actors import CUSTOMER, Actor, ActorKind
from ticketdesk.core.errors import Conflict, NotFound
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.models import Channel, Event, EventKind, Ticket
from ticketdesk.models.ticket import TAGS_MAX
from ticketdesk.tickets import conversation, merging, queries, service, thread, trash
from ticketdesk.tickets.filter import Filter
from ticketdesk.tickets.tags import set_tags

GRACE = Actor(ActorKind.STAFF, 1, "Grace Hopper")


@pytest.fixture
def pair(app: Flask) -> tuple[Ticket, Ticket]:
    """Two tickets of one requester, both talked about in turns."""
    survivor, other = make_ticket("Invoice is wrong"), make_ticket("Wrong amount", "It says zebra and not lion.")
    for ticket, body in ((survivor, "first"), (other, "second"), (survivor, "third"), (other, "fourth")):
        conversation.add_reply(ticket, body, GRACE, Channel.STAFF)
    db.session.commit()
    # What is said and opened one after the other in a test happens at one moment.
    for table, ago in (("ticket", "1 day"), ("message", "1 hour")):
        place = f"id - (SELECT min(id) FROM {table})"
        moment = f"now() - interval '{ago}' + ({place}) * interval '1 second'"
        db.session.execute(sa.text(f"UPDATE {table} SET created_at = {moment}"))
    db.session.expire_all()
    return survivor, other


def said(ticket: Ticket) -> list[str]:
    return [post.body for post in thread.public_thread(ticket).posts]


def found(word: str) -> list[int]:
    return [row.id for row in queries.page(Filter(search=word)).rows]


def test_both_become_one_conversation_in_the_order_of_time(pair: tuple[Ticket, Ticket]) -> None:
    survivor, other = pair
    merging.merge(survivor.id, [other.id], GRACE)
    assert said(survivor) == [survivor.description, other.description, "first", "second", "third", "fourth"]
    merged = thread.public_thread(survivor).posts[1]
    assert (merged.merged, merged.title) == (other.reference, "Wrong amount")
    assert not db.session.get_one(Ticket, other.id).present
    assert found("zebra") == found("amount") == found("fourth") == [survivor.id]
    assert found(other.reference) == [survivor.id]
    assert queries.by_link(other.link_id.hex).id == survivor.id


def test_a_page_shows_a_merged_description_where_it_belongs(pair: tuple[Ticket, Ticket]) -> None:
    survivor, other = pair
    late = make_ticket(description="A late one")
    merging.merge(survivor.id, [other.id, late.id], GRACE)
    last = thread.public_thread(survivor, limit=2)
    assert [post.body for post in last.posts] == ["third", "fourth", "A late one"]
    assert last.last_message_id == last.posts[1].id
    first = thread.public_thread(survivor, before=last.earlier, limit=2)
    assert [post.body for post in first.posts] == [survivor.description, other.description, "first", "second"]


def test_taken_apart_both_are_as_before_and_what_came_since_stays(pair: tuple[Ticket, Ticket]) -> None:
    survivor, other = pair
    set_tags(survivor, ["vip"], GRACE)
    set_tags(other, ["refund", "vip"], GRACE)
    before = standing()
    merging.merge(survivor.id, [other.id], GRACE)
    assert survivor.tags == ["refund", "vip"]
    conversation.add_reply(survivor, "And a giraffe", CUSTOMER, Channel.PORTAL)
    merging.unmerge(other.id, GRACE)
    assert said(survivor) == [survivor.description, "first", "third", "And a giraffe"]
    assert said(other) == [other.description, "second", "fourth"]
    assert (survivor.tags, other.tags) == (["vip"], ["refund", "vip"])
    assert found("giraffe") == [survivor.id]
    assert found("zebra") == [other.id]
    db.session.execute(sa.text("DELETE FROM message WHERE body = 'And a giraffe'"))
    db.session.execute(
        sa.text("UPDATE ticket SET search_vector = ticket_words(id, title, description) WHERE id = :id"),
        {"id": survivor.id},
    )
    assert standing() == before


def test_what_was_merged_by_way_of_another_comes_back_with_all_of_its_own(pair: tuple[Ticket, Ticket]) -> None:
    survivor, other = pair
    third = make_ticket("A third")
    before = standing()
    merging.merge(other.id, [third.id], GRACE)
    middle = standing()
    merging.merge(survivor.id, [other.id], GRACE)
    assert queries.by_link(third.link_id.hex).id == survivor.id
    merging.unmerge(other.id, GRACE)
    assert standing() == middle
    merging.merge(survivor.id, [other.id], GRACE)
    merging.unmerge(third.id, GRACE)
    merging.unmerge(other.id, GRACE)
    assert standing() == before


def test_a_title_changed_while_merged_loses_no_words(pair: tuple[Ticket, Ticket]) -> None:
    survivor, other = pair
    merging.merge(survivor.id, [other.id], GRACE)
    service.change_title(service.locked(survivor.id), "Elephants", GRACE)
    db.session.flush()
    assert found("elephants") == found("zebra") == found("third") == [survivor.id]


def test_both_histories_tell_of_it_and_nobody_is_mailed(pair: tuple[Ticket, Ticket]) -> None:
    survivor, other = pair
    set_tags(other, ["refund"], GRACE)
    mails = db.session.scalar(sa.text("SELECT count(*) FROM outgoing_mail"))
    merging.merge(survivor.id, [other.id], GRACE)
    merging.unmerge(other.id, GRACE)
    told = db.session.execute(
        sa.select(Event.ticket_id, Event.kind, Event.data)
        .where(Event.kind.in_([EventKind.MERGED, EventKind.UNMERGED]))
        .order_by(Event.id)
    ).all()
    assert [tuple(row) for row in told] == [
        (survivor.id, EventKind.MERGED, {"tickets": [other.id], "tags": ["refund"]}),
        (other.id, EventKind.MERGED, {"survivor": survivor.id, "tags": ["refund"]}),
        (survivor.id, EventKind.UNMERGED, {"tickets": [other.id], "tags": ["refund"]}),
        (other.id, EventKind.UNMERGED, {"survivor": survivor.id}),
    ]
    assert db.session.scalar(sa.text("SELECT count(*) FROM outgoing_mail")) == mails


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"requester_email": "eve@example.com"}),
        ({}, {"requester_email": None}),
        ({"requester_email": None}, {"requester_email": None}),
    ],
)
def test_tickets_of_different_people_are_not_merged(app: Flask, one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = make_ticket(**one), make_ticket(**other)
    with pytest.raises(Conflict, match=r"different addresses|no e-mail address"):
        merging.merge(first.id, [second.id], GRACE)
    assert db.session.get_one(Ticket, second.id).present


def test_case_does_not_make_an_address_another_one(app: Flask) -> None:
    first, second = make_ticket(requester_email="Ada@example.com"), make_ticket(requester_email="ada@example.com")
    merging.merge(first.id, [second.id], GRACE)
    assert queries.by_link(second.link_id.hex).id == first.id


def test_an_open_ticket_does_not_vanish_in_one_that_is_done(pair: tuple[Ticket, Ticket]) -> None:
    survivor, other = pair
    service.change_status(survivor, Status.RESOLVED, GRACE)
    with pytest.raises(Conflict, match="reopen it first"):
        merging.merge(survivor.id, [other.id], GRACE)
    merging.merge(other.id, [survivor.id], GRACE)


def test_what_is_not_there_is_not_merged(pair: tuple[Ticket, Ticket]) -> None:
    survivor, other = pair
    with pytest.raises(Conflict, match="itself"):
        merging.merge(survivor.id, [survivor.id], GRACE)
    with pytest.raises(NotFound):
        merging.merge(survivor.id, [other.id, 2**40], GRACE)
    with pytest.raises(Conflict, match="at once"):
        merging.merge(survivor.id, [make_ticket().id for _ in range(merging.MERGED_MOST + 1)], GRACE)
    with pytest.raises(Conflict, match="not merged"):
        merging.unmerge(other.id, GRACE)
    with pytest.raises(NotFound):
        merging.unmerge(2**70, GRACE)
    trash.trash([other.id], GRACE)
    with pytest.raises(NotFound):
        merging.merge(survivor.id, [other.id], GRACE)


def test_a_ticket_comes_back_out_of_one_in_the_trash(pair: tuple[Ticket, Ticket]) -> None:
    survivor, other = pair
    merging.merge(survivor.id, [other.id], GRACE)
    trash.trash([survivor.id], GRACE)
    assert merging.unmerge(other.id, GRACE).present
    assert said(other) == [other.description, "second", "fourth"]


def test_tags_that_do_not_fit_are_left_behind(pair: tuple[Ticket, Ticket]) -> None:
    survivor, other = pair
    set_tags(survivor, [f"tag{number}" for number in range(TAGS_MAX - 1)], GRACE)
    set_tags(other, ["refund", "vip"], GRACE)
    before = standing()
    merging.merge(survivor.id, [other.id], GRACE)
    assert len(survivor.tags) == TAGS_MAX
    merging.unmerge(other.id, GRACE)
    assert standing() == before
