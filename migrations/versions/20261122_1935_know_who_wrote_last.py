"""Know how far the log reached when somebody last wrote, so that a replica never shows them less.

Revision ID: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "last_write",
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("log_end", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("who", name=op.f("pk_last_write")),
        prefixes=["UNLOGGED"],
    )


def downgrade() -> None:
    op.drop_table("last_write")
