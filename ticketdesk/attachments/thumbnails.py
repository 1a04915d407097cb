"""Small pictures of attached ones: made by a program of its own, kept beside the file."""

import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from typing import IO

import structlog

from ticketdesk.attachments.storage import current_storage
from ticketdesk.core.errors import NotFound
from ticketdesk.extensions import db
from ticketdesk.models import Attachment

log = structlog.get_logger(__name__)

SHRINK = Path(__file__).with_name("shrink.py")
SUFFIX = ".thumbnail"
MEDIA_TYPE = "image/webp"
# Longer than the program gives itself, for a machine that is busy.
PATIENCE = 40.0
SIZE_MAX = 2_000_000


def thumbnail_key(key: str) -> str:
    """Where the thumbnail of the file with this key lies."""
    return f"{key}{SUFFIX}"


def make(attachment_id: int) -> None:
    """Make the thumbnail of a picture, if it can be read."""
    attachment = db.session.get(Attachment, attachment_id)
    if attachment is None or attachment.thumbnail:
        return
    key = attachment.key
    # Fetching and shrinking may take seconds; no transaction stays open meanwhile.
    db.session.rollback()
    storage = current_storage()
    with tempfile.TemporaryFile() as original:
        try:
            original.writelines(storage.read(key))
        except NotFound:
            return
        original.seek(0)
        small = shrink(original)
    if small is None:
        return
    storage.put(thumbnail_key(key), BytesIO(small))
    # A ticket that was deleted for good meanwhile has taken the row with it; the sweep finds the file.
    if attachment := db.session.get(Attachment, attachment_id):
        attachment.thumbnail = True


def shrink(original: IO[bytes]) -> bytes | None:
    """A small WebP of a picture in a real file, or None where it cannot be read within bounds."""
    try:
        done = subprocess.run(  # noqa: S603  (this Python and a file of ours)
            [sys.executable, "-I", str(SHRINK)], stdin=original, capture_output=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        log.warning("thumbnail_failed", reason="time is up")
        return None
    if done.returncode != 0 or not done.stdout or len(done.stdout) > SIZE_MAX:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        log.warning("thumbnail_failed", reason=said[-1] if said else f"exit status {done.returncode}")
        return None
    return done.stdout
