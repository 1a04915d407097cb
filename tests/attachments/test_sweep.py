"""Between a file and its row: whatever ends a request there, neither stays without the other."""

import io
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from structlog.testing import capture_logs
from werkzeug.datastructures import FileStorage

from config import ROOT
from tests.conftest import SECRET_KEY, opened, settings_for
from tests.factories import make_ticket
from ticketdesk import create_app
from ticketdesk.attachments import service, sweep
from ticketdesk.attachments.local import LocalStorage
from ticketdesk.attachments.storage import current_storage
from ticketdesk.attachments.thumbnails import thumbnail_key
from ticketdesk.attachments.waiting import HOURS, Waiting
from ticketdesk.core.actors import CUSTOMER
from ticketdesk.extensions import db
from ticketdesk.models import Attachment, Channel
from ticketdesk.tickets import conversation
from ticketdesk.tickets.service import locked

HOUR = 3600.0


@pytest.fixture
def store(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStorage:
    """A store of the test's own."""
    store = LocalStorage(tmp_path / "attachments")
    monkeypatch.setitem(app.extensions, "attachments", store)
    return store


def offered(content: bytes = b"Hello") -> list[FileStorage]:
    return [FileStorage(io.BytesIO(content), "hello.txt")]


def receive() -> Waiting:
    (waiting,) = service.receive(offered()).waiting
    db.session.commit()
    return waiting


def files(store: LocalStorage) -> set[str]:
    return {path.name for path in store.root.rglob("*") if path.is_file()}


def age(store: LocalStorage, hours: float) -> None:
    """Make all files in the store older."""
    then = time.time() - hours * HOUR
    for path in store.root.rglob("*"):
        os.utime(path, (then, then))


def run_sweep() -> None:
    sweep.sweep()
    db.session.commit()


def test_a_file_whose_row_was_rolled_back_is_swept_after_an_hour(store: LocalStorage) -> None:
    service.receive(offered())
    db.session.rollback()
    run_sweep()
    assert len(files(store)) == 1
    age(store, 1.1)
    run_sweep()
    assert files(store) == set()


def test_what_an_interrupted_write_left_is_swept(store: LocalStorage) -> None:
    store.try_out()
    (store.root / "0" / ("0" * 32 + ".1234abcd.part")).write_bytes(b"half")
    age(store, 1.1)
    run_sweep()
    assert files(store) == set()


def test_a_file_with_its_row_stays_however_old(store: LocalStorage) -> None:
    waiting = receive()
    ticket = locked(make_ticket().id)
    (file,) = service.claim([waiting])
    conversation.add_reply(ticket, "", CUSTOMER, Channel.PORTAL, files=[file])
    store.put(thumbnail_key(file.key), io.BytesIO(b"small"))
    db.session.commit()
    age(store, 10_000)
    run_sweep()
    assert files(store) == {file.key, thumbnail_key(file.key)}


def test_files_of_a_ticket_that_is_purged_go_after_it(store: LocalStorage) -> None:
    ticket = locked(make_ticket().id)
    (file,) = service.claim([receive()])
    message = conversation.add_reply(ticket, "", CUSTOMER, Channel.PORTAL, files=[file])
    db.session.commit()
    db.session.execute(sa.text("DELETE FROM message WHERE id = :id"), {"id": message.id})
    db.session.commit()
    age(store, 1.1)
    run_sweep()
    assert files(store) == set()


def test_what_waited_for_a_form_too_long_goes_with_its_file(store: LocalStorage) -> None:
    waiting = receive()
    backdate(waiting.id, hours=HOURS)
    run_sweep()
    assert db.session.get(Attachment, waiting.id) is not None
    backdate(waiting.id, hours=2)
    age(store, HOURS + 2)
    run_sweep()
    assert db.session.get(Attachment, waiting.id) is None
    run_sweep()
    assert files(store) == set()


def backdate(attachment_id: int, hours: float) -> None:
    db.session.execute(
        sa.update(Attachment)
        .where(Attachment.id == attachment_id)
        .values(created_at=Attachment.created_at - timedelta(hours=hours))
    )
    db.session.commit()


def test_a_row_without_its_file_is_told(store: LocalStorage) -> None:
    waiting = receive()
    backdate(waiting.id, hours=2)
    (key,) = files(store)
    with capture_logs() as before:
        run_sweep()
    store.delete([key])
    with capture_logs() as after:
        run_sweep()
    assert [line["event"] for line in before] == []
    assert [(line["event"], line["keys"]) for line in after] == [("attachments_missing", [key])]


def test_a_file_whose_transaction_may_still_commit_is_left(
    committed_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "GRACE", timedelta(0))
    with (
        opened(create_app(settings_for(committed_url, TICKETDESK_DATA=str(tmp_path)))) as app,
        app.app_context(),
        db.engine.connect() as late,
    ):
        store = LocalStorage(tmp_path / "attachments")
        began = late.execute(sa.text("SELECT extract(epoch FROM now())::float")).scalar_one()
        service.receive(offered())
        db.session.rollback()
        (path,) = (path for path in store.root.rglob("*") if path.is_file())
        os.utime(path, (began + 0.001, began + 0.001))
        run_sweep()
        assert path.exists()
        late.rollback()
        run_sweep()
        assert not path.exists()


KILLED = """
import io, os, signal, sys
from werkzeug.datastructures import FileStorage
from ticketdesk import create_app
from ticketdesk.attachments import service
from ticketdesk.extensions import db
with create_app().app_context():
    before = sys.argv[1] == "before the row"
    if before:
        db.session.add_all = lambda rows: os.kill(os.getpid(), signal.SIGKILL)
    service.receive([FileStorage(io.BytesIO(b"Hello"), "hello.txt")])
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.processes
@pytest.mark.parametrize("moment", ["before the row", "before the commit"])
def test_a_process_killed_in_between_leaves_nothing(committed_url: str, tmp_path: Path, moment: str) -> None:
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": committed_url,
        "SECRET_KEY": SECRET_KEY,
        "TICKETDESK_DATA": str(tmp_path),
        "LOG_FORMAT": "json",
    }
    done = subprocess.run([sys.executable, "-c", KILLED, moment], env=environ, cwd=tmp_path, capture_output=True)
    assert done.returncode == -9, done.stderr.decode()
    store = LocalStorage(tmp_path / "attachments")
    assert len(files(store)) == 1
    with opened(create_app(settings_for(committed_url, TICKETDESK_DATA=str(tmp_path)))) as app, app.app_context():
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Attachment)) == 0
        age(store, 1.1)
        run_sweep()
        assert current_storage().place() == str(store.root)
    assert files(store) == set()
