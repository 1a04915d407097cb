"""Let customers sign in by mail to the list of their tickets, and turn off mails they need not have.

Revision ID: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

KINDS = "kind IN ('receipt', 'reply', 'status', 'assignment', 'sign_in')"
KINDS_BEFORE = "kind IN ('receipt', 'reply', 'status', 'assignment')"
ABOUT = "(kind = 'sign_in') = (event_id IS NULL) AND (kind = 'sign_in' OR cardinality(ticket_ids) > 0)"
ABOUT_BEFORE = "cardinality(ticket_ids) > 0"


def upgrade() -> None:
    op.create_table(
        "customer_key",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('link', 'session')", name=op.f("ck_customer_key_kind_known")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_customer_key")),
    )
    op.create_index("ix_customer_key_expires", "customer_key", ["expires_at"])
    op.create_table(
        "unsubscribed",
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_unsubscribed")),
    )
    op.alter_column("outgoing_mail", "event_id", nullable=True)
    _hold_mails_to(KINDS, ABOUT)


def downgrade() -> None:
    op.execute("DELETE FROM outgoing_mail WHERE kind = 'sign_in'")
    _hold_mails_to(KINDS_BEFORE, ABOUT_BEFORE)
    op.alter_column("outgoing_mail", "event_id", nullable=False)
    op.drop_table("unsubscribed")
    op.drop_table("customer_key")


def _hold_mails_to(kinds: str, about: str) -> None:
    # The rows that are there hold to both, and checking them would hold up a desk with many.
    for name, rule in (("ck_outgoing_mail_kind_known", kinds), ("ck_outgoing_mail_about_something", about)):
        op.drop_constraint(op.f(name), "outgoing_mail")
        op.create_check_constraint(op.f(name), "outgoing_mail", rule, postgresql_not_valid=True)
