"""How long somebody has to wait who sent too much."""

from ticketdesk.core import clock
from ticketdesk.extensions import limiter


def seconds() -> float:
    """Until the limit that stopped the request at hand lets one pass again; a minute where none did."""
    limit = limiter.current_limit
    return limit.reset_at - clock.now().timestamp() if limit else 60.0


def retry_after() -> dict[str, str]:
    """The same as a header."""
    return {"Retry-After": str(max(1, int(seconds())))}
