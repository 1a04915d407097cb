"""Let tickets be talked about: messages, assignment, tags, snoozing, and what staff have on their desks.

What would hold up a desk with many tickets is left to the next revision: its
indexes, and checking the rows that are there against the new rules.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

EVENT_KINDS = (
    "kind IN ('ticket.created', 'ticket.title_changed', 'ticket.category_changed', 'ticket.priority_changed',"
    " 'ticket.status_changed', 'ticket.replied', 'ticket.noted', 'ticket.assigned', 'ticket.tags_changed',"
    " 'ticket.snoozed', 'ticket.woken')"
)
EVENT_KINDS_BEFORE = (
    "kind IN ('ticket.created', 'ticket.title_changed', 'ticket.category_changed',"
    " 'ticket.priority_changed', 'ticket.status_changed')"
)
TAGS_FORM = (
    "cardinality(tags) <= 20 AND array_position(tags, NULL) IS NULL"
    " AND cardinality(string_to_array(array_to_string(tags, ','), ',')) = cardinality(tags)"
    " AND array_to_string(tags, ',') !~ '[A-Z]'"
    " AND array_to_string(tags, ',') ~ '^([^[:space:][:cntrl:],]{1,40}(,[^[:space:][:cntrl:],]{1,40})*)?$'"
)

# A vector holds at most a megabyte, and every change of a ticket writes all of its words into the index again.
# So what is said after some ten thousand different words is not found by its words any more.
MESSAGE_VECTOR = """
CREATE FUNCTION message_search_vector() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE ticket SET search_vector =
        CASE WHEN length(coalesce(search_vector, '')) < 10000
            THEN coalesce(search_vector, '') || setweight(
                to_tsvector('simple', ticketdesk_fold(NEW.body)),
                (CASE NEW.kind WHEN 'note' THEN 'D' ELSE 'C' END)::"char")
            ELSE search_vector END
        WHERE id = NEW.ticket_id;
    RETURN NULL;
EXCEPTION WHEN program_limit_exceeded THEN
    UPDATE ticket SET search_vector = search_vector WHERE id = NEW.ticket_id;
    RETURN NULL;
END
$$
"""
MESSAGE_TRIGGER = (
    "CREATE TRIGGER message_search_insert AFTER INSERT ON message FOR EACH ROW EXECUTE FUNCTION message_search_vector()"
)

# The words of messages, which have the weights C and D, outlive a new title.
TICKET_VECTOR = """
CREATE OR REPLACE FUNCTION ticket_search_vector() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search_vector :=
        setweight(to_tsvector('simple', ticketdesk_fold(NEW.title)), 'A')
        || setweight(to_tsvector('simple', ticketdesk_fold(NEW.description)), 'B');
    IF TG_OP = 'UPDATE' THEN
        NEW.search_vector := NEW.search_vector || ts_filter(coalesce(OLD.search_vector, ''), '{c,d}');
    END IF;
    RETURN NEW;
EXCEPTION WHEN program_limit_exceeded THEN
    RETURN NEW;
END
$$
"""
TICKET_VECTOR_BEFORE = """
CREATE OR REPLACE FUNCTION ticket_search_vector() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search_vector :=
        setweight(to_tsvector('simple', ticketdesk_fold(NEW.title)), 'A')
        || setweight(to_tsvector('simple', ticketdesk_fold(NEW.description)), 'B');
    RETURN NEW;
END
$$
"""


def upgrade() -> None:
    op.add_column("ticket", sa.Column("assignee_id", sa.BigInteger(), nullable=True))
    op.add_column(
        "ticket",
        sa.Column("tags", postgresql.ARRAY(sa.String(length=40)), server_default="{}", nullable=False),
    )
    for name in ("snoozed_until", "first_response_at", "resolved_at"):
        op.add_column("ticket", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.create_foreign_key(
        op.f("fk_ticket_assignee_id_staff"), "ticket", "staff", ["assignee_id"], ["id"], postgresql_not_valid=True
    )
    op.create_check_constraint(op.f("ck_ticket_tags_form"), "ticket", TAGS_FORM, postgresql_not_valid=True)
    op.drop_constraint(op.f("ck_event_kind_known"), "event")
    op.create_check_constraint(op.f("ck_event_kind_known"), "event", EVENT_KINDS, postgresql_not_valid=True)
    op.alter_column("idempotency_key", "ticket_id", nullable=True)

    _create_messages()
    _create_canned_replies()
    _create_desk_work()
    op.execute(TICKET_VECTOR)
    op.execute(MESSAGE_VECTOR)
    op.execute(MESSAGE_TRIGGER)


def _create_messages() -> None:
    op.create_table(
        "message",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("author_kind", sa.String(length=32), nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=True),
        sa.Column("author_label", sa.String(length=320), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("message_id", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('reply', 'note')", name=op.f("ck_message_kind_known")),
        sa.CheckConstraint("channel IN ('portal', 'api', 'staff', 'mail')", name=op.f("ck_message_channel_known")),
        sa.CheckConstraint(
            "author_kind IN ('customer', 'staff', 'token', 'system')", name=op.f("ck_message_author_kind_known")
        ),
        sa.CheckConstraint(
            "char_length(btrim(body, E' \\t\\n\\r')) >= 1 AND char_length(body) <= 20000",
            name=op.f("ck_message_body_length"),
        ),
        sa.CheckConstraint("kind = 'reply' OR author_kind <> 'customer'", name=op.f("ck_message_note_from_desk")),
        sa.CheckConstraint(
            "message_id ~ '^<[^<>@[:space:]]+@[^<>@[:space:]]+>$'", name=op.f("ck_message_message_id_form")
        ),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_message_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("message_id", name=op.f("uq_message_message_id")),
    )
    op.create_index("ix_message_ticket", "message", ["ticket_id", "id"])


def _create_canned_replies() -> None:
    op.create_table(
        "tag",
        sa.Column("name", sa.String(length=40, collation="C"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_tag")),
    )
    op.create_table(
        "canned_reply",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=True),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("shortcut", sa.String(length=40), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=32), nullable=True),
        sa.Column("priority", sa.String(length=32), nullable=True),
        sa.Column("category", sa.String(length=32), nullable=True),
        sa.Column("assignee_id", sa.BigInteger(), nullable=True),
        sa.Column("tags", postgresql.ARRAY(sa.String(length=40)), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "status IN ('open', 'in_progress', 'resolved', 'closed')", name=op.f("ck_canned_reply_status_known")
        ),
        sa.CheckConstraint(
            "priority IN ('low', 'medium', 'high', 'critical')", name=op.f("ck_canned_reply_priority_known")
        ),
        sa.CheckConstraint(
            "category IN ('billing', 'technical', 'account', 'general')", name=op.f("ck_canned_reply_category_known")
        ),
        sa.CheckConstraint(
            "char_length(btrim(title, E' \\t\\n\\r')) >= 1 AND char_length(title) <= 120",
            name=op.f("ck_canned_reply_title_length"),
        ),
        sa.CheckConstraint(
            "char_length(btrim(body, E' \\t\\n\\r')) >= 1 AND char_length(body) <= 20000",
            name=op.f("ck_canned_reply_body_length"),
        ),
        sa.CheckConstraint(TAGS_FORM, name=op.f("ck_canned_reply_tags_form")),
        sa.CheckConstraint(
            "num_nonnulls(body, status, priority, category, assignee_id) > 0 OR cardinality(tags) > 0",
            name=op.f("ck_canned_reply_does_something"),
        ),
        sa.CheckConstraint("shortcut ~ '^[^[:space:]/]+$'", name=op.f("ck_canned_reply_shortcut_form")),
        sa.ForeignKeyConstraint(["owner_id"], ["staff.id"], name=op.f("fk_canned_reply_owner_id_staff")),
        sa.ForeignKeyConstraint(["assignee_id"], ["staff.id"], name=op.f("fk_canned_reply_assignee_id_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canned_reply")),
    )
    op.create_index(
        "uq_canned_reply_shortcut", "canned_reply", [sa.text("coalesce(owner_id, 0)"), "shortcut"], unique=True
    )


def _create_desk_work() -> None:
    op.create_table(
        "draft",
        sa.Column("staff_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('reply', 'note')", name=op.f("ck_draft_kind_known")),
        sa.CheckConstraint(
            "char_length(btrim(body, E' \\t\\n\\r')) >= 1 AND char_length(body) <= 20000",
            name=op.f("ck_draft_body_length"),
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_draft_staff_id_staff")),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_draft_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("staff_id", "ticket_id", "kind", name=op.f("pk_draft")),
    )
    op.create_table(
        "saved_view",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("filter", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("position", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "char_length(btrim(name, E' \\t\\n\\r')) >= 1 AND char_length(name) <= 80",
            name=op.f("ck_saved_view_name_length"),
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["staff.id"], name=op.f("fk_saved_view_owner_id_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_view")),
    )
    op.create_index("ix_saved_view_owner", "saved_view", ["owner_id", "position", "id"])
    op.create_table(
        "presence",
        sa.Column("ticket_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("staff_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("typing", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", "staff_id", name=op.f("pk_presence")),
        prefixes=["UNLOGGED"],
    )
    op.create_index("ix_presence_staff", "presence", ["staff_id"])


def downgrade() -> None:
    for table in ("presence", "saved_view", "draft", "canned_reply", "tag", "message"):
        op.drop_table(table)
    op.execute("DROP FUNCTION message_search_vector()")
    op.execute(TICKET_VECTOR_BEFORE)
    op.execute("DELETE FROM idempotency_key WHERE ticket_id IS NULL")
    op.alter_column("idempotency_key", "ticket_id", nullable=False)
    # Events that have happened stay, so the rows that are there are not held to the old rule.
    op.drop_constraint(op.f("ck_event_kind_known"), "event")
    op.create_check_constraint(op.f("ck_event_kind_known"), "event", EVENT_KINDS_BEFORE, postgresql_not_valid=True)
    for name in ("resolved_at", "first_response_at", "snoozed_until", "tags", "assignee_id"):
        op.drop_column("ticket", name)
