"""Merging tickets of one requester into one conversation, and taking them apart again."""

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import any_, case, func, null, select, text, update

from ticketdesk import events
from ticketdesk.core.actors import Actor
from ticketdesk.core.errors import Conflict, NotFound
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.models import Act, ActKind, Event, EventKind, Message, Ticket
from ticketdesk.models.columns import BIGINT_MAX
from ticketdesk.models.ticket import TAGS_MAX
from ticketdesk.tickets import acts
from ticketdesk.tickets.service import lock
from ticketdesk.tickets.workflow import DONE

MERGED_MOST = 20
"""How many tickets can be merged into one at once."""

_FIND_WORDS = text("UPDATE ticket SET search_vector = ticket_words(id, title, description) WHERE id = ANY (:ids)")


def merge(into_id: int, ticket_ids: Collection[int], actor: Actor) -> Act:
    """Join tickets with one that survives: their messages move there, and their tags are added to its own.

    The survivor's other fields stay as they are. A merged ticket keeps everything
    else, leads to the survivor and is `present` no more; its description stands in
    the survivor's conversation. Tags beyond what a ticket can have are left behind.

    Raises:
        NotFound: one of the tickets is not there.
        Conflict: they cannot be merged.
    """
    wanted = {into_id, *ticket_ids}
    tickets = {ticket.id: ticket for ticket in lock(wanted)}
    if len(wanted) > len(tickets):
        raise NotFound("One of these tickets is not there any more; it was merged or deleted meanwhile.")
    survivor = tickets.pop(into_id)
    _check(survivor, tickets.values())
    tags, gained = list(survivor.tags), {}
    for ticket in tickets.values():
        gained[ticket.id] = [tag for tag in ticket.tags if tag not in tags][: TAGS_MAX - len(tags)]
        tags += gained[ticket.id]
    survivor.tags = sorted(tags)
    db.session.execute(
        update(Ticket).where(Ticket.id.in_(tickets)).values(gone_at=func.now(), merged_into_id=survivor.id)
    )
    db.session.execute(
        update(Message)
        .where(Message.ticket_id.in_(tickets))
        .values(home_ticket_id=func.coalesce(Message.home_ticket_id, Message.ticket_id), ticket_id=survivor.id)
    )
    _find_words({survivor.id})
    recorded = events.record_many(
        EventKind.MERGED,
        {
            survivor.id: {"tickets": sorted(tickets), "tags": [tag for tags in gained.values() for tag in tags]},
            **{each: {"survivor": survivor.id, "tags": tags} for each, tags in gained.items()},
        },
        actor,
    )
    return acts.write(ActKind.MERGE, [survivor.id, *sorted(tickets)], [event.id for event in recorded], actor)


def unmerge(ticket_id: int, actor: Actor) -> Ticket:
    """Make a merged ticket one of its own again, with the messages and tags that it brought along.

    It comes back as it went. What was said on the survivor since stays there: whom
    of both it is about, nobody can tell but people.

    Raises:
        NotFound: there is no such ticket.
        Conflict: it is not merged into another one.
    """
    ticket, survivor, root = _lock_merged(ticket_id)
    home = Message.home_ticket_id
    db.session.execute(
        update(Message)
        .where(Message.ticket_id == root.id, home == any_(func.ticket_family(ticket.id)))
        .values(ticket_id=ticket.id, home_ticket_id=case((home == ticket.id, null()), else_=home))
    )
    lost = _brought_alone(ticket, survivor)
    survivor.tags = [tag for tag in survivor.tags if tag not in lost]
    ticket.gone_at = ticket.merged_into_id = None
    db.session.flush()
    _find_words({ticket.id, survivor.id, root.id})
    events.record_many(
        EventKind.UNMERGED,
        {survivor.id: {"tickets": [ticket.id], "tags": lost}, ticket.id: {"survivor": survivor.id}},
        actor,
    )
    return ticket


def merged_into(ticket: Ticket) -> Sequence[Ticket]:
    """The tickets that were merged into this one, oldest first."""
    return db.session.scalars(select(Ticket).where(Ticket.merged_into_id == ticket.id).order_by(Ticket.id)).all()


def _check(survivor: Ticket, tickets: Collection[Ticket]) -> None:
    if not tickets:
        raise Conflict("A ticket cannot be merged into itself; choose another one.")
    if len(tickets) > MERGED_MOST:
        raise Conflict(f"At most {MERGED_MOST} tickets can be merged at once.")
    # Whoever has the link of one of them will see what was said on all of them.
    for ticket in tickets:
        if survivor.requester_email is None or ticket.requester_email is None:
            nameless = survivor if survivor.requester_email is None else ticket
            raise Conflict(
                f"{nameless.reference} has no e-mail address, so nobody can tell whether the same person asked; "
                "merging could show somebody what is not theirs."
            )
        if survivor.requester_email.lower() != ticket.requester_email.lower():
            raise Conflict(
                f"{survivor.reference} and {ticket.reference} are from different addresses, "
                "and merging would show each of them what the other one wrote."
            )
        if Status(survivor.status) in DONE and Status(ticket.status) not in DONE:
            raise Conflict(
                f"{survivor.reference} is {survivor.status}, so nobody would see that {ticket.reference} "
                "is not done; reopen it first, or merge the other way round."
            )


def _lock_merged(ticket_id: int) -> tuple[Ticket, Ticket, Ticket]:
    """The merged ticket, the one it was merged into, and where its messages are by now; all locked."""
    way = select(Ticket.merged_into_id, func.ticket_survivor(Ticket.id)).where(Ticket.id == ticket_id)
    found = db.session.execute(way).one_or_none() if 0 < ticket_id <= BIGINT_MAX else None
    if found is None:
        raise NotFound("There is no such ticket.")
    survivor_id, root_id = found
    if survivor_id is None:
        raise Conflict("This ticket is not merged into another one.")
    tickets = {each.id: each for each in lock({ticket_id, survivor_id, root_id}, present=False)}
    if tuple(db.session.execute(way).one()) != (survivor_id, root_id):
        raise Conflict("Somebody has just merged or separated these tickets; load the page again.")
    return tickets[ticket_id], tickets[survivor_id], tickets[root_id]


def _brought_alone(ticket: Ticket, survivor: Ticket) -> list[str]:
    """The tags that the survivor has because of this ticket and of no other one."""
    data = db.session.scalars(
        select(Event.data)
        .where(Event.ticket_id == ticket.id, Event.kind == EventKind.MERGED, Event.data.has_key("survivor"))
        .order_by(Event.id.desc())
        .limit(1)
    ).one()
    others = db.session.scalars(
        select(Ticket.tags).where(Ticket.merged_into_id == survivor.id, Ticket.id != ticket.id)
    ).all()
    return [tag for tag in data["tags"] if not any(tag in tags for tags in others)]


def _find_words(ticket_ids: Iterable[int]) -> None:
    """Let the tickets be found by what is said on them now."""
    db.session.flush()
    db.session.execute(_FIND_WORDS, {"ids": sorted(ticket_ids)})
    db.session.expire_all()
