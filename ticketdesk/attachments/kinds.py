"""Telling from its content what a file is. A name is never believed: what is on no list here is not taken.

What a browser would run (HTML, SVG, scripts) is text to the desk like any other.
It is given back under a name that ends as text does, so nothing opens it but an editor.
"""

import codecs
import hashlib
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import IO

CHUNK = 256 * 1024
# As far as the signatures reach that are looked for.
HEAD = 4096
# The end record of a zip and the longest comment behind it; the longest list of names that is read.
ZIP_END, ZIP_LIST = 22 + 65_535, 4 * 1024 * 1024


class Group(StrEnum):
    """What people would call a file; each has an icon."""

    PICTURE = "picture"
    DOCUMENT = "document"
    TABLE = "table"
    TEXT = "text"
    MAIL = "mail"
    ARCHIVE = "archive"
    SOUND = "sound"
    FILM = "film"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file that is taken; a name must end in one of ``endings``, and gets the first where it does not."""

    media_type: str
    group: Group
    endings: tuple[str, ...]


PDF = Kind("application/pdf", Group.DOCUMENT, ("pdf",))
TEXT = Kind(
    "text/plain",
    Group.TEXT,
    ("txt", "csv", "tsv", "log", "md", "json", "yaml", "yml", "sql", "diff", "patch", "srt", "vtt", "ics", "vcf"),
)
MAIL = Kind("message/rfc822", Group.MAIL, ("eml",))
ZIP = Kind("application/zip", Group.ARCHIVE, ("zip",))
HEIC = Kind("image/heic", Group.PICTURE, ("heic", "heif"))
AVIF = Kind("image/avif", Group.PICTURE, ("avif",))
MOV = Kind("video/quicktime", Group.FILM, ("mov",))
M4A = Kind("audio/mp4", Group.SOUND, ("m4a",))
MP4 = Kind("video/mp4", Group.FILM, ("mp4", "m4v"))

# By the ending under which puremagic knows their signature.
SIGNED = {
    ".png": Kind("image/png", Group.PICTURE, ("png",)),
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), Kind("image/jpeg", Group.PICTURE, ("jpg", "jpeg", "jfif"))),
    ".gif": Kind("image/gif", Group.PICTURE, ("gif",)),
    ".webp": Kind("image/webp", Group.PICTURE, ("webp",)),
    ".bmp": Kind("image/bmp", Group.PICTURE, ("bmp",)),
    **dict.fromkeys((".tiff", ".tif"), Kind("image/tiff", Group.PICTURE, ("tiff", "tif"))),
    ".webm": Kind("video/webm", Group.FILM, ("webm",)),
    ".mkv": Kind("video/x-matroska", Group.FILM, ("mkv",)),
    **dict.fromkeys((".mp3", ".mpga"), Kind("audio/mpeg", Group.SOUND, ("mp3",))),
    ".wav": Kind("audio/wav", Group.SOUND, ("wav",)),
    ".ogg": Kind("audio/ogg", Group.SOUND, ("ogg", "oga", "opus")),
    ".7z": Kind("application/x-7z-compressed", Group.ARCHIVE, ("7z",)),
    ".gz": Kind("application/gzip", Group.ARCHIVE, ("gz", "tgz")),
}

# ISO base media files (ISO/IEC 14496-12, 4.3) by the brand that they name first; any other is taken for MP4.
BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"), HEIC),
    **dict.fromkeys((b"avif", b"avis"), AVIF),
    b"qt  ": MOV,
    b"M4A ": M4A,
}

_OFFICE_XML = "application/vnd.openxmlformats-officedocument"
# Office documents are zips; the name of a file inside tells which (ECMA-376, OpenDocument 1.3 part 2).
ZIPPED = {
    b"word/document.xml": Kind(f"{_OFFICE_XML}.wordprocessingml.document", Group.DOCUMENT, ("docx",)),
    b"xl/workbook.xml": Kind(f"{_OFFICE_XML}.spreadsheetml.sheet", Group.TABLE, ("xlsx",)),
    b"ppt/presentation.xml": Kind(f"{_OFFICE_XML}.presentationml.presentation", Group.DOCUMENT, ("pptx",)),
}
OPEN_DOCUMENTS = {
    b"text": Kind("application/vnd.oasis.opendocument.text", Group.DOCUMENT, ("odt",)),
    b"spreadsheet": Kind("application/vnd.oasis.opendocument.spreadsheet", Group.TABLE, ("ods",)),
    b"presentation": Kind("application/vnd.oasis.opendocument.presentation", Group.DOCUMENT, ("odp",)),
}
_OPEN_DOCUMENT = re.compile(rb"mimetypeapplication/vnd\.oasis\.opendocument\.([a-z]+)(?![a-z-])")
MACROS = b"vbaproject.bin"

# Compound files (MS-CFB) by the name of a stream inside.
COMPOUND = bytes.fromhex("d0cf11e0a1b11ae1")
STREAMS = {
    "WordDocument": Kind("application/msword", Group.DOCUMENT, ("doc",)),
    "Workbook": Kind("application/vnd.ms-excel", Group.TABLE, ("xls",)),
    "PowerPoint Document": Kind("application/vnd.ms-powerpoint", Group.DOCUMENT, ("ppt",)),
    "__properties_version1.0": Kind("application/vnd.ms-outlook", Group.MAIL, ("msg",)),
}

# Every byte that a text in UTF-8 or an 8-bit code may have; of the controls tab, line feed, form feed, carriage
# return, and the escape that colours logs.
_TEXT_BYTES = bytes({*range(0x20, 0x7F), *range(0x80, 0x100), 0x09, 0x0A, 0x0C, 0x0D, 0x1B})
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_HEADER = re.compile(rb"([!-9;-~]+):[ \t]")
_HEADERS_OF_MAIL = {b"from", b"date"}


_GROUPS = {
    kind.media_type: kind.group
    for kind in (
        *(PDF, TEXT, MAIL, ZIP, HEIC, AVIF, MOV, M4A, MP4),
        *SIGNED.values(),
        *ZIPPED.values(),
        *OPEN_DOCUMENTS.values(),
        *STREAMS.values(),
    )
}


def group_of(media_type: str) -> Group:
    """What people would call a file of this media type."""
    return _GROUPS.get(media_type, Group.DOCUMENT)


@dataclass(frozen=True, slots=True)
class Content:
    """What was found in a file; a kind of None is one that is not taken."""

    size: int
    sha256: str
    kind: Kind | None
    macros: bool = False


def look_into(file: IO[bytes]) -> Content:
    """Read a file once through, say what it is, and leave it at its beginning."""
    file.seek(0)
    head = file.read(HEAD)
    file.seek(0)
    whole, size, text = hashlib.sha256(), 0, _TextTest(head)
    while chunk := file.read(CHUNK):
        whole.update(chunk)
        text.feed(chunk)
        size += len(chunk)
    kind, macros = _kind(file, head, size, is_text=text.passed), False
    if kind in ZIPPED.values() or kind is ZIP:
        macros = any(name.lower().endswith(MACROS) for name in _names_in_zip(file, size))
    file.seek(0)
    return Content(size, whole.hexdigest(), None if macros else kind, macros)


def _kind(file: IO[bytes], head: bytes, size: int, *, is_text: bool) -> Kind | None:
    if not head:
        return None
    if head.startswith(b"%PDF-"):
        return PDF
    if is_text:
        return MAIL if _is_mail(head) else TEXT
    if head.startswith(b"PK\x03\x04"):
        return _zipped(file, head, size)
    if head.startswith(COMPOUND):
        return _compound(file)
    if head[4:8] == b"ftyp":
        return BRANDS.get(head[8:12], MP4)
    return _signed(head)


def _signed(head: bytes) -> Kind | None:
    """The kind with the longest signature that fits, unless something that is not taken has a longer one."""
    # Here, because many processes never meet a picture or a PDF, and its table of signatures takes 1.3 MB.
    import puremagic

    try:
        matches = puremagic.magic_string(head)
    except puremagic.PureError:
        return None
    longest = max(len(match.byte_match) for match in matches)
    fitting = {match.extension for match in matches if len(match.byte_match) == longest}
    return next((kind for ending, kind in SIGNED.items() if ending in fitting), None)


class _TextTest:
    """Whether what is fed holds no byte that a text would not have."""

    def __init__(self, head: bytes) -> None:
        self.passed = True
        self._utf16 = codecs.getincrementaldecoder("utf-16")() if head.startswith(_UTF16_MARKS) else None

    def feed(self, chunk: bytes) -> None:
        """Go on with the next stretch of the file."""
        if not self.passed:
            return
        if self._utf16 is None:
            self.passed = not chunk.translate(None, delete=_TEXT_BYTES)
            return
        try:
            self.passed = "\0" not in self._utf16.decode(chunk)
        except UnicodeDecodeError:
            self.passed = False


def _is_mail(head: bytes) -> bool:
    """Whether a text begins with the headers of RFC 5322 that every mail has."""
    names = set()
    for line in head.splitlines():
        if line[:1] in {b" ", b"\t"}:
            continue
        header = _HEADER.match(line)
        if header is None:
            break
        names.add(header[1].lower())
    return names >= _HEADERS_OF_MAIL


def _zipped(file: IO[bytes], head: bytes, size: int) -> Kind:
    if (found := _OPEN_DOCUMENT.match(head, 30)) and found[1] in OPEN_DOCUMENTS:
        return OPEN_DOCUMENTS[found[1]]
    names = set(_names_in_zip(file, size))
    if b"[Content_Types].xml" in names:
        return next((kind for name, kind in ZIPPED.items() if name in names), ZIP)
    return ZIP


def _names_in_zip(file: IO[bytes], size: int) -> Iterator[bytes]:
    """The names in a zip's central directory (APPNOTE 4.3.12), as far as it can be read and is not absurdly long.

    `zipfile` would make an object for each of the hundred thousands that fit into a small file.
    """
    file.seek(max(0, size - ZIP_END))
    end = file.read(ZIP_END)
    at = end.rfind(b"PK\x05\x06")
    if at < 0 or at + 22 > len(end):
        return
    length, offset = struct.unpack_from("<II", end, at + 12)
    file.seek(min(offset, size))
    listed = file.read(min(length, ZIP_LIST))
    at = 0
    while listed.startswith(b"PK\x01\x02", at) and at + 46 <= len(listed):
        name, extra, comment = struct.unpack_from("<HHH", listed, at + 28)
        yield listed[at + 46 : at + 46 + name]
        at += 46 + name + extra + comment


def _compound(file: IO[bytes]) -> Kind | None:
    """The kind by a stream's name, in UTF-16 in the directory, which may stand anywhere in the file."""
    wanted = {name.encode("utf-16-le") + b"\0\0": kind for name, kind in STREAMS.items()}
    overlap = max(map(len, wanted))
    file.seek(0)
    window = b""
    while chunk := file.read(CHUNK):
        window = window[-overlap:] + chunk
        for name, kind in wanted.items():
            if name in window:
                return kind
    return None
