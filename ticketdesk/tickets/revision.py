"""Whether anything has happened since a page was made, asked of the database in one small statement.

Pages that refresh themselves ask for this first: equal revisions mean that what
they show cannot have changed, but for what time alone changes.
"""

from ticketdesk import reading, replica
from ticketdesk.models import EventKind, Staff, Ticket
from ticketdesk.reading import Statement
from ticketdesk.tickets.presence import HERE_SECONDS
from ticketdesk.tickets.queries import PUBLIC_EVENTS

# Whatever changes a ticket is an event. Of two that happen at once, the one with the later id may be committed first,
# so the last id alone would not tell of the other; that two hundred are committed meanwhile is not to be feared.
# Accounts and views are few, and a row that is written anew has another place.
_DESK = Statement(
    b"""
    SELECT concat_ws(' ',
        (SELECT concat(max(id), '/', sum(id)) FROM (SELECT id FROM event ORDER BY id DESC LIMIT 200) AS latest),
        (SELECT md5(string_agg(concat(ctid, xmin), ' ' ORDER BY id)) FROM staff),
        (SELECT md5(string_agg(concat(ctid, xmin), ' ' ORDER BY id)) FROM saved_view)
    )
    """,
    {},
    plan_for_values=False,
)
# Nobody changes a ticket but with its row locked, so its events are committed in the order of their ids.
_TICKET = Statement(
    b"""
    SELECT concat_ws(' ',
        concat(ticket.ctid, ticket.xmin),
        (SELECT max(id) FROM event WHERE ticket_id = ticket.id),
        (SELECT string_agg(concat(ctid, xmin), ' ' ORDER BY id) FROM ai_suggestion WHERE ticket_id = ticket.id),
        (SELECT string_agg(concat(ctid, xmin), ' ' ORDER BY id) FROM attachment WHERE ticket_id = ticket.id),
        (
            SELECT md5(string_agg(concat(attachment.ctid, attachment.xmin), ' ' ORDER BY attachment.id))
            FROM message JOIN attachment ON attachment.message_id = message.id
            WHERE message.ticket_id = ticket.id
        ),
        (
            SELECT string_agg(concat(staff_id, typing), ' ' ORDER BY staff_id) FROM presence
            WHERE ticket_id = ticket.id AND staff_id <> %(besides)s
                AND seen_at > now() - make_interval(secs => %(here)s)
        ),
        (SELECT md5(string_agg(concat(ctid, xmin), ' ' ORDER BY id)) FROM staff)
    )
    FROM ticket WHERE id = %(ticket_id)s
    """,
    {"here": HERE_SECONDS},
    plan_for_values=False,
)
# What the desk does among itself is no business of the requester's, not even that it did something. What was undone
# is seen by what stands there again.
_TOLD = PUBLIC_EVENTS - {EventKind.UNDONE}
_PUBLIC = Statement(
    b"""
    SELECT concat_ws(' ',
        (SELECT max(id) FROM event WHERE ticket_id = %(ticket_id)s AND kind = ANY (%(told)s::text[])),
        (SELECT string_agg(concat(id, thumbnail), ' ' ORDER BY id) FROM attachment WHERE ticket_id = %(ticket_id)s),
        (
            SELECT md5(string_agg(concat(attachment.id, thumbnail), ' ' ORDER BY attachment.id))
            FROM message JOIN attachment ON attachment.message_id = message.id
            WHERE message.ticket_id = %(ticket_id)s AND message.kind = 'reply'
        )
    )
    """,
    {"told": reading.array(sorted(_TOLD))},
    plan_for_values=False,
)


def of_desk() -> str:
    """The revision of what staff see of all tickets: lists, counts, figures, and the names of people and views."""
    [(revision,)] = replica.rows(_DESK)
    return str(revision)


def of_ticket(ticket_id: int, *, besides: Staff) -> str | None:
    """The revision of what staff see of a ticket, and of who else has it open; None where there is no such ticket."""
    found = reading.rows(_TICKET, ticket_id=ticket_id, besides=besides.id)
    return str(found[0][0]) if found else None


def of_public(ticket: Ticket) -> str:
    """The revision of what its requester sees of a ticket."""
    [(happened,)] = reading.rows(_PUBLIC, ticket_id=ticket.id)
    named = (ticket.id, ticket.title, ticket.requester_name, ticket.requester_email)
    stands = (ticket.status, ticket.category, ticket.priority, ticket.rating, ticket.rating_comment, ticket.rated_at)
    return f"{named} {stands} {happened}"
