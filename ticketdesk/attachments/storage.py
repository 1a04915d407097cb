"""Where the contents of attachments lie: what every store can do, and the desk's own."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import IO, NamedTuple, cast

from flask import current_app

from config import Settings
from ticketdesk.core.errors import Unavailable

CHUNK = 256 * 1024
SHARDS = "0123456789abcdef"
"""The folders that contents lie in, by the first characters of their keys; at a million files 60,000 in each."""


class StoreUnavailable(Unavailable):
    """The store does not take or give files right now; ``reason`` is for the operator."""

    def __init__(self, reason: str) -> None:
        super().__init__("The desk cannot reach its files right now; try again in a moment.", retry_after=30)
        self.reason = reason


class Stored(NamedTuple):
    """A file in the store."""

    key: str
    changed_at: datetime


class Storage(ABC):
    """Keeps contents under keys, which the desk makes up and which begin with a shard's name.

    All methods raise ``StoreUnavailable`` where the store does not answer or is full.
    """

    @abstractmethod
    def put(self, key: str, content: IO[bytes]) -> None:
        """Store all of the content; it outlives a crash from the moment that this returns."""

    @abstractmethod
    def read(self, key: str) -> Iterator[bytes]:
        """The content in pieces.

        Raises:
            NotFound: there is none; raised at once and not with the first piece.
        """

    @abstractmethod
    def delete(self, keys: Iterable[str]) -> None:
        """Forget the contents; those that are not there count as forgotten."""

    @abstractmethod
    def stored(self, shard: str) -> Iterator[Stored]:
        """What is there of one of the ``SHARDS``, remains of interrupted work too."""

    @abstractmethod
    def try_out(self) -> None:
        """Store something small and forget it again."""

    @abstractmethod
    def place(self) -> str:
        """Where this is, in words for the operator."""


def storage_from(settings: Settings) -> Storage:
    """The store that the settings ask for. Nothing is opened or imported before it is used."""
    from ticketdesk.attachments.local import LocalStorage
    from ticketdesk.attachments.s3 import S3Storage

    if settings.s3 is not None:
        return S3Storage(settings.s3)
    return LocalStorage(settings.data_dir / "attachments")


def current_storage() -> Storage:
    """The app's store."""
    return cast(Storage, current_app.extensions["attachments"])
