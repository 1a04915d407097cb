"""Files in a bucket of any store that speaks S3. The one file that knows its client, obstore."""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from io import BytesIO
from typing import IO, TYPE_CHECKING

import structlog

from config import Bucket
from ticketdesk.attachments.storage import CHUNK, Storage, Stored, StoreUnavailable
from ticketdesk.core.errors import NotFound

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Store

log = structlog.get_logger(__name__)

PREFIX = "attachments"
# Of a large file so many parts of 5 MB are on their way at once, and so much of it is in memory.
PARTS_AT_ONCE = 2
CONNECT_TIMEOUT, REQUEST_TIMEOUT, GIVE_UP_AFTER = timedelta(seconds=5), timedelta(seconds=60), timedelta(seconds=20)


class S3Storage(Storage):
    """Keeps each content as an object under ``attachments/`` in a bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    @cached_property
    def _store(self) -> "S3Store":
        from obstore.store import S3Store

        bucket = self._bucket
        config: S3Config = {"region": bucket.region, "virtual_hosted_style_request": False}
        if bucket.endpoint:
            config["endpoint"] = bucket.endpoint
        if bucket.key_id and bucket.secret:
            config |= {"access_key_id": bucket.key_id, "secret_access_key": bucket.secret}
        return S3Store(
            bucket.name,
            prefix=PREFIX,
            config=config,
            client_options={
                "allow_http": True,
                "connect_timeout": CONNECT_TIMEOUT,
                "timeout": REQUEST_TIMEOUT,
            },
            retry_config={"max_retries": 2, "retry_timeout": GIVE_UP_AFTER},
        )

    def put(self, key: str, content: IO[bytes]) -> None:
        """Send the content in parts; the store answers once it holds all of them."""
        import obstore

        with self._told(missing_is_trouble=True):
            obstore.put(self._store, _path(key), content, max_concurrency=PARTS_AT_ONCE)

    def read(self, key: str) -> Iterator[bytes]:
        """The object in pieces as they come in."""
        import obstore

        with self._told():
            found = obstore.get(self._store, _path(key))
        return self._pieces(iter(found.stream(min_chunk_size=CHUNK)))

    def delete(self, keys: Iterable[str]) -> None:
        """Delete the objects, many with each request."""
        import obstore

        with self._told(missing_is_trouble=True):
            obstore.delete(self._store, list(map(_path, keys)))

    def stored(self, shard: str) -> Iterator[Stored]:
        """The shard's objects, listed a thousand at a time."""
        import obstore

        with self._told(missing_is_trouble=True):
            for batch in obstore.list(self._store, shard):
                yield from (Stored(found["path"].rpartition("/")[2], found["last_modified"]) for found in batch)

    def try_out(self) -> None:
        """Store an object and delete it."""
        key = f"0-tried-{secrets.token_hex(4)}"
        self.put(key, BytesIO(b"x"))
        self.delete([key])

    def place(self) -> str:
        """The bucket and its server."""
        return f"bucket {self._bucket.name!r} on {self._bucket.endpoint or 'Amazon S3'}"

    def _pieces(self, stream: Iterator[object]) -> Iterator[bytes]:
        with self._told():
            for piece in stream:
                yield bytes(piece)  # type: ignore[call-overload]  # A buffer of obstore's own.

    @contextmanager
    def _told(self, *, missing_is_trouble: bool = False) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except FileNotFoundError as error:
            # Said of an object that is not there, and of a bucket that is not.
            if not missing_is_trouble:
                raise NotFound("This file is no longer there.") from None
            raise self._trouble(error) from error
        except (BaseError, OSError) as error:
            raise self._trouble(error) from error

    def _trouble(self, error: Exception) -> StoreUnavailable:
        reason = str(error).partition("\n")[0].strip() or type(error).__name__
        log.error("attachments_unavailable", reason=reason)
        return StoreUnavailable(reason)


def _path(key: str) -> str:
    return f"{key[:1]}/{key}"
