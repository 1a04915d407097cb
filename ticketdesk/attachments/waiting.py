"""Files that a form has brought before it could be sent: the form carries them as signed words."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Self

from flask import current_app
from itsdangerous import BadData, URLSafeSerializer

from ticketdesk.models import Attachment

FIELD = "waiting"
"""What the form's field with a signed word is called."""

HOURS = 24
"""How long a file waits at least."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that is taken in and waits for its message. All that a page shows of it is in the word."""

    id: int
    name: str
    size: int
    media_type: str
    sha256: str

    @classmethod
    def of(cls, row: Attachment) -> Self:
        """The same for a flushed row."""
        return cls(row.id, row.name, row.size, row.media_type, row.sha256)

    @property
    def word(self) -> str:
        """The file as a signed word: whoever sends it back has brought the file."""
        return _signer().dumps(asdict(self))


def read_words(words: Iterable[str]) -> list[Waiting]:
    """The files that a form carries, each once; a word that is not ours is passed over."""
    found = {}
    for word in words:
        try:
            file = Waiting(**_signer().loads(word))
        except BadData:
            continue
        found[file.id] = file
    return list(found.values())


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="waiting file")
