"""Remember what staff decide about tickets, for the engines to learn from.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STAMP = """
CREATE FUNCTION confirmation_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_at := clock_timestamp();
    NEW.changed_in := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END
$$
"""
TRIGGER = (
    "CREATE TRIGGER confirmation_stamp BEFORE INSERT OR UPDATE ON confirmation"
    " FOR EACH ROW EXECUTE FUNCTION confirmation_stamp()"
)


def upgrade() -> None:
    op.create_table(
        "confirmation",
        sa.Column("ticket_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("category", sa.String(length=32), nullable=True),
        sa.Column("priority", sa.String(length=32), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_in", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "category IN ('billing', 'technical', 'account', 'general')", name=op.f("ck_confirmation_category_known")
        ),
        sa.CheckConstraint(
            "priority IN ('low', 'medium', 'high', 'critical')", name=op.f("ck_confirmation_priority_known")
        ),
        sa.CheckConstraint(
            "category IS NOT NULL OR priority IS NOT NULL", name=op.f("ck_confirmation_decides_something")
        ),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_confirmation_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_confirmation")),
    )
    op.create_index("ix_confirmation_changed_in", "confirmation", ["changed_in"])
    op.execute(STAMP)
    op.execute(TRIGGER)


def downgrade() -> None:
    op.drop_table("confirmation")
    op.execute("DROP FUNCTION confirmation_stamp()")
