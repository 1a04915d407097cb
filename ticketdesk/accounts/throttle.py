"""Slowing down people who guess passwords, without locking an account's owner out.

Attempts are counted in three windows: an account from one address, everything
from one address, and an account from anywhere. The last one alone would let
anybody lock an account by guessing at it, so a browser that signed in before
carries a device cookie for its account and is counted by itself, apart from the
rest of the world (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").

An attempt is counted before the password is looked at, so that attempts sent at
the same moment cannot all pass, and is given back when the password was right.
Counts hold across web workers, and whether or not request limits are switched on.
"""

import hashlib
import math
import secrets
import time
from dataclasses import dataclass

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter

from ticketdesk.accounts.limits import PostgresStorage
from ticketdesk.core.errors import TooManyAttempts

ACCOUNT_FROM_ADDRESS = RateLimitItemPerMinute(5, 15, namespace="sign-in/account-and-address")
ADDRESS = RateLimitItemPerMinute(50, 15, namespace="sign-in/address")
ACCOUNT = RateLimitItemPerHour(100, 1, namespace="sign-in/account")
KNOWN_DEVICE = RateLimitItemPerMinute(5, 15, namespace="sign-in/device")

_counter = FixedWindowRateLimiter(PostgresStorage())


@dataclass(frozen=True, slots=True)
class Attempt:
    """Where an attempt at an account comes from; ``device`` is the browser's device cookie, if it sent one."""

    email: str
    address: str
    device: str | None = None

    def count(self) -> None:
        """Count the attempt, before the password is looked at.

        Raises:
            TooManyAttempts: a limit is reached; the password must not be looked at.
        """
        # The narrowest first: what it refuses must not use up the account's budget for everybody.
        for limit, key in self._limits():
            if not _counter.hit(limit, key):
                raise _refusal(limit, key)

    def give_back(self) -> None:
        """Take the attempt back from all counts, because the password was right."""
        (narrowest, key), *others = self._limits()
        _counter.clear(narrowest, key)
        for limit, other in others:
            _counter.hit(limit, other, cost=-1)

    def _limits(self) -> list[tuple[RateLimitItem, str]]:
        account = _digest(self.email)
        known_as = _device_of(self.device, account)
        if known_as is not None:
            return [(KNOWN_DEVICE, known_as)]
        return [(ACCOUNT_FROM_ADDRESS, f"{account}/{self.address}"), (ADDRESS, self.address), (ACCOUNT, account)]


def make_device(email: str) -> str:
    """A device cookie for a browser that has just signed in to the account."""
    return _signer().dumps([_digest(email), secrets.token_hex(8)])


def _device_of(cookie: str | None, account: str) -> str | None:
    """The name of the device, or None where the cookie is not this desk's or was made for another account."""
    try:
        made_for, device = _signer().loads(cookie or "")
    except BadSignature:
        return None
    return str(device) if made_for == account else None


def _refusal(limit: RateLimitItem, key: str) -> TooManyAttempts:
    wait = max(1, math.ceil(_counter.get_window_stats(limit, key).reset_time - time.time()))
    minutes = math.ceil(wait / 60)
    unit = "minute" if minutes == 1 else "minutes"
    return TooManyAttempts(f"There were too many attempts to sign in. Try again in {minutes} {unit}.", wait)


def _digest(email: str) -> str:
    # Keys are short and hold no addresses in clear; what is typed may be of any length and content.
    return hashlib.sha256(email.strip().lower().encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.secret_key or "", salt="sign-in-device")
