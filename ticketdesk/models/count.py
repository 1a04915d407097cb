"""How many tickets there are, kept by triggers in the transaction of every change.

The figures are what the totals and the changes not yet folded into them say
together, read in one statement; `tickets.stats` does that.
"""

from sqlalchemy import BigInteger, Column, Date, Integer, String, Table

from ticketdesk.extensions import Base


def _kind(*, primary_key: bool) -> list[Column[str]]:
    return [
        Column(name, String(32), primary_key=primary_key, nullable=False) for name in ("category", "priority", "status")
    ]


ticket_total = Table(
    "ticket_total", Base.metadata, *_kind(primary_key=True), Column("tickets", BigInteger, nullable=False)
)

ticket_day = Table(
    "ticket_day",
    Base.metadata,
    Column("day", Date, primary_key=True),
    Column("tickets", BigInteger, nullable=False),
)

ticket_delta = Table(
    "ticket_delta",
    Base.metadata,
    Column("day", Date, nullable=False),
    *_kind(primary_key=False),
    Column("tickets", Integer, nullable=False),
)
