"""Finding one's tickets again by a mailed link, and the list behind it."""

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import csrf_header
from tests.factories import make_ticket
from tests.jobs.drain import run_jobs
from ticketdesk.accounts import customers
from ticketdesk.core.actors import Actor, ActorKind
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.mail import letters, outbox
from ticketdesk.models import Channel, CustomerKey, MailKind, OutgoingMail, Ticket
from ticketdesk.portal.mine import COOKIE
from ticketdesk.tickets import conversation, own, service
from ticketdesk.tickets.tags import set_tags

GRACE = Actor(ActorKind.STAFF, 7, "Grace Hopper")


def ask(client: FlaskClient, email: str) -> TestResponse:
    return client.post("/my", data={"email": email}, headers=csrf_header(client))


def mails() -> list[OutgoingMail]:
    """The mails with links, oldest first."""
    found = sa.select(OutgoingMail).where(OutgoingMail.kind == MailKind.SIGN_IN).order_by(OutgoingMail.id)
    return list(db.session.scalars(found))


def link_in(mail: OutgoingMail) -> str:
    found = re.search(r"http://desk\.test(/my/link/[\w-]{43})\n", mail.text)
    assert found is not None, mail.text
    assert found[1] in mail.html
    return found[1]


def press(client: FlaskClient, link: str) -> TestResponse:
    return client.post(link, headers=csrf_header(client))


def new_link(address: str = "ada@example.com") -> str:
    link = f"/my/link/{customers.make_link_key(address)}"
    db.session.commit()
    return link


@pytest.fixture
def ada(app: Flask) -> FlaskClient:
    """Somebody who has shown that ada@example.com is theirs."""
    client = app.test_client()
    assert press(client, new_link()).location == "/my"
    return client


def titles(client: FlaskClient, path: str = "/my") -> list[str]:
    return re.findall(r"<a href=\"/t/[0-9a-f]{32}\"><bdi>(.+?)</bdi>", client.get(path).text)


class TestAsking:
    def test_the_answer_is_the_same_whether_the_address_is_known_or_not(self, app: Flask) -> None:
        make_ticket()
        run_jobs()
        answers = []
        for email in ("ada@example.com", "eve@example.com"):
            client = app.test_client()
            asked = ask(client, email)
            page = client.get(asked.location)
            answers.append((asked.status_code, asked.location, page.text.replace(email, "ADDRESS")))
        assert answers[0] == answers[1]
        assert "If tickets were opened with" in answers[0][2]
        assert run_jobs() == ["mail.sign_in", "mail.sign_in"]
        assert [mail.recipient for mail in mails()] == ["ada@example.com"]

    def test_the_link_goes_to_the_address_as_it_stands_on_the_ticket(self, client: FlaskClient) -> None:
        make_ticket(requester_email="Ada@example.com")
        run_jobs()
        ask(client, " ADA@EXAMPLE.COM ")
        run_jobs()
        [mail] = mails()
        assert (mail.recipient, mail.recipient_name, mail.ticket_ids, mail.event_id) == (
            "Ada@example.com",
            None,
            [],
            None,
        )
        assert not {"Reply-To", "List-Unsubscribe", "In-Reply-To"} & set(mail.headers)
        assert mail.headers["Auto-Submitted"] == "auto-generated"
        press(client, link_in(mail))
        assert titles(client) == ["The export stops half way"]

    @pytest.mark.parametrize(
        "email",
        [
            "",
            "ada",
            "ada@example.com\r\nBcc: eve@example.com",
            "ada@example.com, eve@example.com",
            "ada@example.com%0aBcc:eve@example.com\n",
            "a\x00b@example.com",
            "x" * 250 + "@example.com",
        ],
    )
    def test_what_is_no_address_comes_back(self, client: FlaskClient, email: str) -> None:
        answer = ask(client, email)
        assert answer.status_code == 400
        assert 'id="email-fault"' in answer.text
        assert run_jobs() == []

    def test_without_its_session_it_comes_back(self, client: FlaskClient) -> None:
        answer = client.post("/my", data={"email": "ada@example.com"})
        assert answer.status_code == 400
        assert "Your session had ended" in answer.text
        assert 'value="ada@example.com"' in answer.text

    def test_links_for_a_mailbox_are_few(
        self, plain_app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_ticket()
        spellings = ["ada@example.com", "ADA@example.com", "Ada@EXAMPLE.com", "ada@example.com"]
        for email in (*spellings, *spellings):
            ask(client, email)
        run_jobs()
        assert len(mails()) == letters.SIGN_IN_MOST
        monkeypatch.setitem(plain_app.config, "RATE_LIMITS", True)
        told = [ask(client, email).status_code for email in (*spellings, "ada+1@example.com")]
        assert told == [303] * letters.SIGN_IN_MOST + [429]
        answer = ask(client, "ada@example.com")
        assert "We were asked for many links" in answer.text
        assert int(answer.headers["Retry-After"]) > 0
        assert ask(client, "eve@example.com").status_code == 303, "Others are not held up by it."

    def test_what_is_no_address_is_not_counted_as_one(
        self, plain_app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(plain_app.config, "RATE_LIMITS", True)
        assert {ask(client, "ada").status_code for _ in range(letters.SIGN_IN_MOST + 1)} == {400}

    def test_questions_from_one_place_are_limited(
        self, plain_app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(plain_app.config, "RATE_LIMITS", True)
        monkeypatch.setitem(plain_app.config, "RATELIMIT_FIND", "2 per minute")
        assert [ask(client, f"a{n}@example.com").status_code for n in range(3)] == [303, 303, 429]

    def test_a_demo_address_is_not_mailed(self, client: FlaskClient) -> None:
        ticket = make_ticket()
        db.session.execute(sa.text("ALTER TABLE event DISABLE TRIGGER event_append_only"))
        db.session.execute(sa.text("UPDATE event SET data = data || '{\"demo\": true}'"))
        run_jobs()
        ask(client, ticket.requester_email or "")
        assert run_jobs() == ["mail.sign_in"]
        assert [mail.state for mail in mails()] == ["skipped"]


class TestTheLink:
    def test_opening_it_uses_nothing_up_and_the_button_does(self, app: Flask, client: FlaskClient) -> None:
        make_ticket()
        link = new_link()
        scanner = app.test_client()
        for method in ("HEAD", "GET", "GET"):
            assert scanner.open(link, method=method).status_code == 200
        assert COOKIE not in str(scanner.get(link).headers)
        page = client.get(link)
        assert "Show my tickets" in page.text
        assert (page.headers["Referrer-Policy"], page.headers["X-Robots-Tag"]) == ("no-referrer", "noindex, nofollow")
        answer = press(client, link)
        assert answer.location == "/my"
        [cookie] = [line for line in answer.headers.getlist("Set-Cookie") if line.startswith(COOKIE)]
        assert {"HttpOnly", "Path=/my", "SameSite=Lax", "Max-Age=43200"} <= set(cookie.split("; "))
        assert titles(client) == ["The export stops half way"]

    @pytest.mark.parametrize("what", ["used", "expired", "foreign", "a session's"])
    def test_one_that_does_not_work_says_what_to_do(self, app: Flask, client: FlaskClient, what: str) -> None:
        link = new_link()
        match what:
            case "used":
                press(app.test_client(), link)
            case "expired":
                db.session.execute(sa.update(CustomerKey).values(expires_at=sa.func.now() - timedelta(seconds=1)))
                db.session.commit()
            case "foreign":
                link = "/my/link/" + "x" * 43
            case _:
                other = app.test_client()
                press(other, link)
                cookie = other.get_cookie(COOKIE, path="/my")
                assert cookie is not None
                link = f"/my/link/{cookie.value}"
        for answer in (client.get(link), press(client, link)):
            assert answer.status_code == 404
            assert "This link no longer works: each opens the list once, within 30 minutes." in answer.text
            assert "Send me a link" in answer.text
        assert "Send me a link" in client.get("/my").text

    def test_two_presses_of_the_button_open_the_list(self, ada: FlaskClient) -> None:
        link = new_link()
        assert [press(ada, link).location for _ in range(2)] == ["/my", "/my"]

    def test_only_hashes_are_kept(self, app: Flask) -> None:
        secret = new_link().removeprefix("/my/link/")
        row = db.session.scalars(sa.select(CustomerKey)).one()
        assert len(row.hash) == 64
        assert secret not in str(vars(row))

    def test_its_mail_is_forgotten_after_a_day(self, client: FlaskClient) -> None:
        make_ticket()
        ask(client, "ada@example.com")
        for _ in range(2):
            run_jobs()
        assert [mail.state for mail in mails()] == ["kept"]
        db.session.execute(sa.text("UPDATE outgoing_mail SET created_at = now() - interval '25 hours'"))
        outbox.forget(timestamp=0)
        assert mails() == []


class TestTheSession:
    def test_a_new_one_ends_the_one_before(self, app: Flask, ada: FlaskClient) -> None:
        before = ada.get_cookie(COOKIE, path="/my")
        press(ada, new_link("eve@example.com"))
        assert before is not None
        old = app.test_client()
        old.set_cookie(COOKIE, before.value, path="/my")
        assert "Send me a link" in old.get("/my").text
        assert "Opened with" in ada.get("/my").text

    def test_signing_out_ends_it_for_good(self, app: Flask, ada: FlaskClient) -> None:
        cookie = ada.get_cookie(COOKIE, path="/my")
        assert cookie is not None
        answer = ada.post("/my/sign-out", headers=csrf_header(ada))
        assert answer.location == "/my"
        assert answer.headers["Clear-Site-Data"] == '"cache"'
        assert ada.get_cookie(COOKIE, path="/my") is None
        ada.set_cookie(COOKIE, cookie.value, path="/my")
        assert "Send me a link" in ada.get("/my").text

    def test_it_ends_by_itself_and_is_forgotten(self, ada: FlaskClient) -> None:
        new_link()
        db.session.execute(sa.update(CustomerKey).values(expires_at=sa.func.now() - timedelta(seconds=1)))
        db.session.commit()
        assert "Send me a link" in ada.get("/my").text
        customers.forget_customer_keys(timestamp=0)
        assert db.session.scalars(sa.select(CustomerKey)).all() == []

    def test_it_is_nobodys_at_the_desk(self, ada: FlaskClient) -> None:
        assert "/staff/sign-in" in ada.get("/staff/").location
        assert ada.get("/api/tickets/").status_code == 401

    def test_it_takes_the_csrf_token(self, ada: FlaskClient) -> None:
        link = new_link()
        for path in (link, "/my/sign-out"):
            assert ada.post(path).status_code == 400
        assert "Press “Show my tickets” once more" in ada.post(link).text
        assert "Opened with" in ada.get("/my").text


class TestTheList:
    def test_it_is_ones_own_newest_first_in_pages(self, ada: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(own, "PAGE_SIZE", 2)
        for number, email in enumerate(["ada@example.com", "ADA@example.com", "eve@example.com", "ada@Example.com"]):
            make_ticket(f"Ticket {number}", requester_email=email)
        first = ada.get("/my")
        assert titles(ada) == ["Ticket 3", "Ticket 1"]
        assert first.headers["Cache-Control"] == "private, no-store"
        [older] = re.findall(r'rel="next" href="(.+?)"', first.text)
        assert titles(ada, older) == ["Ticket 0"]
        assert "Newest tickets" in ada.get(older).text
        for nonsense in ("x", "%00", ""):
            assert ada.get(f"/my?cursor={nonsense}").location == "/my"

    def test_each_opens_at_its_link(self, ada: FlaskClient) -> None:
        ticket = make_ticket("<b>Bold</b>")
        text = ada.get("/my").text
        assert f'<a href="/t/{ticket.link_id.hex}"><bdi>&lt;b&gt;Bold&lt;/b&gt;</bdi>' in text
        assert ticket.reference in text
        assert "status-open" in text

    def test_none_is_told_kindly(self, ada: FlaskClient) -> None:
        assert "There are no tickets here" in ada.get("/my").text

    def test_what_the_desk_does_for_itself_is_no_activity(self, app: Flask) -> None:
        ticket = service.locked(make_ticket().id)
        db.session.execute(sa.text("ALTER TABLE event DISABLE TRIGGER event_append_only"))
        db.session.execute(sa.text("UPDATE event SET created_at = created_at - interval '3 hours'"))
        [before] = own.own_tickets("ada@example.com").tickets
        conversation.add_note(ticket, "Beware.", GRACE, Channel.STAFF)
        set_tags(ticket, ["vip"], GRACE)
        assert own.own_tickets("ada@example.com").tickets[0].last_activity == before.last_activity
        service.change_status(ticket, Status.RESOLVED, GRACE)
        assert own.own_tickets("ada@example.com").tickets[0].last_activity > before.last_activity

    def test_who_comes_with_the_session_of_another_sees_nothing_of_it(self, app: Flask, ada: FlaskClient) -> None:
        mine, other = make_ticket("Mine"), make_ticket("Other", requester_email="eve@example.com")
        for query in ("", f"?search={other.reference}", "?requester=eve@example.com", "?address=eve@example.com"):
            assert titles(ada, f"/my{query}") == ["Mine"]
            assert other.link_id.hex not in ada.get(f"/my{query}").text
        assert db.session.get_one(Ticket, mine.id).title == "Mine"
