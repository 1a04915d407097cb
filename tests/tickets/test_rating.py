"""Rating the help one got: who may, when, and what the desk makes of it."""

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import make_ticket
from ticketdesk.core.actors import CUSTOMER, SYSTEM, Actor, ActorKind
from ticketdesk.core.errors import Conflict, Forbidden, Invalid
from ticketdesk.core.vocabulary import Rating, Status
from ticketdesk.extensions import db
from ticketdesk.models import EventKind, Ticket
from ticketdesk.models.ticket import COMMENT_MAX
from ticketdesk.tickets import queries, rating, service
from ticketdesk.tickets.rating import rate, satisfaction

GRACE = Actor(ActorKind.STAFF, 7, "Grace Hopper")


def resolved() -> Ticket:
    """A locked ticket that the desk has resolved."""
    ticket = service.locked(make_ticket().id)
    service.change_status(ticket, Status.RESOLVED, GRACE)
    return ticket


def ratings(ticket: Ticket) -> list[dict[str, object]]:
    """What the events say of its ratings."""
    return [event.data for event in queries.events_of(ticket) if event.kind == EventKind.RATED]


def test_a_rating_is_kept_and_told_without_its_words(app: Flask) -> None:
    ticket = resolved()
    assert rate(ticket, Rating.BAD, CUSTOMER, "  Too\r\nslow ")
    assert (ticket.rating, ticket.rating_comment) == ("bad", "Too\nslow")
    assert ticket.rated_at is not None
    assert ratings(ticket) == [{"from": None, "to": "bad", "commented": True}]


def test_a_changed_mind_keeps_the_comment_unless_it_is_taken_away(app: Flask) -> None:
    ticket = resolved()
    rate(ticket, Rating.BAD, CUSTOMER, "Too slow")
    assert rate(ticket, Rating.GOOD, CUSTOMER)
    assert (ticket.rating, ticket.rating_comment) == ("good", "Too slow")
    assert rate(ticket, Rating.GOOD, CUSTOMER, "")
    assert ticket.rating_comment is None
    assert not rate(ticket, Rating.GOOD, CUSTOMER)
    assert [data["to"] for data in ratings(ticket)] == ["bad", "good", "good"]


def test_it_outlives_a_reopening_and_is_asked_for_again(app: Flask) -> None:
    ticket = resolved()
    rate(ticket, Rating.BAD, CUSTOMER, "It came back.")
    service.change_status(ticket, Status.OPEN, CUSTOMER)
    assert ticket.rating == "bad"
    with pytest.raises(Conflict):
        rate(ticket, Rating.GOOD, CUSTOMER)
    # In a transaction of its own, this would be later.
    db.session.execute(sa.text("UPDATE ticket SET rated_at = rated_at - interval '1 hour'"))
    service.change_status(ticket, Status.RESOLVED, GRACE)
    db.session.refresh(ticket)
    assert not rating.is_about_now(ticket)
    assert rate(ticket, Rating.BAD, CUSTOMER), "The same word about another solution is something new."
    db.session.refresh(ticket)
    assert rating.is_about_now(ticket)


@pytest.mark.parametrize("actor", [GRACE, Actor(ActorKind.TOKEN, 1, "Shop"), SYSTEM])
def test_nobody_else_rates(app: Flask, actor: Actor) -> None:
    with pytest.raises(Forbidden):
        rate(resolved(), Rating.GOOD, actor)


@pytest.mark.parametrize("status", [Status.OPEN, Status.IN_PROGRESS])
def test_only_what_is_done_is_rated(app: Flask, status: Status) -> None:
    ticket = service.locked(make_ticket().id)
    service.change_status(ticket, status, GRACE)
    with pytest.raises(Conflict):
        rate(ticket, Rating.GOOD, CUSTOMER)


@pytest.mark.parametrize("comment", ["x" * (COMMENT_MAX + 1), "a\x00b"])
def test_a_comment_that_cannot_be_kept_is_refused(app: Flask, comment: str) -> None:
    ticket = resolved()
    with pytest.raises(Invalid) as caught:
        rate(ticket, Rating.GOOD, CUSTOMER, comment)
    assert [fault.field for fault in caught.value.faults] == ["comment"]
    assert ticket.rating is None


def test_satisfaction_is_the_share_of_good_ones_of_late(
    app: Flask, agent: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert satisfaction().percent == 0
    assert "Satisfaction" not in agent.get("/staff/").text
    old, *new = [resolved() for _ in range(4)]
    for ticket, word in zip([old, *new], [Rating.BAD, Rating.GOOD, Rating.GOOD, Rating.BAD], strict=True):
        rate(ticket, word, CUSTOMER)
    db.session.flush()
    age = sa.text("UPDATE ticket SET rated_at = rated_at - make_interval(days => :days) WHERE id = :id")
    db.session.execute(age, {"id": old.id, "days": 31})
    found = satisfaction()
    assert (found.good, found.ratings, found.percent, found.capped) == (2, 3, 66, False)
    db.session.commit()
    text = " ".join(agent.get("/staff/").text.split())
    assert '<strong class="number">66 %</strong> <span class="muted small">of 3 ratings, 30 days' in text
    for number, ticket in enumerate(new):
        db.session.execute(age, {"id": ticket.id, "days": 2 - number})
    monkeypatch.setattr(rating, "COUNTED_MOST", 2)
    found = satisfaction()
    assert (found.good, found.ratings) == (1, 2), "The newest count."


def test_staff_see_it_on_the_ticket_and_in_its_history(agent: FlaskClient) -> None:
    ticket = resolved()
    rate(ticket, Rating.BAD, CUSTOMER, "Took <b>ages</b>")
    db.session.commit()
    text = " ".join(agent.get(f"/staff/tickets/{ticket.id}").text.split())
    assert '<dt>Rating</dt><dd><span class="badge dot rating-bad">Could be better</span>' in text
    assert "Took &lt;b&gt;ages&lt;/b&gt;" in text
    assert 'rated the help <span class="badge dot rating-bad">Could be better</span>, with a comment' in text


def test_programs_see_it(client: FlaskClient, reader: dict[str, str]) -> None:
    ticket = resolved()
    path = f"/api/tickets/{ticket.id}/"
    db.session.commit()
    before = client.get(path, headers=reader)
    assert '"rating":null' in before.text
    rate(service.locked(ticket.id), Rating.GOOD, CUSTOMER, "Quick")
    db.session.commit()
    for address in (path, "/api/tickets/"):
        assert '"rating":{"score":"good","comment":"Quick","rated_at":"20' in client.get(address, headers=reader).text
    assert client.get(path, headers=reader).headers["ETag"] != before.headers["ETag"]
