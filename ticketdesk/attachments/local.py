"""Files in a folder of this machine."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import IO

import structlog

from ticketdesk.attachments.storage import CHUNK, Storage, Stored, StoreUnavailable
from ticketdesk.core.errors import NotFound

log = structlog.get_logger(__name__)

# The database often lies on the same disk, and stops when that is full; so files stop before.
SPARE = 200_000_000


class LocalStorage(Storage):
    """Keeps each content as a file of its own, for this user alone."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, key: str, content: IO[bytes]) -> None:
        """Write beside, flush to the disk, rename, and flush the folder's entry too."""
        path = self._path(key)
        draft = path.with_name(f"{key}.{secrets.token_hex(4)}.part")
        with _told():
            self._make(path.parent)
            if shutil.disk_usage(path.parent).free < SPARE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            try:
                with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    shutil.copyfileobj(content, file, CHUNK)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(path)
            except BaseException:
                with suppress(OSError):
                    draft.unlink()
                raise
            _flush_folder(path.parent)

    def read(self, key: str) -> Iterator[bytes]:
        """The file in pieces, opened with the first one, because an answer to HEAD has none."""
        path = self._path(key)
        if not path.is_file():
            raise NotFound("This file is no longer there.")
        return _pieces(path)

    def delete(self, keys: Iterable[str]) -> None:
        """Unlink the files; their entries may come back after a crash, and are swept then."""
        with _told():
            for key in keys:
                self._path(key).unlink(missing_ok=True)

    def stored(self, shard: str) -> Iterator[Stored]:
        """The folder's files, half written ones too."""
        folder = self.root / shard
        with _told():
            for entry in os.scandir(folder) if folder.is_dir() else ():
                with suppress(FileNotFoundError):
                    yield Stored(entry.name, datetime.fromtimestamp(entry.stat().st_mtime, UTC))

    def try_out(self) -> None:
        """Write a file as every other, and remove it."""
        key = f"0-tried-{secrets.token_hex(4)}"
        self.put(key, BytesIO(b"x"))
        self.delete([key])

    def place(self) -> str:
        """The folder."""
        return str(self.root)

    def _path(self, key: str) -> Path:
        return self.root / key[:1] / key

    def _make(self, folder: Path) -> None:
        """Make a folder and those above it, so that they outlive a crash."""
        if folder.is_dir():
            return
        self._make(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        _flush_folder(folder.parent)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            yield piece


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = f"{error.strerror or error} ({error.filename or 'attachments'})"
        log.error("attachments_unavailable", reason=reason)
        raise StoreUnavailable(reason) from error
