"""Files through the API."""

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.api.test_tickets import faults
from tests.attachments.forms import File, form_with
from tests.attachments.samples import HTML, PDF, REFUSED, SVG, picture
from tests.conftest import opened, settings_for
from tests.factories import make_ticket, make_token
from ticketdesk import create_app
from ticketdesk.attachments.storage import current_storage
from ticketdesk.extensions import db
from ticketdesk.models import Attachment, Message, Scope, Ticket

NEW = {"title": "Charged twice", "description": "My card was charged twice for one invoice."}


def add(client: FlaskClient, headers: dict[str, str], ticket_id: int, *files: File, **fields: Any) -> TestResponse:
    form = form_with(*files, **{"kind": "reply"} | fields)
    return client.post(f"/api/tickets/{ticket_id}/attachments/", headers=headers, **form)


def listed(client: FlaskClient, headers: dict[str, str], ticket_id: int) -> list[dict[str, Any]]:
    answer = client.get(f"/api/tickets/{ticket_id}/attachments/", headers=headers)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json  # type: ignore[assignment]
    return found


class TestAdd:
    def test_files_without_words_are_a_message(self, client: FlaskClient, writer: dict[str, str]) -> None:
        ticket = make_ticket()
        answer = add(client, writer, ticket.id, (PDF, "Rechnung März.pdf"), (picture(), "../screen"))
        assert answer.status_code == 201
        assert answer.json is not None
        assert (answer.json["kind"], answer.json["body"]) == ("reply", "")
        assert [
            (file["name"], file["media_type"], file["size"], file["message"]) for file in answer.json["attachments"]
        ] == [
            ("Rechnung März.pdf", "application/pdf", len(PDF), answer.json["id"]),
            ("screen.png", "image/png", len(picture()), answer.json["id"]),
        ]
        assert listed(client, writer, ticket.id) == answer.json["attachments"]
        messages = client.get(f"/api/tickets/{ticket.id}/messages/", headers=writer)
        assert messages.json == [answer.json]

    def test_a_message_may_bring_files(self, client: FlaskClient, writer: dict[str, str]) -> None:
        ticket = make_ticket()
        form = form_with((PDF, "a.pdf"), kind="reply", body="Here it *is*.", status="resolved")
        answer = client.post(f"/api/tickets/{ticket.id}/messages/", headers=writer, **form)
        assert answer.status_code == 201
        assert answer.json is not None
        assert (answer.json["body"], len(answer.json["attachments"])) == ("Here it *is*.", 1)
        assert db.session.get_one(Ticket, ticket.id).status == "resolved"

    def test_a_ticket_may_be_opened_with_files(self, client: FlaskClient, reader: dict[str, str]) -> None:
        answer = client.post("/api/tickets/", **form_with((PDF, "a.pdf"), **NEW, priority="low"))
        assert answer.status_code == 201
        assert answer.json is not None
        assert answer.json["priority"] == "low"
        (file,) = listed(client, reader, answer.json["id"])
        assert (file["name"], file["message"]) == ("a.pdf", None)

    def test_a_note_keeps_its_files_at_the_desk(self, client: FlaskClient, writer: dict[str, str]) -> None:
        ticket = make_ticket()
        answer = add(client, writer, ticket.id, (PDF, "secret.pdf"), kind="note", body="For us.")
        assert answer.status_code == 201
        assert "secret" not in client.get(f"/t/{ticket.link_id.hex}").text

    @pytest.mark.parametrize("kind", REFUSED)
    def test_all_or_nothing(self, client: FlaskClient, writer: dict[str, str], kind: str) -> None:
        ticket = make_ticket()
        answer = add(client, writer, ticket.id, (PDF, "a.pdf"), (REFUSED[kind], "photo.jpg"), (b"", "b.txt"))
        assert answer.status_code == 400
        assert faults(answer)
        assert answer.json is not None
        told = answer.json["errors"]
        assert [fault["field"] for fault in told] == ["files", "files"]
        assert told[0]["message"].startswith("“photo.jpg” ")
        assert listed(client, writer, ticket.id) == []
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Message)) == 0
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Attachment)) == 0

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"kind": "remark"}, "kind"),
            ({"body": "x" * 20_001}, "body"),
            ({"last_message_id": "many"}, "last_message_id"),
            ({"colour": "red"}, "colour"),
            ({"body": ["one", "two"]}, "body"),
            ({"body": "a\0b"}, "body"),
            ({"kind": "note", "status": "resolved"}, "body"),
        ],
        ids=str,
    )
    def test_a_bad_form(self, client: FlaskClient, writer: dict[str, str], fields: dict[str, Any], field: str) -> None:
        answer = add(client, writer, make_ticket().id, (PDF, "a.pdf"), **fields)
        assert answer.status_code == 400
        assert field in faults(answer)

    @pytest.mark.parametrize(
        ("form", "field"),
        [
            (form_with((PDF, "a.pdf"), field="picture", kind="reply"), "picture"),
            (form_with(kind="reply"), "files"),
            (form_with((PDF, ""), kind="reply"), "files"),
            (form_with(kind="reply", files="a.pdf"), "files"),
        ],
        ids=["another field", "none", "without a name", "a text"],
    )
    def test_a_form_without_files(
        self, client: FlaskClient, writer: dict[str, str], form: dict[str, Any], field: str
    ) -> None:
        answer = client.post(f"/api/tickets/{make_ticket().id}/attachments/", headers=writer, **form)
        assert answer.status_code == 400
        assert field in faults(answer)

    def test_what_is_no_form(self, client: FlaskClient, writer: dict[str, str]) -> None:
        path = f"/api/tickets/{make_ticket().id}/attachments/"
        assert client.post(path, json={"kind": "reply"}, headers=writer).status_code == 415

    def test_no_such_ticket(self, client: FlaskClient, writer: dict[str, str]) -> None:
        assert add(client, writer, 1, (PDF, "a.pdf")).status_code == 404


class TestOnce:
    def test_the_same_form_again_adds_nothing(self, client: FlaskClient, writer: dict[str, str]) -> None:
        ticket, headers = make_ticket(), writer | {"Idempotency-Key": "a"}
        # Each sending has another boundary between its parts.
        first, again = (add(client, headers, ticket.id, (PDF, "a.pdf"), body="Once.") for _ in range(2))
        assert (again.status_code, again.data) == (201, first.data)
        assert len(listed(client, writer, ticket.id)) == 1

    @pytest.mark.parametrize(
        "changed", [(PDF + b"%", "a.pdf", "Once."), (PDF, "b.pdf", "Once."), (PDF, "a.pdf", "Twice.")]
    )
    def test_the_key_with_another_form_is_a_conflict(
        self, client: FlaskClient, writer: dict[str, str], changed: tuple[bytes, str, str]
    ) -> None:
        ticket, headers = make_ticket(), writer | {"Idempotency-Key": "a"}
        assert add(client, headers, ticket.id, (PDF, "a.pdf"), body="Once.").status_code == 201
        content, name, body = changed
        assert add(client, headers, ticket.id, (content, name), body=body).status_code == 409
        assert len(listed(client, writer, ticket.id)) == 1


class TestDownload:
    @pytest.mark.parametrize(
        ("content", "name", "media_type", "saved_as"),
        [
            (PDF, "Größe “1”.pdf", "application/pdf", "filename=\"Groe 1.pdf\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20"),
            (SVG, "logo.svg", "text/plain", 'filename="logo.svg.txt"'),
            (HTML, "page.html", "text/plain", 'filename="page.html.txt"'),
        ],
    )
    def test_a_file_is_saved_and_never_shown(
        self,
        client: FlaskClient,
        writer: dict[str, str],
        content: bytes,
        name: str,
        media_type: str,
        saved_as: str,
    ) -> None:
        ticket = make_ticket()
        add(client, writer, ticket.id, (content, name))
        (file,) = listed(client, writer, ticket.id)
        path = f"/api/tickets/{ticket.id}/attachments/{file['id']}/"
        answer = client.get(path, headers=writer)
        assert (answer.status_code, answer.data) == (200, content)
        assert answer.headers["Content-Type"] == media_type
        assert answer.headers["Content-Length"] == str(len(content))
        assert answer.headers["Content-Disposition"].startswith(f"attachment; {saved_as}")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert "no-cache" in answer.headers["Cache-Control"]
        head = client.head(path, headers=writer)
        assert (head.status_code, head.data, head.headers["Content-Length"]) == (200, b"", str(len(content)))

    def test_only_with_its_own_ticket(self, client: FlaskClient, writer: dict[str, str]) -> None:
        mine, other = make_ticket(), make_ticket()
        add(client, writer, mine.id, (PDF, "a.pdf"))
        (file,) = listed(client, writer, mine.id)
        for path in (
            f"/api/tickets/{other.id}/attachments/{file['id']}/",
            f"/api/tickets/{mine.id}/attachments/{file['id'] + 1}/",
            f"/api/tickets/{mine.id}/attachments/{2**63}/",
        ):
            faults(client.get(path, headers=writer))
            assert client.get(path, headers=writer).status_code == 404
        assert client.get(f"/api/tickets/{mine.id}/attachments/{file['id']}/").status_code == 401

    def test_a_file_whose_content_is_gone(self, client: FlaskClient, writer: dict[str, str]) -> None:
        ticket = make_ticket()
        add(client, writer, ticket.id, (PDF, "a.pdf"))
        row = db.session.scalars(sa.select(Attachment)).one()
        current_storage().delete([row.key])
        answer = client.get(f"/api/tickets/{ticket.id}/attachments/{row.id}/", headers=writer)
        assert answer.status_code == 404


class TestLimits:
    @pytest.fixture
    def send(self, committed_url: str) -> Any:
        limits = {"ATTACHMENT_FILES": "2", "ATTACHMENT_SIZE": "1", "ATTACHMENT_TOTAL": "1"}
        with opened(create_app(settings_for(committed_url, **limits))) as app:
            with app.app_context():
                ticket_id, headers = make_ticket().id, {"Authorization": f"Bearer {make_token(Scope.WRITE)}"}
            yield lambda *files: add(app.test_client(), headers, ticket_id, *files)

    def test_of_a_message(self, send: Any) -> None:
        large, half = b"x" * (1024 * 1024 + 1), b"x" * 600_000
        cases = {
            "“c.txt” is one too many; a message takes 2 files.": [(b"x", f"{name}.txt") for name in "abc"],
            "“a.txt” is larger than 1 MB, the most that a file may have.": [(large, "a.txt")],
            "“b.txt” does not fit; the files of a message may have 1 MB together.": [(half, "a.txt"), (half, "b.txt")],
        }
        for sentence, files in cases.items():
            answer = send(*files)
            assert (answer.status_code, faults(answer)) == (400, {"files": sentence})
        assert send((b"x" * 1024 * 1024, "a.txt")).status_code == 201

    def test_of_a_request(self, send: Any) -> None:
        answer = send((b"x" * 3 * 1024 * 1024, "a.txt"))
        assert answer.status_code == 413
        faults(answer)


def test_only_routes_that_take_files_take_much(app: Flask, agent: FlaskClient, writer: dict[str, str]) -> None:
    """A form of 2 MB is more than all other routes read."""
    ticket = make_ticket()

    def send(path: str) -> int:
        return agent.post(path, headers=writer, **form_with((b"x" * 2 * 1024 * 1024, "a.txt"))).status_code

    assert send(f"/api/tickets/{ticket.id}/attachments/") == 400
    for path in ("/suggest", f"/t/{ticket.link_id.hex}/status", "/staff/sign-in"):
        assert send(path) == 413
