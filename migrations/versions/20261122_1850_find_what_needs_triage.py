"""Find the tickets whose category waits for a person.

Two small indexes hold only these, in the order of a list. The desk goes on
working meanwhile, and each step can be repeated after a failure.

Revision ID: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

NEEDS_TRIAGE = sa.text("category_set_by = 'default' AND status IN ('open', 'in_progress')")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for moment in ("created", "updated"):
            name = f"ix_ticket_triage_{moment}"
            # What an interrupted attempt leaves behind is there but not used.
            op.drop_index(name, "ticket", if_exists=True, postgresql_concurrently=True)
            op.create_index(
                name,
                "ticket",
                ["category", "priority", "status", f"{moment}_at", "id"],
                postgresql_where=NEEDS_TRIAGE,
                postgresql_concurrently=True,
            )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for moment in ("created", "updated"):
            op.drop_index(f"ix_ticket_triage_{moment}", "ticket", if_exists=True, postgresql_concurrently=True)
