"""Keep the files that come with messages; a message that brings some needs no words.

Revision ID: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

BODY_MAYBE = "(body = '' OR btrim(body, E' \\t\\n\\r') <> '') AND char_length(body) <= 20000"
BODY_NEEDED = "char_length(btrim(body, E' \\t\\n\\r')) >= 1 AND char_length(body) <= 20000"


def upgrade() -> None:
    op.create_table(
        "attachment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("ticket_id", sa.BigInteger(), nullable=True),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("media_type", sa.String(length=127), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("thumbnail", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("message_id IS NULL OR ticket_id IS NULL", name=op.f("ck_attachment_one_owner")),
        sa.CheckConstraint("key ~ '^[0-9a-f]{32}$'", name=op.f("ck_attachment_key_form")),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_attachment_sha256_form")),
        sa.CheckConstraint("name <> '' AND name !~ '[/\\\\[:cntrl:]]'", name=op.f("ck_attachment_name_form")),
        sa.CheckConstraint("size > 0", name=op.f("ck_attachment_size_some")),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_attachment_message_id_message"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["ticket.id"], name=op.f("fk_attachment_ticket_id_ticket"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment")),
        sa.UniqueConstraint("key", name=op.f("uq_attachment_key")),
    )
    op.create_index(
        "ix_attachment_message", "attachment", ["message_id"], postgresql_where=sa.text("message_id IS NOT NULL")
    )
    op.create_index(
        "ix_attachment_ticket", "attachment", ["ticket_id"], postgresql_where=sa.text("ticket_id IS NOT NULL")
    )
    op.create_index(
        "ix_attachment_waiting",
        "attachment",
        ["created_at"],
        postgresql_where=sa.text("message_id IS NULL AND ticket_id IS NULL"),
    )
    op.drop_constraint(op.f("ck_message_body_length"), "message")
    # Rows of before have a body, so they are not read through again.
    op.create_check_constraint(op.f("ck_message_body_length"), "message", BODY_MAYBE, postgresql_not_valid=True)


def downgrade() -> None:
    op.drop_table("attachment")
    op.drop_constraint(op.f("ck_message_body_length"), "message")
    op.create_check_constraint(op.f("ck_message_body_length"), "message", BODY_NEEDED, postgresql_not_valid=True)
