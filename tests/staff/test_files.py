"""Files at the console: sent with replies and notes, kept where something stops them, and downloaded."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.attachments.forms import File, form_with
from tests.attachments.samples import PDF, REFUSED, picture
from tests.conftest import csrf_header
from tests.factories import make_ticket
from tests.jobs.drain import run_jobs
from tests.staff.talking import box, reply
from ticketdesk.attachments import service as attachments
from ticketdesk.attachments.waiting import read_words
from ticketdesk.core.actors import CUSTOMER
from ticketdesk.extensions import db
from ticketdesk.models import Message, Ticket


def write(client: FlaskClient, ticket: Ticket, *files: File, to: str = "messages", **typed: Any) -> TestResponse:
    """Send the box for writing."""
    form = form_with(*files, **{"kind": "reply"} | box(client, ticket) | typed)
    return client.post(f"/staff/tickets/{ticket.id}/{to}", headers=csrf_header(client), **form)


def words(answer: TestResponse) -> list[str]:
    return re.findall(r'name="waiting" value="([^"]+)" checked', answer.text)


def names(ticket: Ticket) -> list[tuple[str, str, list[str]]]:
    """What was said on the ticket, and the files with it."""
    messages = db.session.scalars(select(Message).where(Message.ticket_id == ticket.id).order_by(Message.id)).all()
    files = attachments.of_messages(message.id for message in messages)
    return [(each.kind, each.body, [file.name for file in files.get(each.id, ())]) for each in messages]


@pytest.mark.parametrize("kind", ["reply", "note"])
def test_files_go_with_what_is_written_or_alone(agent: FlaskClient, kind: str) -> None:
    ticket = make_ticket()
    assert write(agent, ticket, (PDF, "a.pdf"), (PDF, "b.pdf"), kind=kind, **{kind: "Here."}).status_code == 303
    assert write(agent, ticket, (PDF, "c.pdf"), kind=kind).status_code == 303
    assert names(ticket) == [(kind, "Here.", ["a.pdf", "b.pdf"]), (kind, "", ["c.pdf"])]
    page = agent.get(f"/staff/tickets/{ticket.id}").text
    assert [page.count(f'title="{name}.pdf"') for name in "abc"] == [1, 1, 1]


def test_what_stops_a_reply_costs_it_no_file(agent: FlaskClient) -> None:
    ticket = make_ticket()
    seen = box(agent, ticket)["seen"]
    reply(ticket, "Meanwhile!", CUSTOMER)
    stopped = write(agent, ticket, (PDF, "a.pdf"), reply="Soon.", seen=seen)
    assert stopped.status_code == 409
    assert [file.name for file in read_words(words(stopped))] == ["a.pdf"]
    assert write(agent, ticket, reply="Soon.", waiting=words(stopped)).status_code == 303
    assert names(ticket)[-1] == ("reply", "Soon.", ["a.pdf"])


def test_a_file_that_is_refused_is_told_beside_the_field(agent: FlaskClient) -> None:
    ticket = make_ticket()
    answer = write(agent, ticket, (PDF, "a.pdf"), (REFUSED["exe"], "b.exe"), reply="Soon.")
    assert answer.status_code == 422
    assert re.search(r'id="files-fault".*?“b.exe” is of a kind that is not taken', answer.text, re.DOTALL)
    assert "Soon.</textarea>" in answer.text
    assert [file.name for file in read_words(words(answer))] == ["a.pdf"]
    assert names(ticket) == []


def test_two_clicks_send_it_once(agent: FlaskClient) -> None:
    ticket = make_ticket()
    stopped = write(agent, ticket, (PDF, "a.pdf"), (REFUSED["exe"], "b.exe"))
    typed: dict[str, Any] = box(agent, ticket) | {"waiting": words(stopped), "reply": "Once."}
    assert [write(agent, ticket, **typed).status_code for _ in range(2)] == [303, 303]
    assert names(ticket) == [("reply", "Once.", ["a.pdf"])]


def test_with_files_a_macro_says_something_also_without_words(agent: FlaskClient) -> None:
    ticket = make_ticket()
    assert write(agent, ticket, (PDF, "a.pdf"), set_status="resolved").status_code == 303
    assert names(ticket) == [("reply", "", ["a.pdf"])]
    assert ticket.status == "resolved"


def test_files_are_kept_where_a_canned_reply_is_put_in(agent: FlaskClient) -> None:
    ticket = make_ticket()
    page = write(agent, ticket, (PDF, "a.pdf"), to="insert", reply="Dear Ada,")
    assert page.status_code == 200
    assert [file.name for file in read_words(words(page))] == ["a.pdf"]
    assert "Dear Ada,</textarea>" in page.text


def test_a_picture_is_shown_small_and_saved_whole(agent: FlaskClient) -> None:
    mine, other = make_ticket(), make_ticket()
    write(agent, mine, (picture(), "screen.png"))
    run_jobs()
    (file,) = attachments.of_ticket(mine)
    assert f'src="/staff/tickets/{mine.id}/files/{file.id}/thumbnail"' in agent.get(f"/staff/tickets/{mine.id}").text
    saved = agent.get(f"/staff/tickets/{mine.id}/files/{file.id}")
    assert (saved.data, saved.headers["Content-Disposition"][:10]) == (picture(), "attachment")
    assert saved.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    for part in ("", "/thumbnail"):
        assert agent.get(f"/staff/tickets/{other.id}/files/{file.id}{part}").status_code == 404
