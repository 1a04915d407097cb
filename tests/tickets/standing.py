"""Everything that is known of tickets, as one hash: what an undo has to bring back."""

import hashlib

import sqlalchemy as sa

from ticketdesk.extensions import db

# Outside stand what has to go on: the version and the moment of the last change, by which readers learn of an undo;
# the history, which tells of it; the outbox; and the acts themselves. A decision of nobody's counts as none.
_ALL = {
    "tickets": "SELECT to_jsonb(t) - ARRAY['version', 'updated_at'] AS r, id AS o FROM ticket AS t",
    "messages": "SELECT to_jsonb(m) AS r, id AS o FROM message AS m",
    "decisions": "SELECT jsonb_build_array(ticket_id, category, priority) AS r, ticket_id AS o FROM confirmation"
    " WHERE num_nonnulls(category, priority) > 0",
    "suggestions": "SELECT to_jsonb(s) AS r, id AS o FROM ai_suggestion AS s",
    "kinds": "SELECT jsonb_build_array(category, priority, status, sum(tickets)) AS r, 0 AS o FROM"
    " (SELECT category, priority, status, tickets FROM ticket_total"
    "  UNION ALL SELECT category, priority, status, tickets FROM ticket_delta) AS k"
    " GROUP BY category, priority, status HAVING sum(tickets) <> 0",
    "days": "SELECT jsonb_build_array(day, sum(tickets)) AS r, 0 AS o FROM"
    " (SELECT day, tickets FROM ticket_day UNION ALL SELECT day, tickets FROM ticket_delta) AS d"
    " GROUP BY day HAVING sum(tickets) <> 0",
    "drafts": "SELECT to_jsonb(d) AS r, ticket_id AS o FROM draft AS d",
}


def standing() -> dict[str, str]:
    """A hash of each part; columns that are added later are in it by themselves."""
    db.session.flush()
    return {
        name: hashlib.sha256(
            str(
                db.session.scalars(sa.text(f"SELECT r::text FROM ({statement}) AS x ORDER BY o, r::text")).all()
            ).encode()
        ).hexdigest()
        for name, statement in _ALL.items()
    }
