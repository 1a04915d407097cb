"""The trash: what is deleted can be restored for a while, and is then gone without a trace."""

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import DBAPIError

from tests.factories import make_staff, make_ticket
from tests.tickets.standing import standing
from ticketdesk.core.actors import Actor, ActorKind
from ticketdesk.core.errors import NotFound
from ticketdesk.extensions import db
from ticketdesk.models import Channel, MessageKind, Ticket
from ticketdesk.tickets import conversation, drafts, merging, trash

GRACE = Actor(ActorKind.STAFF, 1, "Grace Hopper")


def test_it_shows_the_latest_first_and_who_put_it_there(app: Flask) -> None:
    first, second, third = (make_ticket(title) for title in ("First", "Second", "Third"))
    trash.trash([first.id], GRACE)
    db.session.commit()
    trash.trash([second.id, third.id], Actor(ActorKind.TOKEN, 3, "Shop backend"))
    db.session.commit()
    assert [ticket.title for ticket in trash.page()] == ["Third", "Second", "First"]
    head = trash.page(most=1)[0]
    assert head.gone_at is not None
    assert [ticket.title for ticket in trash.page(after=(head.gone_at, head.id))] == ["Second", "First"]
    assert trash.deleted_by(trash.page()) == {
        first.id: "Grace Hopper",
        second.id: "Shop backend",
        third.id: "Shop backend",
    }


def test_what_is_restored_is_as_before(app: Flask) -> None:
    ticket = make_ticket()
    before = standing()
    trash.trash([ticket.id], GRACE)
    assert trash.in_trash(ticket.id) == ticket
    assert trash.restore([ticket.id, 2**40], GRACE) == 1
    assert standing() == before
    assert trash.restore([ticket.id], GRACE) == 0
    with pytest.raises(NotFound):
        trash.in_trash(ticket.id)
    with pytest.raises(NotFound):
        trash.in_trash(2**70)


def test_what_was_long_enough_in_it_is_gone_with_everything(app: Flask) -> None:
    def rows() -> dict[str, int]:
        tables = ("ticket", "message", "event", "draft", "outgoing_mail", "ai_suggestion", "confirmation")
        return {table: db.session.scalar(sa.text(f"SELECT count(*) FROM {table}")) or 0 for table in tables}

    kept = make_ticket("Kept")
    fresh = make_ticket("Fresh")
    before = rows()
    doomed, merged = make_ticket("Doomed"), make_ticket("Merged")
    conversation.add_reply(doomed, "Hello", GRACE, Channel.STAFF)
    conversation.add_note(merged, "Psst", GRACE, Channel.STAFF)
    drafts.save_draft(make_staff(), doomed, MessageKind.REPLY, "Not yet")
    merging.merge(doomed.id, [merged.id], GRACE)
    trash.trash([doomed.id], GRACE)
    db.session.execute(sa.text("UPDATE ticket SET gone_at = now() - interval '31 days' WHERE gone_at IS NOT NULL"))
    trash.trash([fresh.id], GRACE)
    db.session.commit()
    trash.purge_regularly(timestamp=0)
    assert set(db.session.scalars(sa.select(Ticket.id))) == {kept.id, fresh.id}
    before["event"] += 1
    assert rows() == before


@pytest.mark.parametrize("in_trash", [True, False])
def test_events_outside_a_purge_stay(app: Flask, in_trash: bool) -> None:
    ticket = make_ticket()
    if in_trash:
        trash.trash([ticket.id], GRACE)
    else:
        db.session.execute(sa.text("SELECT set_config('ticketdesk.purging', 'on', true)"))
    with pytest.raises(DBAPIError, match="append-only"):
        db.session.execute(sa.text("DELETE FROM event WHERE ticket_id = :id"), {"id": ticket.id})
