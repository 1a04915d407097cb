"""Share among all workers what is known of the remote engines: how they do, calls of the day, earlier answers.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ai_engine_state",
        sa.Column("engine", sa.String(length=32), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("resting_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("engine", "model", name=op.f("pk_ai_engine_state")),
    )
    op.create_table(
        "ai_call_count",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_ai_call_count")),
    )
    op.create_table(
        "ai_earlier_answer",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_ai_earlier_answer")),
        prefixes=["UNLOGGED"],
    )
    op.create_index("ix_ai_earlier_answer_answered", "ai_earlier_answer", ["answered_at"])


def downgrade() -> None:
    for table in ("ai_earlier_answer", "ai_call_count", "ai_engine_state"):
        op.drop_table(table)
