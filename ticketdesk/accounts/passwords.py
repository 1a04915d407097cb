"""Password hashing with argon2id, at the library's recommended cost."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ticketdesk.core.errors import FieldFault, Invalid

# NIST SP 800-63B: length matters, rules about character classes do not.
PASSWORD_MIN = 10
PASSWORD_MAX = 200

_hasher = PasswordHasher()
# Checked when there is no such account, so that the answer takes as long as with one.
_NOBODY = _hasher.hash("nobody")


def hash_password(password: str) -> str:
    """The hash to store.

    Raises:
        Invalid: the password is too short or too long.
    """
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise Invalid(
            FieldFault("password", f"Choose a password of {PASSWORD_MIN} to {PASSWORD_MAX} characters; a few words do.")
        )
    return _hasher.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """Whether the password fits; takes the same time where ``stored`` is None."""
    try:
        return _hasher.verify(stored or _NOBODY, password[:PASSWORD_MAX]) and bool(stored)
    except (VerificationError, InvalidHashError):
        return False
