"""Which files are taken: how many, how large, of which kinds. Pure."""

from dataclasses import dataclass

from ticketdesk.attachments.kinds import Content

FIELD = "files"
"""What the field with the files is called, in forms and in the API."""

TAKEN = "Pictures, PDFs, office documents, texts, mails, recordings and zip archives are."
SHRINKABLE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})
"""Media types of which a thumbnail is made."""

# What a form has beside its files: texts, and what stands between the parts.
FORM_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """How many files a message may have, and how many bytes one of them and all of them."""

    files: int
    size: int
    total: int

    @property
    def request(self) -> int:
        """How many bytes a request with a message may have."""
        return self.total + FORM_BYTES


class Allowance:
    """What a message may still take, while its files are looked at one after the other."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._files = self._total = 0

    def fault(self, name: str, content: Content) -> str:
        """Why the file is not taken, or nothing, and then it counts."""
        limits = self._limits
        if content.size == 0:
            return f"“{name}” is empty; choose another file."
        if content.size > limits.size:
            return f"“{name}” is larger than {megabytes(limits.size)}, the most that a file may have."
        if content.macros:
            return f"“{name}” holds macros, which are not taken; save it without them, or as a PDF."
        if content.kind is None:
            return f"“{name}” is of a kind that is not taken. {TAKEN}"
        return self.count(name, content.size)

    def count(self, name: str, size: int) -> str:
        """Why a file that is fine in itself does not fit beside the others, or nothing."""
        limits = self._limits
        if self._files + 1 > limits.files:
            return f"“{name}” is one too many; a message takes {limits.files} files."
        if self._total + size > limits.total:
            return f"“{name}” does not fit; the files of a message may have {megabytes(limits.total)} together."
        self._files += 1
        self._total += size
        return ""


def megabytes(size: int) -> str:
    """A size as people say it; a megabyte has 1,024 × 1,024 bytes, as for most file managers."""
    if size < 1024:
        return f"{size} bytes"
    if size < 1024 * 1024:
        return f"{round(size / 1024)} KB"
    return f"{size / 1024 / 1024:.1f}".removesuffix(".0") + " MB"
