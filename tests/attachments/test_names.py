"""Names of files, safe on every system and in every header."""

import unicodedata
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.http import parse_options_header

from ticketdesk.attachments.kinds import PDF, TEXT
from ticketdesk.attachments.names import NAME_BYTES_MAX, NAME_MAX, disposition, safe_name, shown_name


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("invoice.pdf", "invoice.pdf"),
        ("Rechnung März 2026.PDF", "Rechnung März 2026.PDF"),
        ("请款单.pdf", "请款单.pdf"),
        ("قائمة\u200cها.pdf", "قائمة\u200cها.pdf"),
        ("😀👩\u200d🔧.pdf", "😀👩\u200d🔧.pdf"),
        # An ending that does not fit the content gets the one that does.
        ("invoice", "invoice.pdf"),
        ("invoice.exe", "invoice.exe.pdf"),
        ("invoice.pdf.html", "invoice.pdf.html.pdf"),
        # Paths.
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\Users\\Ada\\bill.pdf", "bill.pdf"),
        ("..", "file.pdf"),
        ("/", "file.pdf"),
        (".pdf", "pdf.pdf"),
        ("....pdf", "pdf.pdf"),
        # What systems do not take, or take for something else.
        ('a<b>c:d"e|f?g*.pdf', "a_b_c_d_e_f_g_.pdf"),
        ("con.pdf", "_con.pdf"),
        ("Com1.tar.pdf", "_Com1.tar.pdf"),
        ("LPT².pdf", "_LPT².pdf"),
        ("console.pdf", "console.pdf"),
        ("bill .pdf. . ", "bill.pdf"),
        # What cannot be seen, and what turns the direction of writing.
        ("a\0b\r\nc\td.pdf", "ab c d.pdf"),
        ("bill\u202efdp.exe", "billfdp.exe.pdf"),
        ("\ufeffbill\u2066\u200e.pdf", "bill.pdf"),
        ("a\ud800b.pdf", "ab.pdf"),
        ("a\u2028b\u00a0c.pdf", "a b c.pdf"),
        # Composed and decomposed letters are the same name.
        ("Ma\u0308rz.pdf", "März.pdf"),
    ],
)
def test_safe_names(given: str, name: str) -> None:
    assert safe_name(given, PDF) == name


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("table.csv", "table.csv"),
        ("logo.svg", "logo.svg.txt"),
        ("page.html", "page.html.txt"),
        ("feed.xml", "feed.xml.txt"),
        ("run.bat", "run.bat.txt"),
        ("desktop.ini", "desktop.ini.txt"),
        (".htaccess", "htaccess.txt"),
    ],
)
def test_a_text_opens_in_an_editor(given: str, name: str) -> None:
    assert safe_name(given, TEXT) == name


NAMES = st.text(st.characters() | st.sampled_from('./\\ "\r\n\0\u202e%;'), max_size=400)


@given(NAMES)
def test_any_name_becomes_a_safe_one(given: str) -> None:
    name = safe_name(given, PDF)
    assert name.lower().endswith(".pdf")
    assert len(name) <= NAME_MAX
    assert len(name.encode()) <= NAME_BYTES_MAX
    assert not set(name) & set('/\\<>:"|?*')
    assert not [character for character in name if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}]
    assert not set(name) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200e\u200f\u061c")
    assert name == name.strip(" .")
    assert safe_name(name, PDF) == name
    assert shown_name(given)


@given(NAMES)
def test_a_header_carries_any_name_and_nothing_else(given: str) -> None:
    name = safe_name(given, PDF)
    value = disposition(name)
    assert value.isascii()
    assert value.isprintable()
    kind, options = parse_options_header(value)
    assert (kind, options["filename"]) == ("attachment", name)
    header = Message()
    header["Content-Disposition"] = value.partition("; filename*")[0]
    assert (header.get_filename() or "").lower().endswith(".pdf")


def test_old_browsers_get_a_name_in_ascii() -> None:
    assert disposition("Übersicht 请.pdf") == (
        "attachment; filename=\"Ubersicht .pdf\"; filename*=UTF-8''%C3%9Cbersicht%20%E8%AF%B7.pdf"
    )
