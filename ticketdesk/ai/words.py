"""Reads a customer's text into words that can be compared.

Customers write with and without accents, in capitals, with amounts, links and
signatures. Every voter of the local engine reads through here, so that "café",
"CAFÉ" and "cafe" are one word to all of them.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

READ_MAX = 2_500
"""Characters of a text that are read: what a ticket is about stands near its beginning."""

MONEY = "#money"
NUMBER = "#number"
CODE = "#code"
LINK = "#link"
ADDRESS = "#address"

_TOKEN = re.compile(
    r"""
      (?P<address> [\w.+-]{1,64} @ [\w-]{1,63} (?:\.[\w-]{1,63})+ )
    | (?P<link>    (?:https?://|www\.) [^\s<>"]{1,500} )
    | (?P<money>   [$€£¥₹] \s? \d[\d.,]*
                 | \d[\d.,]* \s? (?: [$€£¥₹] | (?:usd|eur|euros?|gbp|brl|chf|dollars?|pounds?|bucks)\b ) )
    | (?P<code>    0x[0-9a-f]{2,16}\b )
    | (?P<word>    [^\W\d_]+ (?: ['’](?:t|s|re|ve|ll|d|m)\b )? )
    | (?P<number>  \d[\d.,:/-]* )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PLACEHOLDERS = {"address": ADDRESS, "link": LINK, "money": MONEY, "code": CODE}

_SIGN_OFF = re.compile(
    r"""
    ^ [ \t]* (?:
        (?:(?:best|kind(?:est)?|warm(?:est)?|many|with)[ ]+){0,2}(?:regards|wishes)
      | (?:yours\s+)?(?:sincerely|faithfully|truly)
      | (?:mit\s+)?(?:freundlichen?|besten?|herzlichen?|viele[nr]?|liebe[nr]?|schöne[nr]?)\s+gr(?:ü|ue)(?:ß|ss)en?
      | mfg
      | (?:muchos\s+)?saludos | (?:un\s+)?cordial\s+saludo | atentamente
      | (?:bien\s+)?cordialement | salutations | sincères\s+salutations
      | atenciosamente | cumprimentos | abraços
      | sent\s+from\s+my | von\s+meinem\s+\w+\s+gesendet
    ) \b (?!\s+to\b) .{0,60} $
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
_SIGN_OFF_EARLIEST = 40
# A greeting says nothing about the matter, and who greets formally mostly writes about certain matters.
_GREETING = re.compile(
    r"""
    ^ [ \t]* (?:
        (?: dear | sehr \s geehrte\w* | liebe[rs]? | estimad[oa]s? | prezad[oa]s? | chers? | chères? | madame )
        (?: [ ,]+ [^\s,:!.?]{1,20} ){0,4}
      | (?: hello | hi | hey | hallo | moin | hola | ol[áa] | bonjour | bonsoir | to \s whom \s it \s may \s concern
          | good \s (?:day|morning|afternoon|evening) | guten \s (?:tag|morgen|abend)
          | buen[oa]s \s (?:d[ií]as|tardes|noches) | bo[ma] \s (?:dia|tarde|noite) )
        (?: [ ]+ [^\s,:!.?]{1,20} )?
    ) \s* [,:!\n]
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
_QUOTED = re.compile(r"^[ \t]*>.*$", re.MULTILINE)


class Word(NamedTuple):
    """A word as it is compared, and as the customer wrote it."""

    folded: str
    written: str


@lru_cache(maxsize=8_000)
def fold(word: str) -> str:
    """A word without case, accents and apostrophes: "Can’t" is "cant", "Größe" is "grosse"."""
    plain = word.casefold().replace("'", "").replace("’", "")
    if plain.isascii():
        return plain
    decomposed = unicodedata.normalize("NFKD", plain)
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def read_words(text: str) -> list[Word]:
    """The words of a text in order, without quoted lines, greetings and what follows a sign-off.

    Amounts, links, addresses, error codes and long numbers become placeholders
    that start with ``#``: which amount it was says nothing, that there was one does.
    """
    text = _GREETING.sub(" ", _QUOTED.sub(" ", text[:READ_MAX]))
    sign_off = _SIGN_OFF.search(text, _SIGN_OFF_EARLIEST) if len(text) > _SIGN_OFF_EARLIEST else None
    if sign_off:
        text = text[: sign_off.start()]
    words = []
    for match in _TOKEN.finditer(text):
        kind, written = match.lastgroup, match.group()
        if kind == "word":
            words.append(Word(fold(written), written))
        elif kind == "number":
            # Three digits alone are mostly an HTTP status, which means something.
            words.append(Word(written if len(written) == 3 and written.isdigit() else NUMBER, written))
        else:
            words.append(Word(_PLACEHOLDERS[kind or ""], written))
    return words
