"""Names of files: made safe to store, to show and to save, and written into headers."""

import re
import unicodedata
from urllib.parse import quote

from ticketdesk.attachments.kinds import Kind

NAME_MAX = 150
# File systems take 255 bytes, and browsers add to a name that is there already.
NAME_BYTES_MAX = 230
UNNAMED = "file"

# What Windows does not take in a name, and what every system takes for a path.
_NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*]')
_BLANKS = re.compile(r"\s+")
# Devices of Windows, which stay devices with any ending; digits may also be written as ¹, ² and ³.
_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(?=\.|$)", re.IGNORECASE)
# Joiners that Persian, Indic scripts and emoji are written with; every other character without a shape of its own
# goes, above all those that turn the direction of writing and let “gpj.exe” read as “exe.jpg”.
_JOINERS = "\u200c\u200d"
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def safe_name(given: str, kind: Kind) -> str:
    """The name for a file of this kind: no path, nothing unseen, an ending that fits what it is."""
    name = _NOT_IN_NAMES.sub("_", shown_name(given)).strip(" .")
    stem, dot, ending = name.rpartition(".")
    if not dot or ending.lower() not in kind.endings:
        stem, ending = name, kind.endings[0]
    if _DEVICES.match(stem):
        stem = f"_{stem}"
    return f"{_cut(stem, len(ending) + 1) or UNNAMED}.{ending}"


def shown_name(given: str) -> str:
    """The name as its sender knows it, for sentences: without a path and what cannot be seen."""
    name = "".join(map(_seen, re.split(r"[/\\]", given)[-1]))
    return _BLANKS.sub(" ", unicodedata.normalize("NFC", name)).strip()[:NAME_MAX] or UNNAMED


def disposition(name: str) -> str:
    """The Content-Disposition that has a browser save a file (RFC 6266), for old ones with a name in ASCII (5987)."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^\w .()+-]", "_", plain).strip() or UNNAMED
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _seen(character: str) -> str:
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in _UNSEEN and character not in _JOINERS else character


def _cut(stem: str, behind: int) -> str:
    """The stem, short enough with as many characters behind it; not cut within a character."""
    raw = stem[: NAME_MAX - behind].encode()[: NAME_BYTES_MAX - behind]
    return raw.decode("utf-8", "ignore").strip(" .")
