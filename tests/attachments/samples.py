"""Small files of many kinds, as the programs that make them begin them."""

import gzip
import io
import zipfile
from typing import Any

from PIL import Image


def picture(form: str = "PNG", size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    """A picture, with a corner by which its turning can be told."""
    drawn = Image.new("RGB", size, "#3366cc")
    drawn.paste("#ffcc00", (0, 0, size[0] // 2, size[1] // 2))
    file = io.BytesIO()
    drawn.save(file, form, **options)
    return file.getvalue()


def archive(*names: str, first: tuple[str, str] | None = None) -> bytes:
    """A zip with files of these names."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        for name, content in ([first] if first else []) + [(name, "<x/>") for name in names]:
            zipped.writestr(name, content)
    return file.getvalue()


def compound(stream: str) -> bytes:
    """An old Office file, as far as its directory."""
    return bytes.fromhex("d0cf11e0a1b11ae1") + bytes(1000) + stream.encode("utf-16-le") + bytes(100)


def media(brand: bytes) -> bytes:
    """A film, sound or picture in an ISO base media file."""
    return b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0" + brand + bytes(100)


PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"
SVG = b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(1)</script></svg>"
HTML = b"<!doctype html><html><body><script>alert(document.domain)</script></body></html>"
MAIL = b"Received: from a by b\n\tfor c\nFrom: Ada <ada@example.com>\nDate: Mon, 2 Nov 2026 10:00:00 +0000\n\nHello\n"
DOCX = archive("[Content_Types].xml", "word/document.xml")

# What is taken: the content, its media type, and the ending it gets.
TAKEN: dict[str, tuple[bytes, str, str]] = {
    "png": (picture(), "image/png", "png"),
    "jpeg": (picture("JPEG"), "image/jpeg", "jpg"),
    "gif": (picture("GIF"), "image/gif", "gif"),
    "webp": (picture("WEBP"), "image/webp", "webp"),
    "bmp": (picture("BMP"), "image/bmp", "bmp"),
    "tiff": (picture("TIFF"), "image/tiff", "tiff"),
    "heic": (media(b"heic"), "image/heic", "heic"),
    "heif": (media(b"mif1"), "image/heic", "heic"),
    "avif": (media(b"avif"), "image/avif", "avif"),
    "pdf": (PDF, "application/pdf", "pdf"),
    "docx": (DOCX, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    "xlsx": (
        archive("xl/workbook.xml", "[Content_Types].xml"),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "xlsx",
    ),
    "odt": (
        archive("content.xml", first=("mimetype", "application/vnd.oasis.opendocument.text")),
        "application/vnd.oasis.opendocument.text",
        "odt",
    ),
    "doc": (compound("WordDocument"), "application/msword", "doc"),
    "xls": (compound("Workbook"), "application/vnd.ms-excel", "xls"),
    "msg": (compound("__properties_version1.0"), "application/vnd.ms-outlook", "msg"),
    "zip": (archive("a.txt", "b/c.txt"), "application/zip", "zip"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\4" + bytes(50), "application/x-7z-compressed", "7z"),
    "gz": (gzip.compress(b"log"), "application/gzip", "gz"),
    "mp4": (media(b"isom"), "video/mp4", "mp4"),
    "mov": (media(b"qt  "), "video/quicktime", "mov"),
    "webm": (
        b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm\0",
        "video/webm",
        "webm",
    ),
    "m4a": (media(b"M4A "), "audio/mp4", "m4a"),
    "mp3": (b"ID3\x04\0\0" + bytes(50), "audio/mpeg", "mp3"),
    "wav": (b"RIFF\x24\0\0\0WAVEfmt " + bytes(50), "audio/wav", "wav"),
    "text": (b"Hello, world.\r\n", "text/plain", "txt"),
    "utf-8": ("Grüße – ✓\n".encode(), "text/plain", "txt"),
    "cp1252": ("Größe;Menge\n10;20\n".encode("cp1252"), "text/plain", "txt"),
    "utf-16": ("Größe\n".encode("utf-16"), "text/plain", "txt"),
    "colours": (b"\x1b[31merror\x1b[0m\n", "text/plain", "txt"),
    "mail": (MAIL, "message/rfc822", "eml"),
    "svg": (SVG, "text/plain", "txt"),
    "html": (HTML, "text/plain", "txt"),
    "script": (b"#!/bin/sh\nrm -rf ~\n", "text/plain", "txt"),
    "text that begins as a bitmap": (b"BMs are slow today", "text/plain", "txt"),
}

REFUSED: dict[str, bytes] = {
    "exe": b"MZ\x90\0" + bytes(60),
    "elf": b"\x7fELF\2\1\1" + bytes(60),
    "shortcut": bytes.fromhex("4c0000000114020000000000c000000000000046") + bytes(50),
    "class": b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(50),
    "noise": bytes(range(256)) * 4,
    "installer": compound("!_StringPool"),
    "macros": archive("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"),
    "utf-16 that is none": b"\xff\xfe" + bytes.fromhex("00d8") * 8,
    "nothing": b"",
}
