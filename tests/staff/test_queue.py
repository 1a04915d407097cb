"""The queue through its door: filters, order, pages, opening in place and bulk changes."""

import re
from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from tests.conftest import csrf_header
from tests.factories import make_staff, make_ticket
from tests.staff.conftest import Send, listed, me, toasts
from ticketdesk.core import clock
from ticketdesk.core.actors import CUSTOMER, Actor, ActorKind
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.models import Channel, Event, EventKind, Ticket
from ticketdesk.staff import queue
from ticketdesk.tickets.assignment import assign
from ticketdesk.tickets.conversation import add_note, add_reply
from ticketdesk.tickets.filter import Filter
from ticketdesk.tickets.pages import PAGE_SIZE, Sort
from ticketdesk.tickets.service import change_status
from ticketdesk.tickets.tags import set_tags

PROGRAM = Actor(ActorKind.TOKEN, 7, "Shop backend")


def place(ticket: Ticket, **columns: object) -> int:
    """Put values into a ticket's columns without a trace; gives its id."""
    db.session.execute(update(Ticket).where(Ticket.id == ticket.id).values(columns))
    db.session.commit()
    return ticket.id


@pytest.fixture
def three() -> list[int]:
    """Three tickets from the oldest to the newest, each different in every field."""
    hour, now = timedelta(hours=1), clock.now()
    return [
        place(make_ticket("Alpha", category=Category.ACCOUNT, priority=Priority.LOW), created_at=now - 3 * hour),
        place(
            make_ticket("Beta", category=Category.BILLING, priority=Priority.CRITICAL),
            created_at=now - 2 * hour,
            status=Status.RESOLVED,
        ),
        place(
            make_ticket("Gamma", category=Category.TECHNICAL, priority=Priority.HIGH),
            created_at=now - hour,
            status=Status.IN_PROGRESS,
        ),
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", (2, 1, 0)),
        ("sort=created_at", (0, 1, 2)),
        ("sort=-priority", (1, 2, 0)),
        ("sort=priority", (0, 2, 1)),
        ("sort=status", (0, 2, 1)),
        ("sort=-status", (1, 2, 0)),
        ("sort=category", (0, 1, 2)),
        ("sort=-category", (2, 1, 0)),
        ("status=open", (0,)),
        ("status=open&status=in_progress", (2, 0)),
        ("priority=critical&priority=low", (1, 0)),
        ("category=billing&status=open", ()),
        ("search=gam", (2,)),
        ("search=gam&status=open", ()),
        ("search=&status=&priority=&category=", (2, 1, 0)),
        ("triage=yes", ()),
        ("snoozed=only", ()),
        ("snoozed=no", (2, 1, 0)),
        ("requester=ADA@example.com", (2, 1, 0)),
        ("requester=bob@example.com", ()),
        ("created_from=2020-01-01&created_to=2099-12-31", (2, 1, 0)),
        ("created_from=2099-12-31", ()),
        ("created_to=2020-01-01", ()),
        ("created_from=0001-01-01&created_to=9999-12-31", (2, 1, 0)),
        ("snoozed=&triage=&requester=&created_from=&created_to=&tag=", (2, 1, 0)),
    ],
)
def test_filters_and_orders_combine_in_the_address(
    agent: FlaskClient, three: list[int], query: str, expected: tuple[int, ...]
) -> None:
    answer = agent.get(f"/staff/queue/?{query}")
    assert listed(answer) == [three[index] for index in expected]
    assert f"<strong>{len(expected)}</strong>" in answer.text


def test_the_part_that_refreshes_itself_shows_the_same(agent: FlaskClient, three: list[int]) -> None:
    answer = agent.get("/staff/queue/rows?status=open")
    assert listed(answer) == [three[0]]
    assert "<html" not in answer.text
    again = agent.get("/staff/queue/rows?status=open", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    make_ticket("Delta")
    assert agent.get("/staff/queue/rows", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 200


def test_a_ticket_whose_category_nobody_chose_is_marked_until_it_is_done(agent: FlaskClient) -> None:
    chosen, left = make_ticket("Chosen"), make_ticket("Left", category=None)
    assert (chosen.category_set_by, left.category_set_by) == ("customer", "default")
    assert agent.get("/staff/queue/rows").text.count("Needs triage") == 1
    place(left, status=Status.RESOLVED)
    assert "Needs triage" not in agent.get("/staff/queue/rows").text


def test_a_reference_finds_its_ticket(agent: FlaskClient, three: list[int]) -> None:
    assert listed(agent.get(f"/staff/queue/?search=td-{three[1]}")) == [three[1]]


def test_pages_follow_each_other_without_a_gap(agent: FlaskClient) -> None:
    made = [make_ticket(f"Number {number}").id for number in range(PAGE_SIZE + 3)]
    first = agent.get("/staff/queue/?priority=high")
    following = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert following is not None
    second = agent.get(following[1].replace("&amp;", "&"))
    assert listed(first) + listed(second) == list(reversed(made))
    assert 'rel="next"' not in second.text
    assert 'href="/staff/queue/?priority=high">First page' in second.text


def test_the_count_stops_where_it_would_become_slow(agent: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "COUNT_MOST", 2)
    for _ in range(2):
        make_ticket()
    assert "<strong>2</strong> tickets" in agent.get("/staff/queue/").text
    make_ticket()
    assert "<strong>2+</strong> tickets" in agent.get("/staff/queue/").text


def test_the_heads_of_columns_say_and_turn_the_order(agent: FlaskClient, three: list[int]) -> None:
    html = agent.get("/staff/queue/?sort=-priority&status=open").text
    assert re.search(r'class="priority" scope="col" aria-sort="descending"><a href="([^"]+)"', html)[1] == (  # type: ignore[index]
        "/staff/queue/?status=open&amp;sort=priority"
    )
    assert html.count("aria-sort") == 1


def test_every_order_can_be_chosen_and_has_a_name() -> None:
    assert set(queue.SORT_LABELS) == set(Sort)
    heads = [head for heads in queue.COLUMNS.values() for head in heads]
    reachable = {head.first for head in heads} | {head.sorted(Filter(sort=head.first)).sort for head in heads}
    assert reachable == set(Sort)


def test_chips_take_one_filter_away(agent: FlaskClient, three: list[int]) -> None:
    html = agent.get("/staff/queue/?status=open&status=resolved&search=a%26b").text
    for without in (
        "status=resolved&amp;search=a%26b",
        "status=open&amp;search=a%26b",
        "status=open&amp;status=resolved",
    ):
        assert f'class="chip" href="/staff/queue/?{without}"' in html


def test_days_belong_to_their_stretch_at_both_ends(agent: FlaskClient) -> None:
    ids = [
        place(make_ticket(), created_at=datetime.fromisoformat(moment))
        for moment in ("2026-03-01T23:59:59Z", "2026-03-02T00:00:00Z", "2026-03-04T23:59:59Z", "2026-03-05T00:00:00Z")
    ]
    answer = agent.get("/staff/queue/?created_from=2026-03-02&created_to=2026-03-04")
    assert listed(answer) == [ids[2], ids[1]]
    assert "<bdi>2 Mar 2026</bdi>" in answer.text
    assert 'href="/staff/queue/?created_from=2026-03-02"' in answer.text


def test_who_waits_for_an_answer_is_marked(agent: FlaskClient) -> None:
    new, answered, asked_again, done = (make_ticket(title) for title in ("New", "Answered", "Again", "Done"))
    for ticket in (answered, asked_again, done):
        add_reply(ticket, "Here you are.", PROGRAM, Channel.API)
    add_note(answered, "Let us see.", PROGRAM, Channel.API)
    for ticket in (asked_again, done):
        add_reply(ticket, "It is not it.", CUSTOMER, Channel.PORTAL)
    change_status(done, Status.CLOSED, PROGRAM)
    db.session.commit()
    marked = re.findall(r'class="ticket waits" id="ticket-(\d+)"', agent.get("/staff/queue/rows").text)
    assert {int(number) for number in marked} == {new.id, asked_again.id}


def test_an_empty_desk_says_where_tickets_come_from(agent: FlaskClient) -> None:
    assert "No tickets yet" in agent.get("/staff/queue/").text


def test_a_view_that_is_worked_off_says_so(agent: FlaskClient, three: list[int]) -> None:
    mine = "/staff/queue/?view=mine&assignee=me&status=open&status=in_progress&snoozed=no"
    html = agent.get(mine).text
    assert "All done" in html
    assert "Nothing that is yours waits for you." in html
    assert "No ticket matches" in agent.get(f"{mine}&priority=low").text


def test_filters_that_match_nothing_offer_to_be_cleared(agent: FlaskClient, three: list[int]) -> None:
    html = agent.get("/staff/queue/?search=nothing+like+it&sort=priority").text
    assert "No ticket matches" in html
    assert 'class="button" href="/staff/queue/?sort=priority">Clear all filters' in html


def test_a_row_opens_to_everything_that_was_written(agent: FlaskClient) -> None:
    ticket = make_ticket(description="First line\n\n" + "long " * 3000 + "the end")
    html = agent.get(f"/staff/queue/{ticket.id}").text
    assert "the end" in html
    assert "ada@example.com" in html
    assert ticket.link_id.hex in html
    assert "<html" not in html


def test_what_customers_write_is_shown_and_never_run(agent: FlaskClient) -> None:
    nasty = "<script>alert(1)</script> \u202eevil\u202c 🔥"
    ticket = make_ticket(nasty, nasty, requester_name=nasty)
    for path in ("/staff/", "/staff/queue/", f"/staff/queue/{ticket.id}", f"/staff/tickets/{ticket.id}"):
        html = agent.get(path).text
        assert "&lt;script&gt;alert(1)" in html, path
        assert "<script>alert" not in html, path


def test_ticked_tickets_are_changed_together(agent: FlaskClient, send: Send, three: list[int]) -> None:
    answer = send(agent, "/staff/queue/?sort=created_at", ticket=three, status="closed", priority="low", category="")
    assert answer.request.full_path == "/staff/queue/?sort=created_at"
    assert toasts(answer) == ["3 tickets changed."]
    tickets = [db.session.get_one(Ticket, ticket_id) for ticket_id in three]
    assert {(ticket.status, ticket.priority) for ticket in tickets} == {("closed", "low")}
    assert [ticket.category for ticket in tickets] == ["account", "billing", "technical"]


def test_only_what_is_different_counts_and_leaves_a_trace(agent: FlaskClient, send: Send, three: list[int]) -> None:
    answer = send(agent, "/staff/queue/", ticket=three, status="open")
    assert toasts(answer) == ["2 tickets set to open."]
    changed = db.session.query(Event).where(Event.kind == EventKind.STATUS_CHANGED)
    assert {event.ticket_id for event in changed} == set(three[1:])
    assert toasts(send(agent, "/staff/queue/", ticket=three[0], status="closed")) == [f"TD-{three[0]} closed."]


def test_a_bulk_change_needs_tickets_and_a_change(agent: FlaskClient, send: Send, three: list[int]) -> None:
    assert toasts(send(agent, "/staff/queue/", status="closed")) == ["Select the tickets to change first."]
    assert toasts(send(agent, "/staff/queue/", ticket=three)) == ["Choose what to change first."]


def test_many_are_assigned_tagged_and_put_to_sleep_in_one_act(
    app: Flask, agent: FlaskClient, send: Send, three: list[int]
) -> None:
    set_tags(db.session.get_one(Ticket, three[0]), ["old", "vip"], PROGRAM)
    db.session.commit()
    ids = [three[0], three[2]]
    until = re.findall(r'<option value="([^"]+)">Tomorrow morning', agent.get("/staff/queue/").text)
    fields = {"assignee": "me", "add_tags": "VIP, #refund", "remove_tags": "old", "snooze": until}
    assert toasts(send(agent, "/staff/queue/", ticket=ids, **fields)) == ["2 tickets changed."]
    for ticket in (db.session.get_one(Ticket, ticket_id) for ticket_id in ids):
        assert ticket.assignee == me(app, agent)
        assert ticket.tags == ["refund", "vip"]
        assert ticket.snoozed_until == datetime.fromisoformat(until[0])
    assert toasts(send(agent, "/staff/queue/", ticket=ids, snooze="wake", assignee="none")) == ["2 tickets changed."]
    woken = db.session.get_one(Ticket, three[0])
    assert (woken.snoozed_until, woken.assignee) == (None, None)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"snooze": (clock.now() + timedelta(days=9)).isoformat()}, "is resolved, so there is nothing to wake it for"),
        ({"snooze": "2020-01-01T09:00", "priority": "low"}, "This moment has passed"),
        ({"add_tags": "a;b", "priority": "low"}, "holds a character that tags cannot have"),
        ({"add_tags": ",".join(map(str, range(21))), "priority": "low"}, "a ticket has at most 20"),
    ],
)
def test_what_cannot_be_done_to_one_is_done_to_none(
    agent: FlaskClient, send: Send, three: list[int], fields: dict[str, str], told: str
) -> None:
    (said,) = toasts(send(agent, "/staff/queue/", ticket=three, **fields))
    assert said.startswith("Nothing is changed.")
    assert told in said
    assert {db.session.get_one(Ticket, ticket_id).priority for ticket_id in three} == {"low", "critical", "high"}


def test_a_script_is_answered_by_the_toast_alone(agent: FlaskClient, three: list[int]) -> None:
    answer = agent.post(
        "/staff/queue/?status=open",
        data={"ticket": three[:1], "assignee": "me"},
        headers=csrf_header(agent) | {"X-Answer": "toast"},
    )
    assert answer.status_code == 200
    assert toasts(answer) == [f"TD-{three[0]} assigned to you."]
    assert "<html" not in answer.text


def test_a_title_is_not_for_many(agent: FlaskClient, send: Send, three: list[int]) -> None:
    send(agent, "/staff/queue/", ticket=three, title="All the same", status="closed")
    assert {db.session.get_one(Ticket, number).title for number in three} == {"Alpha", "Beta", "Gamma"}


@pytest.mark.parametrize(
    "fields",
    [
        {"ticket": "abc", "status": "closed"},
        {"ticket": "9" * 30, "status": "closed"},
        {"ticket": "-1", "status": "closed"},
        {"ticket": ["1"] * 201, "status": "closed"},
        {"ticket": "1", "status": "gone"},
        {"ticket": "1", "priority": "\x00"},
        {"ticket": "1", "snooze": "for ever"},
        {"ticket": "1", "assignee": "999999"},
        {"ticket": "1", "assignee": "x"},
    ],
)
def test_a_bulk_change_that_makes_no_sense_is_refused(
    agent: FlaskClient, send: Send, fields: dict[str, object]
) -> None:
    assert send(agent, "/staff/queue/", **fields).status_code == 400


def test_tickets_that_are_gone_are_passed_over(agent: FlaskClient, send: Send) -> None:
    ticket = make_ticket()
    assert toasts(send(agent, "/staff/queue/", ticket=[ticket.id, 999_999], status="closed")) == ["1 ticket closed."]


def test_nothing_changes_without_the_token_of_the_page(agent: FlaskClient, three: list[int]) -> None:
    assert agent.post("/staff/queue/", data={"ticket": three, "status": "closed"}).status_code == 400
    assert db.session.get_one(Ticket, three[0]).status == Status.OPEN


@pytest.mark.parametrize(
    "query",
    ["status=foo", "priority=1", "category=%00", "sort=title", "sort=%00", "cursor=zzz", "cursor=%00", "cursor=W10",
     "sort=priority&cursor=WyItY3JlYXRlZF9hdCJd", "snoozed=maybe", "triage=1", "created_from=soon", "requester=%00",
     "created_to=2026-02-30", "requester=" + "x" * 255],
)  # fmt: skip
def test_an_address_that_makes_no_sense_is_refused_in_words(agent: FlaskClient, query: str) -> None:
    for path in ("/staff/queue/", "/staff/queue/rows"):
        answer = agent.get(f"{path}?{query}")
        assert answer.status_code == 400
        assert "<html" in answer.text


@pytest.mark.parametrize(
    "query", ["page=-1", "search=%00", "search=%ff%fe", "search=%22%27%3B--", "search=" + "x" * 5000, "cursor=", "x=y"]
)
def test_an_odd_address_is_no_error(agent: FlaskClient, query: str) -> None:
    assert agent.get(f"/staff/queue/?{query}").status_code == 200


@pytest.mark.parametrize(
    "path", ["/staff/queue/0", "/staff/queue/999999", "/staff/queue/" + "9" * 30, "/staff/queue/x"]
)
def test_a_ticket_that_is_not_there_is_not_found(agent: FlaskClient, path: str) -> None:
    assert agent.get(path).status_code == 404


class TestWhoseTheyAre:
    def test_mine_anothers_and_nobodys(self, app: Flask, agent: FlaskClient) -> None:
        grace, mine, anothers, nobodys = make_staff(name="Grace Hopper"), *(make_ticket() for _ in range(3))
        assign(mine, me(app, agent), PROGRAM)
        assign(anothers, grace, PROGRAM)
        db.session.commit()
        assert listed(agent.get("/staff/queue/?assignee=me")) == [mine.id]
        assert listed(agent.get("/staff/queue/?assignee=none")) == [nobodys.id]
        assert listed(agent.get(f"/staff/queue/?assignee={grace.id}&assignee=none")) == [nobodys.id, anothers.id]
        html = agent.get("/staff/queue/rows?assignee=me").text
        assert '<span class="muted">Assignee</span> <bdi>Mine</bdi>' in html
        assert f"Assigned to {me(app, agent).name}" in html

    @pytest.mark.parametrize("word", ["x", "0", "999999", "9" * 30, "%00", "-1"])
    def test_nobody_by_that_number_is_told(self, agent: FlaskClient, word: str) -> None:
        assert agent.get(f"/staff/queue/?assignee={word}").status_code == 400

    def test_tags_narrow_the_list_and_stand_in_it(self, agent: FlaskClient) -> None:
        tagged, _ = make_ticket(), make_ticket()
        set_tags(tagged, ["vip", "refund"], PROGRAM)
        db.session.commit()
        answer = agent.get("/staff/queue/?tag=VIP")
        assert listed(answer) == [tagged.id]
        assert "<bdi>refund</bdi>" in answer.text
        assert listed(agent.get("/staff/queue/?tag=other&tag=%00")) == []
