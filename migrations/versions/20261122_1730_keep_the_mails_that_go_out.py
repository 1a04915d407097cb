"""Keep the mails that go out, written together with what causes them.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outgoing_mail",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("ticket_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("recipient_name", sa.Text(), nullable=True),
        sa.Column("mailbox", sa.String(length=254), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("state", sa.String(length=32), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("handed_over_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('receipt', 'reply', 'status', 'assignment')", name=op.f("ck_outgoing_mail_kind_known")
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'sending', 'sent', 'failed', 'kept', 'skipped', 'unsure')",
            name=op.f("ck_outgoing_mail_state_known"),
        ),
        sa.CheckConstraint(
            "char_length(btrim(subject, E' \\t\\n\\r')) >= 1 AND char_length(subject) <= 400",
            name=op.f("ck_outgoing_mail_subject_length"),
        ),
        sa.CheckConstraint(
            "subject !~ '[[:cntrl:]]' AND recipient_name !~ '[[:cntrl:]]'", name=op.f("ck_outgoing_mail_one_line")
        ),
        sa.CheckConstraint(
            "recipient ~ '^[^@[:space:]]+@[^@[:space:]]+$'", name=op.f("ck_outgoing_mail_recipient_form")
        ),
        sa.CheckConstraint("cardinality(ticket_ids) > 0", name=op.f("ck_outgoing_mail_about_something")),
        sa.CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name=op.f("ck_outgoing_mail_sent_when")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_outgoing_mail_event_id_event")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoing_mail")),
    )
    op.create_index(
        "uq_outgoing_mail_cause", "outgoing_mail", ["event_id", "kind", sa.text("lower(recipient)")], unique=True
    )
    op.create_index("ix_outgoing_mail_state", "outgoing_mail", ["state", "id"])
    op.create_index("ix_outgoing_mail_mailbox", "outgoing_mail", ["mailbox", "kind", "created_at"])


def downgrade() -> None:
    op.drop_table("outgoing_mail")
