"""What is written: no row contradicts another."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.conftest import rolled_back
from ticketdesk.extensions import db

MANY = 600

EVENTS = """(
    SELECT event.*, ticket.status, ticket.category, ticket.category_set_by, ticket.priority, ticket.priority_set_by,
        ticket.created_at AS began, ticket.updated_at AS ended, ticket.version,
        lag(event.created_at) OVER told AS before, row_number() OVER told AS place,
        count(*) OVER (PARTITION BY ticket_id) AS of,
        lag(data ->> 'to') OVER (PARTITION BY ticket_id, kind ORDER BY event.id) AS came_to
    FROM event JOIN ticket ON ticket.id = ticket_id WINDOW told AS (PARTITION BY ticket_id ORDER BY event.id)
) AS told"""

LAST = """(
    SELECT DISTINCT ON (ticket_id, field) ticket_id, field,
        CASE WHEN kind = 'ticket.created' THEN coalesce(data ->> field, 'open') ELSE data ->> 'to' END AS value,
        coalesce(data ->> 'set_by', data ->> (field || '_set_by')) AS set_by
    FROM event CROSS JOIN (VALUES ('status'), ('category'), ('priority')) AS fields (field)
    WHERE kind IN ('ticket.created', 'ticket.' || field || '_changed')
    ORDER BY ticket_id, field, event.id DESC
) AS last JOIN ticket ON ticket.id = ticket_id"""

CONTRADICTIONS = {
    "an event out of its time": f"{EVENTS} WHERE created_at NOT BETWEEN began AND ended OR created_at < before",
    "an event still to come": "event WHERE created_at > now()",
    "a story that begins otherwise": f"{EVENTS} WHERE (kind = 'ticket.created') <> (place = 1)",
    "a ticket without a story": "ticket WHERE id NOT IN (SELECT ticket_id FROM event)",
    "a change later than all events": f"{EVENTS} WHERE place = of AND created_at <> ended",
    "a version that does not count the changes": f"{EVENTS} WHERE version <> of",
    "a change from what was not so": f"{EVENTS} WHERE came_to <> data ->> 'from' OR data ->> 'from' = data ->> 'to'",
    "a status without its event": f"{LAST} WHERE field = 'status' AND value <> status",
    "a category without its event": f"{LAST} WHERE field = 'category' AND value <> category",
    "a priority without its event": f"{LAST} WHERE field = 'priority' AND value <> priority",
    # A job that agrees with the default leaves no event, only its name.
    "a category by somebody else": f"{LAST} WHERE field = 'category' AND set_by NOT IN (category_set_by, 'default')",
    "a priority by somebody else": f"{LAST} WHERE field = 'priority' AND set_by NOT IN (priority_set_by, 'default')",
    "a ticket that is done at no time or at another than its event": """
        ticket WHERE (status IN ('resolved', 'closed')) <> (resolved_at IS NOT NULL)
        OR resolved_at IS NOT NULL AND NOT EXISTS (SELECT FROM event WHERE ticket_id = ticket.id
            AND event.created_at = resolved_at AND data ->> 'to' IN ('resolved', 'closed'))
        """,
    "a category by an engine that did not say so": """
        ticket WHERE category_set_by = 'local' AND NOT EXISTS (SELECT FROM ai_suggestion AS said
            WHERE said.ticket_id = ticket.id AND engine = 'local' AND said.category = ticket.category)
        """,
    "a priority by an engine that did not say so": """
        ticket WHERE priority_set_by = 'local' AND NOT EXISTS (SELECT FROM ai_suggestion AS said
            WHERE said.ticket_id = ticket.id AND engine = 'local' AND said.priority = ticket.priority)
        """,
    "a choice that is not the ticket's": """
        ai_suggestion AS said JOIN ticket ON ticket.id = ticket_id
        WHERE (chosen_category, chosen_priority) <> (ticket.category, ticket.priority)
        """,
    "a decision of staff that no suggestion remembers": """
        ai_suggestion AS said JOIN ticket ON ticket.id = ticket_id
        WHERE 'staff' IN (category_set_by, priority_set_by) AND chosen_category IS NULL
        """,
    "a message that no event tells": """
        message WHERE NOT EXISTS (SELECT FROM event WHERE event.ticket_id = message.ticket_id
            AND data ->> 'message' = message.id::text AND event.created_at = message.created_at
            AND kind = CASE message.kind WHEN 'note' THEN 'ticket.noted' ELSE 'ticket.replied' END)
        """,
    "an event of what was not said": """
        event WHERE kind IN ('ticket.replied', 'ticket.noted')
        AND NOT EXISTS (SELECT FROM message WHERE message.id::text = data ->> 'message')
        """,
    "a message before the one it follows": """(
        SELECT created_at, lag(created_at) OVER (PARTITION BY ticket_id ORDER BY id) AS before FROM message
        ) AS said WHERE created_at < before""",
    "a message with something left to fill in": "message WHERE body ~ '[{}]|\\\\n'",
    "a mail from somebody without an address": """
        message JOIN ticket ON ticket.id = ticket_id WHERE channel = 'mail' AND requester_email IS NULL
        """,
    "a message that cannot be found": r"""
        message JOIN ticket ON ticket.id = ticket_id
        WHERE NOT search_vector @@ plainto_tsquery('simple', ticketdesk_fold(substring(body FROM '\m[a-z]{6,}\M')))
        """,
    "a first response at another time": """
        ticket WHERE first_response_at IS DISTINCT FROM (SELECT min(created_at) FROM message
            WHERE ticket_id = ticket.id AND author_kind = 'staff' AND kind = 'reply')
        """,
    "a rating without its event": """
        ticket WHERE rating IS DISTINCT FROM (SELECT data ->> 'to' FROM event
            WHERE ticket_id = ticket.id AND kind = 'ticket.rated' AND event.created_at = rated_at)
        """,
    "tags without their event": """
        ticket WHERE (cardinality(tags) > 0) <> EXISTS (SELECT FROM event
            WHERE ticket_id = ticket.id AND kind = 'ticket.tags_changed' AND data ->> 'to' = to_json(tags)::text)
        """,
    "a ticket that is somebody's, of whom there is none": "ticket WHERE assignee_id IS NOT NULL",
    "a ticket that waits for an engine": "ticket WHERE 'default' IN (category_set_by, priority_set_by)",
    "a ticket that cannot be searched": "ticket WHERE search_vector IS NULL",
    "a ticket of another time": "ticket WHERE created_at NOT BETWEEN now() - interval '91 days' AND now()",
    "an address that may be somebody's": "ticket WHERE requester_email !~ '@example[.](com|net|org)$'",
    "a job": "procrastinate_jobs",
    "an account": "staff",
    "an actor with an account": "event WHERE actor_id IS NOT NULL",
    "something an engine would learn": "confirmation",
}


@pytest.fixture(scope="module")
def desk(plain_app: Flask) -> Iterator[None]:
    """A desk with demo tickets, for tests that only read."""
    with rolled_back(plain_app) as app:
        result = app.test_cli_runner().invoke(args=["demo", str(MANY), "--seed", "7"])
        assert result.exit_code == 0, result.output
        yield


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("contradiction", CONTRADICTIONS)
def test_nothing_written_is(contradiction: str) -> None:
    found = db.session.scalar(sa.text(f"SELECT count(*) FROM {CONTRADICTIONS[contradiction]}"))
    assert found == 0


@pytest.mark.usefixtures("desk")
def test_all_kinds_of_row_are_written() -> None:
    written = {
        table: db.session.scalar(sa.text(f"SELECT count(*) FROM {table}"))
        for table in ("ticket", "event", "ai_suggestion", "message")
    }
    assert written["message"] > MANY
    assert written["ticket"] == MANY
    assert written["event"] > 2 * MANY
    assert 0.7 * MANY < written["ai_suggestion"] < MANY
