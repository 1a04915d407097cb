"""Keep in the indexes of the lists what the lists show: tickets that are neither merged nor in the trash.

So a list costs the same however full the trash is. The desk goes on working
meanwhile; at a million tickets each index takes two seconds, and each step can
be repeated after a failure.

Revision ID: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

NEEDS_TRIAGE = "category_set_by = 'default' AND status IN ('open', 'in_progress')"

LISTS: dict[str, tuple[list[str | sa.TextClause], str | None]] = {
    "ix_ticket_created": (["created_at", "id"], None),
    "ix_ticket_updated": (["updated_at", "id"], None),
    "ix_ticket_kind_created": (["category", "priority", "status", "created_at", "id"], None),
    "ix_ticket_kind_updated": (["category", "priority", "status", "updated_at", "id"], None),
    "ix_ticket_requester": ([sa.text("lower(requester_email)"), "created_at", "id"], None),
    "ix_ticket_assignee": (["assignee_id", "status", "created_at", "id"], None),
    "ix_ticket_assignee_updated": (["assignee_id", "status", "updated_at", "id"], None),
    "ix_ticket_snoozed": (["snoozed_until"], "snoozed_until IS NOT NULL"),
    "ix_ticket_rated": (["rated_at", "rating"], "rated_at IS NOT NULL"),
    "ix_ticket_triage_created": (["category", "priority", "status", "created_at", "id"], NEEDS_TRIAGE),
    "ix_ticket_triage_updated": (["category", "priority", "status", "updated_at", "id"], NEEDS_TRIAGE),
}
GONE = {
    "ix_ticket_trash": ("ticket", ["gone_at", "id"], "gone_at IS NOT NULL AND merged_into_id IS NULL"),
    "ix_ticket_merged": ("ticket", ["merged_into_id"], "merged_into_id IS NOT NULL"),
    "ix_message_home": ("message", ["home_ticket_id"], "home_ticket_id IS NOT NULL"),
}
UNCHECKED = (
    ("ticket", "fk_ticket_merged_into_id_ticket"),
    ("ticket", "ck_ticket_merged_is_gone"),
    ("message", "fk_message_home_ticket_id_ticket"),
    ("event", "ck_event_kind_known"),
)


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for table, constraint in UNCHECKED:
            op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {constraint}")
        for name, (columns, where) in LISTS.items():
            _replace(name, columns, "gone_at IS NULL" if where is None else f"{where} AND gone_at IS NULL")
        for name, (table, plain, where) in GONE.items():
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
            op.create_index(name, table, plain, postgresql_concurrently=True, postgresql_where=sa.text(where))


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name, (table, _columns, _where) in GONE.items():
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
        for name, (columns, where) in LISTS.items():
            _replace(name, columns, where)


def _replace(name: str, columns: list[str | sa.TextClause], where: str | None) -> None:
    """Make the index anew beside the one that is there, and put it in its place."""
    new = f"{name}_new"
    # What an interrupted attempt leaves behind is there but not used.
    op.drop_index(new, "ticket", if_exists=True, postgresql_concurrently=True)
    op.create_index(
        new,
        "ticket",
        columns,
        postgresql_concurrently=True,
        postgresql_where=None if where is None else sa.text(where),
    )
    op.drop_index(name, "ticket", if_exists=True, postgresql_concurrently=True)
    op.execute(f"ALTER INDEX {new} RENAME TO {name}")
