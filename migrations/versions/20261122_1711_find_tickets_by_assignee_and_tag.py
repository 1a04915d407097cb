"""Find tickets by assignee and tag, and wake those that sleep, at any number of tickets.

The desk goes on working meanwhile: the indexes are made concurrently, and rows
are checked under a lock that lets others write. Concurrent work has no
transaction to roll back, so each step can be repeated after a failure.

Revision ID: 0006
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INDEXES: dict[str, tuple[list[str], dict[str, Any]]] = {
    "ix_ticket_assignee": (["assignee_id", "status", "created_at", "id"], {}),
    "ix_ticket_tags": (["tags"], {"postgresql_using": "gin"}),
    "ix_ticket_snoozed": (["snoozed_until"], {"postgresql_where": sa.text("snoozed_until IS NOT NULL")}),
}
UNCHECKED = (
    ("ticket", "fk_ticket_assignee_id_staff"),
    ("ticket", "ck_ticket_tags_form"),
    ("event", "ck_event_kind_known"),
)


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for table, constraint in UNCHECKED:
            op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {constraint}")
        for name, (columns, options) in INDEXES.items():
            # What an interrupted attempt leaves behind is there but not used.
            op.drop_index(name, "ticket", if_exists=True, postgresql_concurrently=True)
            op.create_index(name, "ticket", columns, postgresql_concurrently=True, **options)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in INDEXES:
            op.drop_index(name, "ticket", if_exists=True, postgresql_concurrently=True)
