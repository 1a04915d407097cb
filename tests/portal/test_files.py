"""Files at the customer's door: on the form, on a reply, and seen by those who may see them."""

import re
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse

from tests.attachments.forms import File, form_with
from tests.attachments.samples import DOCX, HTML, PDF, REFUSED, picture
from tests.conftest import csrf_header, opened, settings_for
from tests.factories import make_ticket
from tests.jobs.drain import run_jobs
from tests.portal.pages import filled_form, link_in, page_of
from ticketdesk import create_app
from ticketdesk.attachments import service as attachments
from ticketdesk.attachments.storage import StoreUnavailable, current_storage
from ticketdesk.attachments.waiting import read_words
from ticketdesk.core.actors import Actor, ActorKind
from ticketdesk.extensions import db
from ticketdesk.models import Attachment, Channel, Message, OutgoingMail, Ticket
from ticketdesk.tickets import conversation, queries, service

GRACE = Actor(ActorKind.STAFF, 7, "Grace Hopper")


def submit(client: FlaskClient, *files: File, to: str = "/", **typed: Any) -> TestResponse:
    """Send the form for a ticket."""
    form = form_with(*files, **filled_form(client) | {"category": "billing", "priority": "low"} | typed)
    return client.post(to, **form)


def say(client: FlaskClient, ticket: Ticket, *files: File, **typed: Any) -> TestResponse:
    """Send a reply, which has no words unless they are given."""
    page = page_of(client.get(f"/t/{ticket.link_id.hex}"))
    form = form_with(*files, **{"nonce": page.form["nonce"], "body": ""} | typed)
    return client.post(f"/t/{ticket.link_id.hex}", headers=csrf_header(client), **form)


def upload(client: FlaskClient, content: bytes = PDF, name: str = "a.pdf") -> dict[str, Any]:
    """Take a file in as the page's script does."""
    answer = client.post("/uploads", headers=csrf_header(client), **form_with((content, name)))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json  # type: ignore[assignment]
    return found


def words(answer: TestResponse) -> list[str]:
    """What the page's form would send for the files that are here already."""
    return re.findall(r'name="waiting" value="([^"]+)" checked', answer.text)


def names(ticket: Ticket) -> list[str]:
    return [file.name for file in attachments.of_ticket(ticket)]


def rows() -> int:
    return db.session.scalar(select(func.count()).select_from(Attachment)) or 0


def on_reply(ticket: Ticket, content: bytes, name: str, *, note: bool = False) -> Attachment:
    """A file on a message of staff."""
    (file,) = attachments.claim(attachments.receive([FileStorage(BytesIO(content), name)]).waiting)
    add = conversation.add_note if note else conversation.add_reply
    add(service.locked(ticket.id), "", GRACE, Channel.STAFF, files=[file])
    db.session.commit()
    return file


class TestTheForm:
    def test_its_files_stand_under_the_description(self, client: FlaskClient) -> None:
        ticket = queries.by_link(link_in(submit(client, (PDF, "Rechnung März.pdf"), (picture(), "screen.png"))))
        assert names(ticket) == ["Rechnung März.pdf", "screen.png"]
        page = client.get(f"/t/{ticket.link_id.hex}").text
        assert "Rechnung März.pdf" in page
        assert "thumbnail" not in page
        run_jobs()
        (address,) = re.findall(r'<img src="(/t/[^"]+/thumbnail)"', client.get(f"/t/{ticket.link_id.hex}").text)
        thumbnail = client.get(address)
        assert (thumbnail.status_code, thumbnail.mimetype) == (200, "image/webp")
        assert thumbnail.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in thumbnail.headers["Content-Security-Policy"]
        again = client.get(address, headers={"If-None-Match": thumbnail.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")

    @pytest.mark.parametrize("kind", ["exe", "macros", "nothing"])
    def test_one_that_is_refused_is_named_and_nothing_else_is_lost(self, client: FlaskClient, kind: str) -> None:
        answer = submit(client, (PDF, "a.pdf"), (REFUSED[kind], "b.doc"), (DOCX, "c.docx"), title="My title")
        assert answer.status_code == 400
        assert 'id="files-fault"' in answer.text
        assert "“b.doc” " in answer.text
        assert 'value="My title"' in answer.text
        assert [file.name for file in read_words(words(answer))] == ["a.pdf", "c.docx"]
        # Sent again without a script, the words bring the files.
        again = submit(client, waiting=words(answer))
        assert names(queries.by_link(link_in(again))) == ["a.pdf", "c.docx"]
        assert rows() == 2

    def test_files_are_kept_where_something_else_is_wrong(self, client: FlaskClient) -> None:
        answer = submit(client, (PDF, "a.pdf"), title="")
        assert answer.status_code == 400
        assert [file.name for file in read_words(words(answer))] == ["a.pdf"]

    def test_files_are_kept_through_the_step_that_suggests(self, client: FlaskClient) -> None:
        answer = submit(client, (PDF, "a.pdf"), to="/review")
        assert answer.status_code == 200
        assert [file.name for file in read_words(words(answer))] == ["a.pdf"]

    def test_one_that_is_not_ticked_any_more_stays_behind(self, client: FlaskClient) -> None:
        answer = submit(client, (PDF, "a.pdf"), (PDF, "b.pdf"), title="")
        again = submit(client, waiting=words(answer)[1:])
        assert names(queries.by_link(link_in(again))) == ["b.pdf"]

    def test_two_clicks_make_one_ticket_with_its_files_once(self, client: FlaskClient) -> None:
        typed = filled_form(client, category="billing", priority="low")
        sent = [client.post("/", **form_with((PDF, "a.pdf"), **typed)) for _ in range(2)]
        assert sent[0].location == sent[1].location
        assert names(queries.by_link(link_in(sent[0]))) == ["a.pdf"]

    def test_too_much_for_one_request_is_told_in_words(self, committed_url: str) -> None:
        with opened(create_app(settings_for(committed_url, ATTACHMENT_SIZE="1", ATTACHMENT_TOTAL="1"))) as app:
            client = app.test_client()
            answer = submit(client, (b"x" * 3_000_000, "a.txt"))
        assert answer.status_code == 413
        assert "a message takes 1 MB, and 1 MB each." in answer.text
        assert "back button" in answer.text


class TestUploads:
    def test_the_word_for_a_file_brings_it(self, client: FlaskClient) -> None:
        file = upload(client, name="../x/bill")
        assert (file["name"], file["size"]) == ("bill.pdf", len(PDF))
        assert names(queries.by_link(link_in(submit(client, waiting=file["word"])))) == ["bill.pdf"]

    def test_two_clicks_bring_it_once(self, client: FlaskClient) -> None:
        typed = {"waiting": upload(client)["word"]} | filled_form(client, category="billing", priority="low")
        sent = [client.post("/", data=typed) for _ in range(2)]
        assert link_in(sent[0]) == link_in(sent[1])

    def test_a_word_that_was_used_is_told(self, client: FlaskClient) -> None:
        used, free = upload(client)["word"], upload(client, name="b.pdf")["word"]
        submit(client, waiting=used)
        answer = submit(client, waiting=[used, free], title="Another one")
        assert answer.status_code == 400
        assert "“a.pdf” is not here any more; attach it again." in answer.text
        assert 'value="Another one"' in answer.text
        assert words(answer) == [free]

    @pytest.mark.parametrize("word", ["", "x", "eyJpZCI6MX0.forged", "\x00"])
    def test_a_word_that_is_none_brings_nothing(self, client: FlaskClient, word: str) -> None:
        assert names(queries.by_link(link_in(submit(client, waiting=word)))) == []

    def test_a_word_twice_is_one_file(self, client: FlaskClient) -> None:
        word = upload(client)["word"]
        assert names(queries.by_link(link_in(submit(client, waiting=[word, word])))) == ["a.pdf"]

    def test_words_are_counted_with_the_rest(self, client: FlaskClient) -> None:
        answer = submit(client, (PDF, "k.pdf"), waiting=[upload(client)["word"] for _ in range(10)])
        assert answer.status_code == 400
        assert "“k.pdf” is one too many; a message takes 10 files." in answer.text
        assert len(words(answer)) == 10

    def test_a_file_that_is_refused_is_told_to_the_script(self, client: FlaskClient) -> None:
        answer = client.post("/uploads", headers=csrf_header(client), **form_with((REFUSED["exe"], "setup.pdf")))
        assert answer.status_code == 400
        assert answer.json is not None
        assert answer.json["fault"].startswith("“setup.pdf” is of a kind that is not taken.")
        assert client.post("/uploads", headers=csrf_header(client), **form_with()).status_code == 400

    def test_it_takes_a_form_of_ours(self, client: FlaskClient) -> None:
        assert client.post("/uploads", **form_with((PDF, "a.pdf"))).status_code == 400
        assert rows() == 0

    def test_customers_are_counted_and_staff_are_not(self, committed_url: str) -> None:
        limits = {"RATELIMIT_ENABLED": "on", "RATELIMIT_UPLOAD": "1 per minute"}
        with opened(create_app(settings_for(committed_url, **limits))) as app:
            client = app.test_client()
            upload(client)
            assert client.post("/uploads", headers=csrf_header(client), **form_with((PDF, "a"))).status_code == 429


class TestReplies:
    def test_a_file_may_say_it_all(self, client: FlaskClient) -> None:
        ticket = make_ticket()
        assert say(client, ticket, (PDF, "proof.pdf")).status_code == 303
        message = db.session.scalars(select(Message)).one()
        assert (message.body, names(ticket)) == ("", ["proof.pdf"])
        assert 'class="prose"></div>' not in client.get(f"/t/{ticket.link_id.hex}").text

    def test_what_is_refused_comes_back_with_the_rest(self, client: FlaskClient) -> None:
        ticket = make_ticket()
        answer = say(client, ticket, (REFUSED["exe"], "setup.exe"), (PDF, "a.pdf"), body="My words.")
        assert answer.status_code == 400
        assert "“setup.exe” is of a kind that is not taken." in answer.text
        assert "My words.</textarea>" in answer.text
        assert names(ticket) == []
        assert say(client, ticket, waiting=words(answer), body="My words.").status_code == 303
        assert names(ticket) == ["a.pdf"]

    def test_two_clicks_say_it_once(self, client: FlaskClient) -> None:
        ticket = make_ticket()
        nonce, word = page_of(client.get(f"/t/{ticket.link_id.hex}")).form["nonce"], upload(client)["word"]
        sent = [say(client, ticket, nonce=nonce, waiting=word) for _ in range(2)]
        assert [answer.status_code for answer in sent] == [303, 303]
        assert sent[0].location == sent[1].location
        assert names(ticket) == ["a.pdf"]

    def test_a_store_that_does_not_answer_costs_no_words(
        self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise StoreUnavailable("it is away")

        word = upload(client)["word"]
        monkeypatch.setattr(current_storage(), "put", fail)
        answer = say(client, make_ticket(), (PDF, "b.pdf"), waiting=word, body="My words.")
        assert answer.status_code == 503
        assert "My words.</textarea>" in answer.text
        assert words(answer) == [word]

    def test_a_mail_about_a_reply_names_its_files(self, client: FlaskClient) -> None:
        ticket = make_ticket()
        on_reply(ticket, PDF, "Angebot <1>.pdf")
        mail = db.session.scalars(select(OutgoingMail).where(OutgoingMail.kind == "reply")).one()
        assert "- Angebot _1_.pdf" in mail.text
        assert "Angebot _1_.pdf" in mail.html
        assert f"/t/{ticket.link_id.hex}" in mail.text


class TestWhoMaySee:
    def test_a_link_opens_the_files_of_its_own_ticket_alone(self, client: FlaskClient) -> None:
        mine, other = make_ticket(), make_ticket()
        file = on_reply(other, picture(), "b.png")
        run_jobs()
        assert client.get(f"/t/{other.link_id.hex}/files/{file.id}").data == picture()
        assert client.get(f"/t/{other.link_id.hex}/files/{file.id}/thumbnail").status_code == 200
        for link in (mine.link_id.hex, "0" * 32, str(other.id)):
            for part in ("", "/thumbnail"):
                assert client.get(f"/t/{link}/files/{file.id}{part}").status_code == 404

    @pytest.mark.parametrize("part", ["", "/thumbnail"])
    def test_a_note_keeps_its_files(self, client: FlaskClient, agent: FlaskClient, part: str) -> None:
        ticket = make_ticket()
        file = on_reply(ticket, picture(), "secret.png", note=True)
        run_jobs()
        assert client.get(f"/t/{ticket.link_id.hex}/files/{file.id}{part}").status_code == 404
        assert agent.get(f"/t/{ticket.link_id.hex}/files/{file.id}{part}").status_code == 404
        assert agent.get(f"/staff/tickets/{ticket.id}/files/{file.id}{part}").status_code == 200
        assert "secret" not in client.get(f"/t/{ticket.link_id.hex}").text

    def test_what_waits_belongs_to_nobody_yet(self, client: FlaskClient) -> None:
        upload(client)
        waiting = db.session.scalars(select(Attachment)).one()
        assert client.get(f"/t/{make_ticket().link_id.hex}/files/{waiting.id}").status_code == 404

    def test_it_is_saved_and_never_shown(self, client: FlaskClient) -> None:
        ticket = queries.by_link(link_in(submit(client, (HTML, "page.html"))))
        (file,) = attachments.of_ticket(ticket)
        answer = client.get(f"/t/{ticket.link_id.hex}/files/{file.id}")
        assert answer.headers["Content-Type"] == "text/plain"
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="page.html.txt"')
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "noindex" in answer.headers["X-Robots-Tag"]
        assert client.head(f"/t/{ticket.link_id.hex}/files/{file.id}").data == b""
