"""Keep in the index of tags the tickets that have any.

All others stood in it under one heading, at a million tickets a list of a
million places, into which each change of a ticket wrote another one: two thirds of what
a change of a status left in the log.

The desk goes on working meanwhile; at a million tickets it takes a second, and each step can
be repeated after a failure. Until processes of the version before are exchanged,
they look for tags without an index.

Revision ID: 0026
"""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _exchange(" WHERE tags <> '{}'")


def downgrade() -> None:
    _exchange("")


def _exchange(where: str) -> None:
    with op.get_context().autocommit_block():
        # What an interrupted attempt leaves behind is there but not used.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_ticket_tags_new")
        op.execute(
            f"CREATE INDEX CONCURRENTLY ix_ticket_tags_new ON ticket USING gin (tags) WITH (fastupdate = off){where}"
        )
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_ticket_tags")
        op.execute("ALTER INDEX ix_ticket_tags_new RENAME TO ix_ticket_tags")
