"""Rules for text that people send."""

import re

# PostgreSQL cannot store NUL, and a lone surrogate has no UTF-8 form.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_LINE_ENDS = re.compile(r"\r\n?|[\u2028\u2029]")
_BLANKS = re.compile(r"\s+")

UNSTORABLE_SENTENCE = "This contains a character that cannot be stored (such as NUL); remove it and try again."


def is_storable(text: str) -> bool:
    """Whether the database can hold this text."""
    return _UNSTORABLE.search(text) is None


def one_line(text: str) -> str:
    """The text on one line, without leading, trailing and repeated white space."""
    return _BLANKS.sub(" ", text).strip()


def many_lines(text: str) -> str:
    """The text with plain line ends and without white space around it."""
    return _LINE_ENDS.sub("\n", text).strip()
