"""Views through their door: the side bar, saving, naming, ordering and deleting them, and whose they are."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import signed_in
from tests.factories import make_ticket
from tests.staff.conftest import Send, listed, me, toasts
from ticketdesk.core.actors import Actor, ActorKind
from ticketdesk.core.vocabulary import Priority
from ticketdesk.extensions import db
from ticketdesk.models import Role
from ticketdesk.tickets.assignment import assign
from ticketdesk.tickets.filter import Filter
from ticketdesk.tickets.saved_views import STANDARD, View, save_view

PROGRAM = Actor(ActorKind.TOKEN, 7, "Shop backend")


def side(answer: TestResponse) -> list[tuple[str, str]]:
    """The views in the side bar by name, each with its count as it stands there."""
    assert answer.status_code == 200, answer.text
    links = re.findall(r'<bdi class="name">(.*?)</bdi>(.*?)</a>', answer.text, re.DOTALL)
    return [(name, "".join(re.findall(r'class="count">([^<]*)', rest))) for name, rest in links]


def opened(answer: TestResponse) -> list[str]:
    """The views that the side bar marks as open."""
    return re.findall(r'aria-current="page"[^>]*><bdi class="name">(.*?)</bdi>', answer.text)


@pytest.fixture
def saved(app: Flask, agent: FlaskClient) -> View:
    """A view of the agent's own."""
    view = save_view("Urgent", Filter(priority=frozenset({Priority.HIGH})), me(app, agent))
    db.session.commit()
    return view


class TestTheSideBar:
    def test_every_desk_has_five_and_they_count(self, app: Flask, agent: FlaskClient) -> None:
        assign(make_ticket(), me(app, agent), PROGRAM)
        make_ticket(category=None)
        db.session.commit()
        expected = [("Mine", "1"), ("Unassigned", "1"), ("Needs triage", "1"), ("Snoozed", ""), ("All open", "2")]
        for path in ("/staff/", "/staff/queue/", "/staff/views/side"):
            assert side(agent.get(path)) == expected

    def test_each_leads_to_what_it_counts_and_is_marked_there(self, app: Flask, agent: FlaskClient) -> None:
        mine, other = make_ticket("Mine"), make_ticket("Another")
        assign(mine, me(app, agent), PROGRAM)
        db.session.commit()
        hrefs = dict(re.findall(r'href="([^"]+view=(\w+)[^"]*)" data-go', agent.get("/staff/").text))
        assert [*hrefs.values()] == [view.key for view in STANDARD]
        found = {}
        for href, key in hrefs.items():
            answer = agent.get(href.replace("&amp;", "&"))
            found[key] = listed(answer)
            assert len(opened(answer)) == 1
            assert "chip" not in answer.text, "The name says what the list shows."
        everybodys = [other.id, mine.id]
        assert found == {
            "mine": [mine.id],
            "unassigned": [other.id],
            "triage": [],
            "snoozed": [],
            "open": everybodys,
        }
        assert opened(agent.get(f"/staff/tickets/{mine.id}?from=view%3Dmine%26assignee%3Dme")) == ["Mine"]

    def test_it_costs_a_304_while_nothing_changes(self, agent: FlaskClient) -> None:
        answer = agent.get("/staff/views/side?view=open")
        assert opened(answer) == ["All open"]
        assert "<html" not in answer.text
        again = {"If-None-Match": answer.headers["ETag"]}
        assert agent.get("/staff/views/side?view=open", headers=again).status_code == 304
        make_ticket()
        assert agent.get("/staff/views/side?view=open", headers=again).status_code == 200

    def test_the_title_names_the_view_and_its_count(self, agent: FlaskClient, saved: View) -> None:
        make_ticket()
        assert "<title>Urgent (1) · " in agent.get(f"/staff/queue/?view={saved.key}&priority=high").text
        assert "<title>Queue (1) · " in agent.get("/staff/queue/").text

    @pytest.mark.parametrize("key", ["", "x", "0", "999999", "9" * 30, "%00", "-1", "mine%27"])
    def test_a_view_that_is_none_is_passed_over(self, agent: FlaskClient, key: str) -> None:
        answer = agent.get(f"/staff/queue/?view={key}&priority=high")
        assert answer.status_code == 200
        assert "<title>Queue (0) · " in answer.text


class TestSaving:
    def test_a_list_is_kept_under_a_name(self, agent: FlaskClient, send: Send) -> None:
        ticket = make_ticket()
        query = "?priority=high&status=open&snoozed=no&created_to=2099-12-31"
        answer = send(agent, "/staff/views/", name="  High  ones ", query=query)
        assert toasts(answer) == ["“High ones” is saved and stands in the side bar."]
        assert opened(answer) == ["High ones"]
        assert listed(answer) == [ticket.id]
        assert ("High ones", "1") in side(answer)

    def test_a_changed_one_is_told_and_saved_again(self, agent: FlaskClient, send: Send, saved: View) -> None:
        address = f"/staff/queue/?view={saved.key}&priority=low"
        assert "Save to “<bdi>Urgent</bdi>”" in agent.get(address).text
        answer = send(agent, f"/staff/views/{saved.key}", query="priority=low")
        assert answer.request.full_path == address
        assert "Save to" not in answer.text

    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            ({"name": " "}, "Give the view a name."),
            ({"name": "x" * 81}, "This has 81 characters; at most 80 fit."),
        ],
    )
    def test_a_name_that_cannot_be_used_is_told(
        self, agent: FlaskClient, send: Send, saved: View, fields: dict[str, str], told: str
    ) -> None:
        for path in ("/staff/views/", f"/staff/views/{saved.key}"):
            answer = send(agent, path, **fields)
            assert toasts(answer) == [told]
            assert [name for name, _ in side(answer)][5:] == ["Urgent"]

    @pytest.mark.parametrize("query", ["status=foo", "assignee=999999", "created_from=yesterday", "%00=%00&sort=x"])
    def test_what_is_no_filter_is_refused(self, agent: FlaskClient, send: Send, saved: View, query: str) -> None:
        assert send(agent, "/staff/views/", name="x", query=query).status_code == 400
        assert send(agent, f"/staff/views/{saved.key}", query=query).status_code == 400

    def test_the_side_bar_is_full_some_day(
        self, agent: FlaskClient, send: Send, saved: View, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ticketdesk.tickets.saved_views.VIEWS_MAX", 1)
        (told,) = toasts(send(agent, "/staff/views/", name="One more"))
        assert told.startswith("There are 1 views already")


class TestKeeping:
    def test_they_are_renamed_ordered_and_deleted(self, agent: FlaskClient, send: Send, saved: View) -> None:
        send(agent, "/staff/views/", name="Second")
        page = agent.get("/staff/views/")
        assert page.text.index('value="Urgent"') < page.text.index('value="Second"')
        page = send(agent, f"/staff/views/{saved.key}/move", direction="down")
        assert [name for name, _ in side(page)][5:] == ["Second", "Urgent"]
        assert toasts(send(agent, f"/staff/views/{saved.key}", name="Later")) == ["“Later” is saved."]
        page = send(agent, f"/staff/views/{saved.key}/delete")
        assert toasts(page) == ["“Later” is deleted. Its tickets stay as they are."]
        assert [name for name, _ in side(page)][5:] == ["Second"]

    def test_nobody_reaches_what_is_somebody_elses(
        self, app: Flask, admin: FlaskClient, agent: FlaskClient, send: Send, saved: View
    ) -> None:
        for somebody in (admin, signed_in(app, Role.AGENT)):
            assert "Urgent" not in somebody.get("/staff/views/").text
            assert "Urgent" not in somebody.get(f"/staff/queue/?view={saved.key}").text
            for path in ("", "/move", "/delete"):
                assert send(somebody, f"/staff/views/{saved.key}{path}", name="Taken").status_code == 404
        assert side(agent.get("/staff/views/side"))[5:] == [("Urgent", "")]

    def test_shared_ones_are_everybodys_to_open_and_their_makers_to_change(
        self, app: Flask, admin: FlaskClient, agent: FlaskClient, send: Send
    ) -> None:
        send(agent, "/staff/views/", name="Ours", shared="yes")
        other = signed_in(app, Role.AGENT)
        (key,) = re.findall(r"/staff/views/(\d+)/delete", agent.get("/staff/views/").text)
        assert [name for name, _ in side(other.get("/staff/views/side"))][5:] == ["Ours"]
        assert f"/staff/views/{key}" not in other.get("/staff/views/").text
        for path in ("", "/move", "/delete"):
            assert send(other, f"/staff/views/{key}{path}", name="Taken").status_code == 403
        assert send(agent, f"/staff/views/{key}", name="Still ours").status_code == 200
        assert send(admin, f"/staff/views/{key}/move", direction="up").status_code == 200
        assert send(admin, f"/staff/views/{key}/delete").status_code == 200
        assert send(agent, f"/staff/views/{key}/delete").status_code == 404

    @pytest.mark.parametrize("path", ["", "/move", "/delete"])
    def test_those_of_every_desk_stay(self, admin: FlaskClient, send: Send, path: str) -> None:
        assert send(admin, f"/staff/views/mine{path}", name="Not mine").status_code in {403, 404}
        assert side(admin.get("/staff/views/side"))[0] == ("Mine", "")
