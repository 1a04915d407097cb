"""Merge filtered lists from stretches of few indexes, in place of an index for each filter.

One index holds the tickets of each category, priority and status in the order
of a list, so that any combination of them is at most 64 stretches to merge.
The desk goes on working meanwhile; at a million tickets each index and the
statistics take two seconds, and each step can be repeated after a failure.

Revision ID: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

PRIORITY_RANK = "array_position(ARRAY['low', 'medium', 'high', 'critical']::varchar[], priority)"
STATUS_RANK = "array_position(ARRAY['open', 'in_progress', 'resolved', 'closed']::varchar[], status)"

NEW: dict[str, list[str | sa.TextClause]] = {
    "ix_ticket_kind_created": ["category", "priority", "status", "created_at", "id"],
    "ix_ticket_kind_updated": ["category", "priority", "status", "updated_at", "id"],
    "ix_ticket_assignee_updated": ["assignee_id", "status", "updated_at", "id"],
}
OLD: dict[str, list[str | sa.TextClause]] = {
    "ix_ticket_category": ["category", "created_at", "id"],
    "ix_ticket_status": ["status", "created_at", "id"],
    "ix_ticket_status_priority": ["status", "priority", "created_at", "id"],
    "ix_ticket_priority_rank": [sa.text(PRIORITY_RANK), "created_at", "id"],
    "ix_ticket_status_rank": [sa.text(STATUS_RANK), "created_at", "id"],
}


def upgrade() -> None:
    _exchange(OLD, NEW)
    # Of a word that the statistics do not know the planner assumes that half a percent of the tickets have it,
    # and reads a million of them for a page of a rare one. With these it knows all but the rare ones.
    _keep_statistics(500)


def downgrade() -> None:
    _keep_statistics(-1)
    _exchange(NEW, OLD)


def _keep_statistics(target: int) -> None:
    with op.get_context().autocommit_block():
        op.execute(f"ALTER TABLE ticket ALTER search_vector SET STATISTICS {target}")
        op.execute("ANALYZE ticket (search_vector)")


def _exchange(old: dict[str, list[str | sa.TextClause]], new: dict[str, list[str | sa.TextClause]]) -> None:
    with op.get_context().autocommit_block():
        for name, columns in new.items():
            # What an interrupted attempt leaves behind is there but not used.
            op.drop_index(name, "ticket", if_exists=True, postgresql_concurrently=True)
            op.create_index(name, "ticket", columns, postgresql_concurrently=True)
        for name in old:
            op.drop_index(name, "ticket", if_exists=True, postgresql_concurrently=True)
