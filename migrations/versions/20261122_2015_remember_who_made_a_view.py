"""Remember who made a shared view, so that they may change it.

Revision ID: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("saved_view", sa.Column("made_by_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_saved_view_made_by_id_staff"), "saved_view", "staff", ["made_by_id"], ["id"])


def downgrade() -> None:
    op.drop_column("saved_view", "made_by_id")
