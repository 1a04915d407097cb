"""Both stores, held to the same promises: a folder of this machine, and a real S3 server."""

import logging
import os
import stat
import urllib.request
import uuid
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, cast

import pytest

from config import Bucket
from tests.conftest import settings_for
from ticketdesk.attachments import local
from ticketdesk.attachments.local import LocalStorage
from ticketdesk.attachments.s3 import S3Storage
from ticketdesk.attachments.storage import SHARDS, Storage, Stored, StoreUnavailable, storage_from
from ticketdesk.core import clock
from ticketdesk.core.errors import NotFound

LARGE = bytes(range(256)) * 50_000  # More than one part of S3, and more than one piece.


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    """The address of an S3 server on loopback, with a bucket “desk”."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    urllib.request.urlopen(urllib.request.Request(f"{address}/desk", method="PUT")).close()
    yield address
    server.stop()


def bucket(address: str, name: str = "desk") -> Bucket:
    return Bucket(name, address, "us-east-1", "an id", "a secret")


@pytest.fixture(params=["local", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "s3":
        return S3Storage(bucket(request.getfixturevalue("s3_server")))
    return LocalStorage(tmp_path / "data" / "attachments")


def new_key() -> str:
    return uuid.uuid4().hex


def everything(storage: Storage) -> dict[str, Stored]:
    return {file.key: file for shard in SHARDS for file in storage.stored(shard)}


@pytest.mark.parametrize("content", [b"x", LARGE], ids=["small", "large"])
def test_what_is_put_in_comes_out(storage: Storage, content: bytes) -> None:
    key = new_key()
    with SpooledTemporaryFile(max_size=1_000_000) as file:  # As the web server hands a file over.
        file.write(content)
        file.seek(0)
        storage.put(key, cast(IO[bytes], file))
    pieces = list(storage.read(key))
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) < 10_000_000
    storage.delete([key])


def test_put_again_replaces(storage: Storage) -> None:
    key = new_key()
    storage.put(key, BytesIO(b"first"))
    storage.put(key, BytesIO(b"second"))
    assert b"".join(storage.read(key)) == b"second"
    storage.delete([key])


def test_what_is_deleted_is_gone_and_may_be_deleted_again(storage: Storage) -> None:
    kept, key = new_key(), new_key()
    for each in (kept, key):
        storage.put(each, BytesIO(b"x"))
    for _ in range(2):
        storage.delete([key, new_key()])
    with pytest.raises(NotFound):
        storage.read(key)
    assert set(everything(storage)) == {kept}
    storage.delete([kept])


def test_what_is_there_is_listed_with_its_age(storage: Storage) -> None:
    key = new_key()
    storage.put(key, BytesIO(b"x"))
    storage.put(f"{key}.thumbnail", BytesIO(b"x"))
    found = everything(storage)
    assert set(found) == {key, f"{key}.thumbnail"}
    assert abs(found[key].changed_at - clock.now()) < timedelta(minutes=5)
    storage.delete(found)


def test_an_empty_store_has_nothing_and_can_be_tried(storage: Storage) -> None:
    assert everything(storage) == {}
    storage.try_out()
    assert everything(storage) == {}


class TestLocal:
    def test_nobody_else_may_look(self, tmp_path: Path) -> None:
        root, key = tmp_path / "attachments", new_key()
        LocalStorage(root).put(key, BytesIO(b"x"))
        assert [stat.S_IMODE(path.stat().st_mode) for path in (root, root / key[0], root / key[0] / key)] == [
            0o700,
            0o700,
            0o600,
        ]

    def test_it_is_on_the_disk_before_it_has_its_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        done = []
        fsync, replace = os.fsync, Path.replace

        def flush(descriptor: int) -> None:
            done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
            fsync(descriptor)

        def rename(self: Path, target: Path) -> Path:
            done.append("rename")
            return replace(self, target)

        storage = LocalStorage(tmp_path / "attachments")
        key = new_key()
        storage.put(key, BytesIO(b"x"))
        monkeypatch.setattr(os, "fsync", flush)
        monkeypatch.setattr(Path, "replace", rename)
        storage.put(key, BytesIO(b"x"))
        assert done == ["file", "rename", "folder"]

    def test_an_interrupted_write_leaves_no_file_under_the_key(self, tmp_path: Path) -> None:
        class Broken(BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                raise ConnectionResetError("gone")

        storage, key = LocalStorage(tmp_path), new_key()
        with pytest.raises(StoreUnavailable):
            storage.put(key, Broken())
        with pytest.raises(NotFound):
            storage.read(key)
        assert everything(storage) == {}

    def test_a_full_disk_is_told_before_the_database_stands_still(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(local, "SPARE", 1 << 60)
        with pytest.raises(StoreUnavailable, match="cannot reach its files") as error:
            LocalStorage(tmp_path).put(new_key(), BytesIO(b"x"))
        assert "No space left" in error.value.reason

    def test_a_folder_that_cannot_be_made_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(StoreUnavailable) as error:
            LocalStorage(tmp_path / "file" / "attachments").try_out()
        assert "Not a directory" in error.value.reason


class TestS3:
    def test_a_bucket_that_is_not_there(self, s3_server: str) -> None:
        storage = S3Storage(bucket(s3_server, "nobodys"))
        with pytest.raises(StoreUnavailable) as error:
            storage.try_out()
        assert "404" in error.value.reason
        with pytest.raises(StoreUnavailable):
            list(storage.stored("0"))

    def test_a_server_that_does_not_answer(self) -> None:
        storage = S3Storage(bucket("http://127.0.0.1:1"))
        for attempt in (storage.try_out, lambda: storage.read(new_key())):
            with pytest.raises(StoreUnavailable):
                attempt()

    def test_objects_of_others_are_left_alone(self, s3_server: str) -> None:
        request = urllib.request.Request(f"{s3_server}/desk/0/somebody-elses", data=b"x", method="PUT")
        urllib.request.urlopen(request).close()
        assert everything(S3Storage(bucket(s3_server))) == {}


def test_the_settings_say_which() -> None:
    url = "postgresql://nobody@/none"
    keys = {"S3_ACCESS_KEY_ID": "an id", "S3_SECRET_ACCESS_KEY": "a secret"}
    inside = storage_from(settings_for(url, TICKETDESK_DATA="/var/lib/desk"))
    assert inside.place() == "/var/lib/desk/attachments"
    outside = storage_from(settings_for(url, S3_BUCKET="desk", S3_ENDPOINT="https://s3.example.com", **keys))
    assert outside.place() == "bucket 'desk' on https://s3.example.com"
    assert storage_from(settings_for(url, S3_BUCKET="desk")).place() == "bucket 'desk' on Amazon S3"
