"""Small pictures: made of pixels alone, and of nothing that costs the desk its memory or its time."""

import io
import struct
import zlib
from tempfile import TemporaryFile

import pytest
from flask import Flask
from PIL import Image
from werkzeug.datastructures import FileStorage

from tests.attachments.samples import DOCX, HTML, SVG, picture
from tests.factories import make_ticket
from tests.jobs.drain import run_jobs
from ticketdesk.attachments import service, thumbnails
from ticketdesk.attachments.shrink import SIDE
from ticketdesk.attachments.storage import current_storage
from ticketdesk.attachments.thumbnails import shrink, thumbnail_key
from ticketdesk.core.actors import CUSTOMER
from ticketdesk.extensions import db
from ticketdesk.models import Attachment, Channel
from ticketdesk.tickets import conversation
from ticketdesk.tickets.service import locked


def shrunk(content: bytes) -> Image.Image | None:
    with TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        small = shrink(file)
    return Image.open(io.BytesIO(small)) if small else None


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_a_large_picture_becomes_a_small_one(form: str) -> None:
    small = shrunk(picture(form, (1600, 800)))
    assert small is not None
    assert (small.format, small.size) == ("WEBP", (SIDE, SIDE // 2))


def test_a_small_picture_stays_as_it_is_and_keeps_its_transparency() -> None:
    file = io.BytesIO()
    Image.new("LA", (20, 10), (255, 0)).save(file, "PNG")
    small = shrunk(file.getvalue())
    assert small is not None
    assert (small.size, small.mode) == ((20, 10), "RGBA")
    assert small.getpixel((3, 3))[3] == 0  # type: ignore[index]


def test_it_is_turned_as_the_camera_says_and_tells_nothing_else() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # Turn it right.
    exif[0x013B] = "Ada Lovelace"
    exif.get_ifd(0x8825)[2] = (51.0, 30.0, 0.0)  # Where it was taken.
    small = shrunk(picture("JPEG", (400, 200), exif=exif, comment=b"secret"))
    assert small is not None
    assert small.size == (200, 400)
    # The yellow corner was at the top left, and is at the top right now.
    assert small.convert("RGB").getpixel((150, 50))[0] > 200  # type: ignore[index]
    assert not small.getexif()
    assert {"exif", "xmp", "comment", "icc_profile"}.isdisjoint(small.info)


def bomb(side: int) -> bytes:
    """A PNG that says it is so wide and high."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    pixels = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "content",
    [bomb(8_000), bomb(60_000), picture()[:60], picture("JPEG")[:200], b"", SVG, HTML, DOCX, b"GIF89a" + bytes(20)],
    ids=["bomb", "large bomb", "cut PNG", "cut JPEG", "nothing", "SVG", "HTML", "document", "broken GIF"],
)
def test_what_cannot_be_read_has_none(content: bytes) -> None:
    assert shrunk(content) is None


def test_one_that_takes_too_long_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thumbnails, "PATIENCE", 0.001)
    assert shrunk(picture()) is None


def attached(name: str, content: bytes) -> Attachment:
    """A file on a customer's reply."""
    received = service.receive([FileStorage(io.BytesIO(content), name)])
    ticket = locked(make_ticket().id)
    files = service.claim(received.waiting)
    conversation.add_reply(ticket, "", CUSTOMER, Channel.PORTAL, files=files)
    db.session.commit()
    return files[0]


def test_a_job_makes_it_however_often_it_runs(app: Flask) -> None:
    file = attached("screen.png", picture("PNG", (900, 900)))
    assert not file.thumbnail
    assert "attachments.thumbnail" in run_jobs(times=2)
    assert file.thumbnail
    small = Image.open(io.BytesIO(b"".join(current_storage().read(thumbnail_key(file.key)))))
    assert (small.format, small.size) == ("WEBP", (SIDE, SIDE))


def test_a_picture_that_cannot_be_read_is_kept_without_one(app: Flask) -> None:
    file = attached("screen.png", bomb(8_000))
    run_jobs()
    assert not file.thumbnail
    assert b"".join(current_storage().read(file.key)) == bomb(8_000)


def test_a_document_asks_for_none(app: Flask) -> None:
    attached("letter.docx", DOCX)
    assert "attachments.thumbnail" not in run_jobs()
