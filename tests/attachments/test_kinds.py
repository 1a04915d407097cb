"""What a file is stands in its content; a name says nothing."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attachments.samples import DOCX, PDF, REFUSED, SVG, TAKEN, archive
from ticketdesk.attachments.kinds import CHUNK, SIGNED, look_into


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_taken(name: str) -> None:
    content, media_type, ending = TAKEN[name]
    file = io.BytesIO(content)
    found = look_into(file)
    assert found.kind is not None
    assert (found.kind.media_type, found.kind.endings[0], found.size) == (media_type, ending, len(content))
    assert file.tell() == 0


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not(name: str) -> None:
    found = look_into(io.BytesIO(REFUSED[name]))
    assert found.kind is None
    assert found.macros == (name == "macros")


def test_nothing_that_a_browser_runs_is_known_as_itself() -> None:
    known = {look_into(io.BytesIO(content)).kind for content, _, _ in TAKEN.values()} | set(SIGNED.values())
    for kind in filter(None, known):
        assert not {"svg", "html", "htm", "xhtml", "xml", "js", "mht", "swf", "exe", "bat", "cmd"} & set(kind.endings)
        assert "svg" not in kind.media_type
        assert "html" not in kind.media_type


@pytest.mark.parametrize("at", [0, CHUNK - 1, CHUNK, 3 * CHUNK - 1])
def test_a_text_is_read_to_its_end(at: int) -> None:
    text = bytearray(b"a" * 3 * CHUNK)
    assert look_into(io.BytesIO(text)).kind is not None
    text[at] = 0
    assert look_into(io.BytesIO(text)).kind is None


def test_a_pdf_is_one_also_where_it_holds_only_ascii() -> None:
    found = look_into(io.BytesIO(b"%PDF-1.4\n1 0 obj\n"))
    assert found.kind is not None
    assert found.kind.media_type == "application/pdf"


class TestZips:
    def test_a_name_alone_makes_no_document(self) -> None:
        found = look_into(io.BytesIO(archive("word/document.xml")))
        assert found.kind is not None
        assert found.kind.media_type == "application/zip"

    def test_a_document_of_a_kind_that_is_not_known_is_a_zip(self) -> None:
        drawing = archive(first=("mimetype", "application/vnd.oasis.opendocument.text-template"))
        found = look_into(io.BytesIO(drawing))
        assert found.kind is not None
        assert found.kind.media_type == "application/zip"

    @pytest.mark.parametrize("comment", [b"", b"x" * 65_535])
    def test_a_comment_at_the_end_hides_nothing(self, comment: bytes) -> None:
        at = DOCX.rindex(b"PK\x05\x06")
        found = look_into(io.BytesIO(DOCX[: at + 20] + struct.pack("<H", len(comment)) + comment))
        assert found.kind is not None
        assert found.kind.endings == ("docx",)

    @given(st.binary(max_size=200), st.integers(0, len(DOCX)))
    def test_a_broken_one_is_a_zip_or_a_document(self, noise: bytes, at: int) -> None:
        found = look_into(io.BytesIO(DOCX[:4] + (DOCX[:at] + noise + DOCX[at:])[4:]))
        assert found.kind is None or found.kind.endings in {("zip",), ("docx",)}

    def test_a_list_of_names_that_never_ends_is_left(self) -> None:
        entry = b"PK\x01\x02" + bytes(24) + struct.pack("<HHH", 0, 0, 0) + bytes(12)
        end = b"PK\x05\x06" + bytes(8) + struct.pack("<II", 0xFFFFFFFF, 4) + b"\0\0"
        found = look_into(io.BytesIO(b"PK\x03\x04" + entry * 200_000 + end))
        assert found.kind is not None
        assert found.kind.endings == ("zip",)


@given(st.binary(max_size=300))
def test_anything_can_be_looked_into(content: bytes) -> None:
    for head in (b"", PDF[:5], SVG[:20], b"PK\x03\x04", b"\xff\xfe", bytes.fromhex("d0cf11e0a1b11ae1")):
        found = look_into(io.BytesIO(head + content))
        assert found.size == len(head + content)
