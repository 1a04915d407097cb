"""The customer's form: what becomes a ticket, what comes back, and that nothing typed is ever lost."""

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import opened, settings_for
from tests.portal.pages import MATTER, filled_form, link_in, page_of
from ticketdesk import create_app
from ticketdesk.extensions import db
from ticketdesk.models import Event, Ticket
from ticketdesk.tickets import queries, service


def all_tickets() -> list[Ticket]:
    db.session.expire_all()
    return list(db.session.scalars(sa.select(Ticket).order_by(Ticket.id)))


def test_a_ticket_is_opened_and_leads_to_its_own_page(client: FlaskClient) -> None:
    answer = client.post("/", data=filled_form(client, category="billing", priority="critical"))
    ticket = queries.by_link(link_in(answer))
    assert {name: getattr(ticket, name) for name in MATTER} == MATTER
    assert (ticket.category, ticket.category_set_by) == ("billing", "customer")
    assert (ticket.priority, ticket.priority_set_by) == ("critical", "customer")
    event = db.session.scalars(sa.select(Event).where(Event.ticket_id == ticket.id)).one()
    assert (event.kind, event.actor_kind) == ("ticket.created", "customer")
    shown = page_of(client.get(answer.location))
    assert ticket.reference in shown.text
    assert MATTER["description"] in shown.text


def test_a_ticket_of_signed_in_staff_is_theirs(agent: FlaskClient) -> None:
    ticket = queries.by_link(link_in(agent.post("/", data=filled_form(agent, category="billing"))))
    assert ticket.category_set_by == "staff"


def test_every_fault_is_told_at_its_field_and_nothing_typed_is_lost(client: FlaskClient) -> None:
    typed = filled_form(client, title="  ", requester_email="nobody at home", category="account")
    answer = client.post("/", data=typed)
    assert answer.status_code == 400
    page = page_of(answer)
    assert {"summary", "title-fault", "requester_email-fault"} <= page.ids
    assert "description-fault" not in page.ids
    assert 'href="#title"' in answer.text
    assert 'href="#requester_email"' in answer.text
    kept = {name: page.form[name] for name in (*MATTER, "category", "priority", "nonce")}
    assert kept == {name: typed[name] for name in kept}
    assert all_tickets() == []


HOSTILE = {
    "script": "<script>alert(1)</script>",
    "attribute": "\"' onfocus=alert(1) autofocus x='",
    "closing": "</textarea></title><img src=x onerror=alert(1)>",
    "template": "{{ 7 * 7 }} {% raw %} ${7*7} %s {0}",
    "right-to-left": "\u202eevil\u202c مرحبا \u2066x\u2069",
    "emoji": "👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 é",
    "quotes": "Robert'); DROP TABLE ticket;--",
    "one long word": "x" * 200,
    "invisible": "a\u200b\u200d\ufeffb",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_kept_and_shown_as_text(client: FlaskClient, text: str) -> None:
    answer = client.post("/", data=filled_form(client, title=text, description=text, requester_name=text))
    ticket = queries.by_link(link_in(answer))
    assert (ticket.title, ticket.description, ticket.requester_name) == (text, text, text)
    shown = client.get(answer.location)
    assert page_of(shown).text.count(text) == 3
    for tag in ("<script>alert", "<img src=x"):
        assert tag not in shown.text


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_comes_back_in_the_form_as_typed(client: FlaskClient, text: str) -> None:
    answer = client.post("/", data=filled_form(client, title=text, description=text, requester_email="none"))
    assert answer.status_code == 400
    page = page_of(answer)
    assert (page.form["title"], page.form["description"]) == (text, text)


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"title": "a\x00b"}, "title"),
        ({"description": "a long enough text\x00"}, "description"),
        ({"title": "x" * 201}, "title"),
        ({"description": "x" * 20_001}, "description"),
        ({"requester_name": "n" * 201}, "requester_name"),
        ({"requester_email": "a@" + "b" * 300 + ".com"}, "requester_email"),
        ({"category": "nonsense"}, "category"),
        ({"priority": "urgent"}, "priority"),
    ],
    ids=str,
)
def test_what_cannot_be_kept_is_refused_at_its_field(client: FlaskClient, typed: dict[str, str], field: str) -> None:
    answer = client.post("/", data=filled_form(client, **typed))
    assert answer.status_code == 400
    assert f"{field}-fault" in page_of(answer).ids
    assert all_tickets() == []


def test_20000_characters_fit(client: FlaskClient) -> None:
    text = "☂" * 20_000
    assert queries.by_link(link_in(client.post("/", data=filled_form(client, description=text)))).description == text


@pytest.mark.parametrize(
    "body", [b"title=%ED%A0%80&description=%ED%A0%80", b"title=%FF%FE", b"&&&===", b"title=a&title=b"]
)
def test_a_broken_body_is_answered(client: FlaskClient, body: bytes) -> None:
    token = filled_form(client)["csrf_token"]
    data = body + b"&csrf_token=" + token.encode()
    answer = client.post("/", data=data, content_type="application/x-www-form-urlencoded")
    assert answer.status_code in {303, 400}


def test_a_body_beyond_the_limit_gets_a_page(client: FlaskClient) -> None:
    answer = client.post("/", data=filled_form(client, description="x" * 2_000_000))
    assert answer.status_code == 413
    assert "back button" in answer.text


class TestOneTicketForTwoClicks:
    def test_the_same_form_sent_again_leads_to_the_same_ticket(self, client: FlaskClient) -> None:
        typed = filled_form(client)
        links = {link_in(client.post("/", data=typed)) for _ in range(3)}
        assert len(links) == 1
        assert len(all_tickets()) == 1

    @pytest.mark.parametrize("changed", [{"title": "Another"}, {"priority": "low"}, {"requester_email": ""}], ids=str)
    def test_a_changed_form_is_another_ticket(self, client: FlaskClient, changed: dict[str, str]) -> None:
        typed = filled_form(client)
        assert link_in(client.post("/", data=typed)) != link_in(client.post("/", data=typed | changed))

    def test_a_fresh_form_with_the_same_words_is_another_ticket(self, client: FlaskClient) -> None:
        first, second = (link_in(client.post("/", data=filled_form(client))) for _ in range(2))
        assert first != second

    def test_a_form_without_its_nonce_leads_to_nobody_elses_ticket(self, client: FlaskClient) -> None:
        first, second = (link_in(client.post("/", data=filled_form(client, nonce=""))) for _ in range(2))
        assert first != second

    def test_two_at_the_same_moment(self, committed_url: str) -> None:
        with opened(create_app(settings_for(committed_url))) as app:
            clients = [app.test_client() for _ in range(2)]
            nonce = filled_form(clients[0])["nonce"]
            forms = [filled_form(client, nonce=nonce) for client in clients]
            start = threading.Barrier(2)
            links: list[str] = []

            def send(client: FlaskClient, form: dict[str, str]) -> None:
                start.wait()
                links.append(link_in(client.post("/", data=form)))

            threads = [threading.Thread(target=send, args=pair) for pair in zip(clients, forms, strict=True)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(links) == 2
            assert len(set(links)) == 1
            with app.app_context():
                assert len(all_tickets()) == 1


class TestNotSent:
    """Where nothing in the form is wrong and it cannot be sent all the same, it comes back as it was."""

    @staticmethod
    def assert_all_there(page_form: dict[str, str], typed: dict[str, str]) -> None:
        kept = (*MATTER, "category", "priority", "nonce")
        assert {name: page_form[name] for name in kept} == {name: typed[name] for name in kept}

    @pytest.mark.parametrize("path", ["/", "/review"])
    def test_the_session_has_ended(self, app: Flask, path: str) -> None:
        typed = filled_form(app.test_client(), category="account")
        later = app.test_client()
        answer = later.post(path, data=typed)
        assert answer.status_code == 400
        page = page_of(answer)
        assert "nothing you typed is lost" in page.text
        self.assert_all_there(page.form, typed)
        assert all_tickets() == []
        assert queries.by_link(link_in(later.post("/", data=page.form))).title == typed["title"]

    @pytest.fixture
    def limited(self, committed_url: str) -> Iterator[Flask]:
        limits = {"RATELIMIT_CREATE": "1 per hour", "RATELIMIT_CLASSIFY": "1 per minute"}
        with opened(create_app(settings_for(committed_url, RATELIMIT_ENABLED="on", **limits))) as app:
            yield app

    def test_too_many_tickets(self, limited: Flask) -> None:
        client = limited.test_client()
        assert client.post("/", data=filled_form(client)).status_code == 303
        typed = filled_form(client, title="One more", priority="high")
        answer = client.post("/", data=typed)
        assert answer.status_code == 429
        assert 3000 < int(answer.headers["Retry-After"]) <= 3600
        page = page_of(answer)
        assert "Wait 60 minutes" in page.text
        self.assert_all_there(page.form, typed)

    def test_too_many_questions(self, limited: Flask) -> None:
        client = limited.test_client()
        typed = filled_form(client)
        assert client.post("/review", data=typed).status_code == 200
        answer = client.post("/review", data=typed)
        assert answer.status_code == 429
        self.assert_all_there(page_of(answer).form, typed)
        assert [client.post("/suggest", data=typed).status_code for _ in range(2)] == [200, 429]
        assert client.post("/", data=typed).status_code == 303

    @pytest.mark.parametrize("path", ["/", "/review"])
    def test_the_database_is_away(self, path: str) -> None:
        with opened(create_app(settings_for("postgresql://nobody@127.0.0.1:1/none"))) as app:
            client = app.test_client()
            typed = filled_form(client, category="technical")
            answer = client.post(path, data=typed)
            assert answer.status_code == 503
            assert answer.headers["Retry-After"]
            page = page_of(answer)
            assert "Not sent yet" in page.text
            self.assert_all_there(page.form, typed)
            gone = client.get("/t/0123456789abcdef0123456789abcdef")
            assert gone.status_code == 503
            assert "Try again" in gone.text

    def test_a_fault_of_ours(self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*_: object, **__: object) -> None:
            raise RuntimeError("a fault of ours, with the customer's text in it")

        monkeypatch.setattr(service, "create_ticket", broken)
        typed = filled_form(client)
        answer = client.post("/", data=typed)
        assert answer.status_code == 500
        assert "fault of ours" not in answer.text
        self.assert_all_there(page_of(answer).form, typed)


def test_whoever_comes_back_to_the_step_starts_at_the_form(client: FlaskClient) -> None:
    answer = client.get("/review")
    assert (answer.status_code, answer.location) == (302, "/")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nothing-here", 404), ("GET", "/suggest", 405), ("PUT", "/", 405)]
)
def test_mistakes_get_a_page_with_a_way_back(client: FlaskClient, method: str, path: str, status: int) -> None:
    answer = client.open(path, method=method, headers={"X-CSRFToken": filled_form(client)["csrf_token"]})
    assert answer.status_code == status
    assert answer.mimetype == "text/html"
    assert 'href="/"' in answer.text
