"""Let the index of words know what time a ticket is from, so that a search looks at the latest first.

The desk goes on working meanwhile; at a million tickets the index takes a minute,
and each step can be repeated after a failure.

Revision ID: 0019
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

# The stretches of time that a moment belongs to: numbers of the day, week, four weeks and sixteen weeks, told apart
# by their first digit. Not STRICT, because the planner then could not put the expression in the function's place.
STRETCHES = """
CREATE FUNCTION ticketdesk_stretches(moment timestamptz) RETURNS int[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY[
    10000000 + extract(day FROM moment - timestamptz '0001-01-01 00:00:00+00')::int,
    20000000 + extract(day FROM moment - timestamptz '0001-01-01 00:00:00+00')::int / 7,
    30000000 + extract(day FROM moment - timestamptz '0001-01-01 00:00:00+00')::int / 28,
    40000000 + extract(day FROM moment - timestamptz '0001-01-01 00:00:00+00')::int / 112
]
"""


def upgrade() -> None:
    op.execute("DROP FUNCTION IF EXISTS ticketdesk_stretches(timestamptz)")
    op.execute(STRETCHES)
    _exchange("search_vector, ticketdesk_stretches(created_at)")
    with op.get_context().autocommit_block():
        # Columns and expressions that are new have no statistics, and the planner's guesses cost up to half a second.
        op.execute("ANALYZE ticket")


def downgrade() -> None:
    _exchange("search_vector")
    op.execute("DROP FUNCTION ticketdesk_stretches(timestamptz)")


def _exchange(columns: str) -> None:
    with op.get_context().autocommit_block():
        # What an interrupted attempt leaves behind is there but not used.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_ticket_search_new")
        op.execute(f"CREATE INDEX CONCURRENTLY ix_ticket_search_new ON ticket USING gin ({columns})")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_ticket_search")
        op.execute("ALTER INDEX ix_ticket_search_new RENAME TO ix_ticket_search")
