"""Takes what identifies people, or opens their doors, out of a text before it leaves the house.

Each find is replaced by a placeholder that says what stood there, such as
``[email]``, so that the text can still be classified. In doubt it takes out more:
an order number that is hidden costs a classification nothing, a card number that
has leaked cannot be taken back.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Callable

SECRET_MIN = 16
"""Characters from which an unbroken run that does not read like words counts as a secret."""

# Text copied from web pages and address books carries these inside numbers and names.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")

_KEY_BLOCK = re.compile(r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)", re.DOTALL)
_LABELLED_SECRET = re.compile(
    r"(?i)\b(pass(?:word|code|phrase)|passwort|kennwort|contraseña|senha|mot de passe"
    r"|pin|otp|cvv|cvc|secret|token|api[ _-]?key)(\s*[:=]\s*)[^\s\[]\S*"
)
# The local part of an address has at most 64 characters (RFC 5321); without a bound the search would be quadratic.
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})*")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])")
# A number between letters is part of a longer run, which is then taken out as a whole; taken out by
# itself it would leave pieces of a key that are too short to be told from words.
_CARD = re.compile(r"(?<![A-Za-z0-9_])\d(?:[ -]?\d){12,18}(?![A-Za-z0-9_])")
_IP4 = re.compile(r"(?<![A-Za-z0-9_.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)(?![A-Za-z_])")
_IP6 = re.compile(r"(?<!\w)[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?!\w)")
_LONG_NUMBER = re.compile(
    r"(?P<date>(?<!\d)(?:(?:19|20)\d\d([-./])\d{1,2}\2\d{1,2}|\d{1,2}([-./])\d{1,2}\3(?:19|20)\d\d)(?!\d))"
    r"|(?P<code>\b0x[0-9A-Fa-f]{1,16}\b)"
    r"|(?P<phone>\+?\(?\d(?:[ \t./()‐-―-]{0,3}\d){6,})"
)

_RUN = re.compile(rf"[A-Za-z0-9_+/=.~-]{{{SECRET_MIN},}}")
_PIECE = re.compile(r"[A-Za-z0-9]+")
_WORD_OR_NUMBER = re.compile(r"\d+|[A-Za-z]+\d{0,3}|\d{1,4}[A-Za-z]{1,3}")
_HUMP = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")

_NAME_PARTICLES = frozenset({"bin", "das", "del", "den", "der", "des", "dos", "ibn", "ter", "und", "van", "von"})


def redact(text: str, name: str | None = None) -> str:
    """The text with placeholders in place of what is private; ``name`` is its writer's.

    Full-width digits, ligatures and the like come out as the plain characters they stand for.
    """
    text = _plain(text)
    text = _KEY_BLOCK.sub("[secret]", text)
    text = _EMAIL.sub("[email]", text)
    text = _LABELLED_SECRET.sub(r"\1\2[secret]", text)
    text = _replace_where(_IBAN, _is_iban, "[iban]", text)
    text = _replace_where(_CARD, _is_card, "[card]", text)
    text = _replace_where(_IP4, _is_ip4, "[ip]", text)
    text = _replace_where(_IP6, _is_ip6, "[ip]", text)
    text = _RUN.sub(lambda run: run[0] if _reads_like_words(run[0]) else "[secret]", text)
    text = _LONG_NUMBER.sub(lambda found: found["date"] or found["code"] or _phone_or_number(found["phone"]), text)
    return _without_name(text, _plain(name)) if name else text


def _plain(text: str) -> str:
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))


def _replace_where(pattern: re.Pattern[str], holds: Callable[[str], bool], placeholder: str, text: str) -> str:
    """Replace the longest stretches that ``pattern`` finds and ``holds`` confirms.

    A find may take in words or digits that only stand next to the number, so its
    beginnings up to each gap are tried too, and the search goes on inside a find
    that was not confirmed.
    """
    kept: list[str] = []
    position = 0
    while found := pattern.search(text, position):
        stretch = found[0]
        gaps = (end for end in range(len(stretch) - 1, 0, -1) if not stretch[end].isalnum())
        end = next((end for end in (len(stretch), *gaps) if holds(stretch[:end])), 0)
        kept += [text[position : found.start()], placeholder if end else stretch[:1]]
        position = found.start() + (end or 1)
    return "".join(kept) + text[position:]


def _is_iban(text: str) -> bool:
    """Whether the check digits are right (ISO 13616: the number, its first four moved to the end, is 1 modulo 97)."""
    letters = [letter for letter in text if letter.isalnum()]
    if not 15 <= len(letters) <= 34:
        return False
    return int("".join(str(int(letter, 36)) for letter in letters[4:] + letters[:4])) % 97 == 1


def _is_card(text: str) -> bool:
    """Whether this has a card number's length and its check digit (Luhn, ISO/IEC 7812) is right."""
    digits = [int(digit) for digit in text if digit.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return 13 <= len(digits) <= 19 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_ip4(text: str) -> bool:
    return all(int(part) <= 255 for part in text.split("."))


def _is_ip6(text: str) -> bool:
    try:
        return ipaddress.IPv6Address(text) != ipaddress.IPv6Address("::")
    except ValueError:
        return False


def _reads_like_words(run: str) -> bool:
    """Whether a long run is a path, a compound or a class name rather than a key.

    Words end in at most a short number, and change between upper case, lower case
    and digits less often than at every third character.
    """
    pieces_are_plain = all(_WORD_OR_NUMBER.fullmatch(piece) for piece in _PIECE.findall(run))
    return pieces_are_plain and len(_HUMP.findall(run)) * 3 <= len(run)


def _phone_or_number(digits: str) -> str:
    return "[number]" if digits.isdigit() and not digits.startswith("0") else "[phone]"


def _without_name(text: str, name: str) -> str:
    """Take out the whole name and each of its parts that is no mere particle, in upper and lower case."""
    parts = {part for part in name.split() if len(part) > 2 and part.lower() not in _NAME_PARTICLES}
    for part in sorted({" ".join(name.split()), *parts}, key=len, reverse=True):
        if len(part) > 1:
            text = re.sub(_name_pattern(part), "[name]", text)
    return text


def _name_pattern(part: str) -> str:
    pattern = r"\s+".join(re.escape(word) for word in part.split())
    # Scripts without upper case often write words without spaces between them.
    return rf"(?i)(?<!\w){pattern}(?!\w)" if part[0].lower() != part[0].upper() else pattern
