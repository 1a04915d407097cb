"""What is merged or in the trash shows nowhere, and what was merged leads to where it went."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.factories import make_ticket
from ticketdesk.core.errors import Conflict, Gone, NotFound
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.models import Ticket
from ticketdesk.tickets import queries, service, snooze, stats
from ticketdesk.tickets.filter import Assignee, Filter


def go(ticket: Ticket, into: Ticket | None = None) -> None:
    """Let the ticket be gone, without the rest of a merge."""
    ticket.gone_at, ticket.merged_into_id = sa.func.now(), into.id if into else None
    db.session.commit()


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(),
        Filter(search="export"),
        Filter(requester="ada@example.com"),
        Filter(status=frozenset({Status.OPEN})),
        Filter(assignee=frozenset({Assignee.NONE})),
        Filter(snoozed=False),
        Filter(created_after=datetime(2026, 1, 1, tzinfo=UTC)),
    ],
    ids=str,
)
@pytest.mark.parametrize("merged", [True, False])
def test_it_is_in_no_list_and_no_count(app: Flask, wanted: Filter, merged: bool) -> None:
    here, gone = make_ticket(), make_ticket()
    go(gone, into=here if merged else None)
    assert [row.id for row in queries.page(wanted).rows] == [here.id]
    assert queries.count(wanted, most=10) == 1
    assert stats.stats().total == 1


def test_it_sleeps_on(app: Flask) -> None:
    ticket = make_ticket()
    ticket.snoozed_until = sa.func.now() - sa.text("interval '1 hour'")
    go(ticket)
    assert snooze.wake_due() == 0
    ticket.gone_at = None
    db.session.flush()
    assert snooze.wake_due() == 1


def test_what_was_merged_leads_to_the_survivor_by_link_and_reference(app: Flask) -> None:
    first, second, third = make_ticket(), make_ticket(title="Printer"), make_ticket()
    go(first, into=second)
    go(second, into=third)
    assert queries.by_link(first.link_id.hex) == third
    assert [row.id for row in queries.page(Filter(search=first.reference)).rows] == [third.id]
    with pytest.raises(Conflict, match=rf"{first.reference} was merged into {second.reference}"):
        service.locked(first.id)


def test_the_trash_is_told_by_link_and_not_found_by_number(app: Flask) -> None:
    ticket = make_ticket()
    go(ticket)
    with pytest.raises(Gone):
        queries.by_link(ticket.link_id.hex)
    for look in (queries.by_id, service.locked):
        with pytest.raises(NotFound, match="in the trash"):
            look(ticket.id)
