"""Count ratings by an index, and check the rows that are there against the rules of ratings.

The desk goes on working meanwhile, and each step can be repeated after a failure.

Revision ID: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

INDEX = "ix_ticket_rated"
UNCHECKED = (
    ("ticket", "ck_ticket_rating_known"),
    ("ticket", "ck_ticket_rating_comment_length"),
    ("ticket", "ck_ticket_rated_when"),
    ("event", "ck_event_kind_known"),
)


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for table, constraint in UNCHECKED:
            op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {constraint}")
        # What an interrupted attempt leaves behind is there but not used.
        op.drop_index(INDEX, "ticket", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            INDEX,
            "ticket",
            ["rated_at", "rating"],
            postgresql_where=sa.text("rated_at IS NOT NULL"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(INDEX, "ticket", if_exists=True, postgresql_concurrently=True)
