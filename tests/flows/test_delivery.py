"""What becomes of a mail when the server, the worker or time is against it."""

from dataclasses import replace

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.conftest import csrf_header, opened, settings_for
from tests.factories import make_ticket
from tests.fakes.smtp import FakeMailServer, Mode
from tests.flows.mailing import mails, only_mail, run, send_again
from tests.jobs.states import lose_worker, make_due
from ticketdesk import create_app
from ticketdesk.extensions import db
from ticketdesk.mail import delivery, smtp
from ticketdesk.models import OutgoingMail


def meet(mode: Mode, desk: Flask, server: FakeMailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a mail meet the server in this mode, once; a server that hangs is waited for as short as can be told."""
    server.mode = mode
    make_ticket()
    with monkeypatch.context() as patch:
        if mode == "hang":
            patch.setitem(desk.config, "SETTINGS", replace(desk.config["SETTINGS"], mail_timeout=0.2))
        if mode == "hang after text":
            patch.setattr(smtp, "PATIENCE_AFTER_TEXT", 0.01)
        run(desk)
    server.mode = "ok"


def test_who_is_greylisted_comes_again(desk: Flask, server: FakeMailServer) -> None:
    server.mode = "greylist"
    make_ticket()
    run(desk)
    assert (only_mail().state, only_mail().attempts) == ("waiting", 1)
    assert "451" in (only_mail().last_error or "")
    run(desk)
    assert server.recipients_asked == ["ada@example.com"], "It waits before it comes again."
    make_due()
    run(desk)
    make_due()
    run(desk)
    assert (only_mail().state, only_mail().attempts, only_mail().last_error) == ("sent", 2, None)
    assert len(server.received) == 1


@pytest.mark.parametrize("mode", ["hang", "drop at recipient", "defer text"])
def test_what_the_server_does_not_have_is_sent_later(
    desk: Flask, server: FakeMailServer, monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    meet(mode, desk, server, monkeypatch)
    assert mails() == [("receipt", "waiting")]
    make_due()
    run(desk)
    assert mails() == [("receipt", "sent")]
    assert len(server.received) == 1


@pytest.mark.parametrize("mode", ["refuse sender", "refuse recipient", "refuse text"])
def test_what_is_refused_is_not_tried_again_unless_a_person_says_so(
    desk: Flask, server: FakeMailServer, mode: Mode
) -> None:
    server.mode = mode
    make_ticket()
    run(desk)
    make_due()
    run(desk)
    assert (only_mail().state, only_mail().attempts) == ("failed", 1)
    server.mode = "ok"
    assert send_again(desk) == "The mail is on its way."
    run(desk)
    assert mails() == [("receipt", "sent")]


def test_after_a_day_the_mail_is_given_up(desk: Flask, server: FakeMailServer) -> None:
    server.mode = "drop at recipient"
    make_ticket()
    for _ in range(len(delivery.WAITS) + 3):
        run(desk)
        make_due()
    assert (only_mail().state, only_mail().attempts) == ("failed", len(delivery.WAITS) + 1)
    assert len(server.recipients_asked) == len(delivery.WAITS) + 1


@pytest.mark.parametrize("mode", ["drop after text", "hang after text"])
def test_what_may_have_been_sent_is_not_sent_again_by_itself(
    desk: Flask, server: FakeMailServer, monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    meet(mode, desk, server, monkeypatch)
    make_due()
    run(desk)
    assert mails() == [("receipt", "unsure")]
    assert len(server.received) == 1
    assert send_again(desk) == "The mail is on its way."
    run(desk)
    assert mails() == [("receipt", "sent")]


@pytest.mark.parametrize(
    ("handed_over", "state", "received"),
    [("NULL", "sent", 1), ("now()", "unsure", 0)],
    ids=["before the text", "after the text began"],
)
def test_a_worker_that_died_leaves_what_it_knew(
    desk: Flask, server: FakeMailServer, handed_over: str, state: str, received: int
) -> None:
    make_ticket()
    db.session.execute(
        sa.text(f"UPDATE outgoing_mail SET state = 'sending', attempts = 1, handed_over_at = {handed_over}")
    )
    lose_worker()
    run(desk)
    make_due()
    run(desk)
    assert mails() == [("receipt", state)]
    assert len(server.received) == received


def test_a_mail_is_not_sent_by_two_workers(desk: Flask, server: FakeMailServer) -> None:
    make_ticket()
    first = delivery._begin(only_mail().id, desk.config["SETTINGS"])
    second = delivery._begin(only_mail().id, desk.config["SETTINGS"])
    assert first is not None
    assert second is not None
    second.note_text_begins()
    with pytest.raises(delivery._TakenOver):
        first.note_text_begins()


def test_a_link_that_expired_on_its_way_is_not_sent(desk: Flask, server: FakeMailServer) -> None:
    make_ticket()
    run(desk)
    server.received.clear()
    server.mode = "defer text"
    client = desk.test_client()
    client.post("/my", data={"email": "ada@example.com"}, headers=csrf_header(client))
    for _ in ("finding the tickets", "sending the mail"):
        run(desk)
    assert mails() == [("receipt", "sent"), ("sign_in", "waiting")]
    assert "452" in (
        db.session.scalars(sa.select(OutgoingMail.last_error).order_by(OutgoingMail.id.desc())).first() or ""
    )
    server.mode = "ok"
    db.session.execute(sa.text("UPDATE outgoing_mail SET created_at = created_at - interval '31 minutes'"))
    make_due()
    run(desk)
    assert mails() == [("receipt", "sent"), ("sign_in", "skipped")]
    assert server.received == []


def test_without_a_server_mails_are_kept(committed_url: str) -> None:
    with opened(create_app(settings_for(committed_url))) as app, app.app_context():
        make_ticket()
        run(app)
        assert mails() == [("receipt", "kept")]
        assert send_again(app).startswith("There is no mail server to send it through")
