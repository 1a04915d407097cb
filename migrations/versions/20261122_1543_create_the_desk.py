"""Create the desk: tickets, events, suggestions, accounts and the doors' plumbing.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Case and accents are folded with core PostgreSQL alone, because the contrib
# module unaccent is missing from the embedded server and from some hosted ones:
# NFKD takes a letter and its accents apart, and the pattern drops the accents;
# ß has no accent to lose, but people search for it as ss.
FOLD = r"""
CREATE FUNCTION ticketdesk_fold(words text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN replace(regexp_replace(lower(normalize(words, NFKD)), '[\u0300-\u036f]', '', 'g'), 'ß', 'ss')
"""

SEARCH_VECTOR = """
CREATE FUNCTION ticket_search_vector() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search_vector :=
        setweight(to_tsvector('simple', ticketdesk_fold(NEW.title)), 'A')
        || setweight(to_tsvector('simple', ticketdesk_fold(NEW.description)), 'B');
    RETURN NEW;
END
$$
"""

STAMP = """
CREATE FUNCTION ticket_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$$
"""

APPEND_ONLY = """
CREATE FUNCTION event_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are append-only' USING ERRCODE = 'restrict_violation';
END
$$
"""

TRIGGERS = (
    "CREATE TRIGGER ticket_search_insert BEFORE INSERT ON ticket FOR EACH ROW EXECUTE FUNCTION ticket_search_vector()",
    "CREATE TRIGGER ticket_search_update BEFORE UPDATE ON ticket FOR EACH ROW"
    " WHEN (OLD.title IS DISTINCT FROM NEW.title OR OLD.description IS DISTINCT FROM NEW.description)"
    " EXECUTE FUNCTION ticket_search_vector()",
    "CREATE TRIGGER ticket_stamp BEFORE UPDATE ON ticket FOR EACH ROW EXECUTE FUNCTION ticket_stamp()",
    "CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON event"
    " FOR EACH ROW EXECUTE FUNCTION event_append_only()",
)


def upgrade() -> None:
    op.create_table(
        "rate_limit",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_rate_limit")),
        prefixes=["UNLOGGED"],
    )
    op.create_index("ix_rate_limit_expires", "rate_limit", ["expires_at"])

    op.create_table(
        "staff",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=32), server_default="agent", nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("session_key", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("signed_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "char_length(btrim(name, E' \\t\\n\\r')) >= 1 AND char_length(name) <= 200",
            name=op.f("ck_staff_name_length"),
        ),
        sa.CheckConstraint("email ~ '^[^@[:space:]]+@[^@[:space:]]+$'", name=op.f("ck_staff_email_form")),
        sa.CheckConstraint("role IN ('admin', 'agent')", name=op.f("ck_staff_role_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
    )
    op.create_index("uq_staff_email", "staff", [sa.literal_column("lower(email)")], unique=True)

    op.create_table(
        "ticket",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False, start=1001), nullable=False),
        sa.Column("link_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("requester_name", sa.String(length=200), nullable=True),
        sa.Column("requester_email", sa.String(length=254), nullable=True),
        sa.Column("category", sa.String(length=32), server_default="general", nullable=False),
        sa.Column("category_set_by", sa.String(length=32), server_default="default", nullable=False),
        sa.Column("priority", sa.String(length=32), server_default="medium", nullable=False),
        sa.Column("priority_set_by", sa.String(length=32), server_default="default", nullable=False),
        sa.Column("status", sa.String(length=32), server_default="open", nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("search_vector", postgresql.TSVECTOR(), server_default=sa.FetchedValue(), nullable=True),
        sa.CheckConstraint(
            "category IN ('billing', 'technical', 'account', 'general')", name=op.f("ck_ticket_category_known")
        ),
        sa.CheckConstraint(
            "category_set_by IN ('customer', 'staff', 'api', 'gemini', 'openai', 'local', 'default')",
            name=op.f("ck_ticket_category_set_by_known"),
        ),
        sa.CheckConstraint(
            "char_length(btrim(description, E' \\t\\n\\r')) >= 1 AND char_length(description) <= 20000",
            name=op.f("ck_ticket_description_length"),
        ),
        sa.CheckConstraint(
            "char_length(btrim(requester_name, E' \\t\\n\\r')) >= 1 AND char_length(requester_name) <= 200",
            name=op.f("ck_ticket_requester_name_length"),
        ),
        sa.CheckConstraint(
            "char_length(btrim(title, E' \\t\\n\\r')) >= 1 AND char_length(title) <= 200",
            name=op.f("ck_ticket_title_length"),
        ),
        sa.CheckConstraint("priority IN ('low', 'medium', 'high', 'critical')", name=op.f("ck_ticket_priority_known")),
        sa.CheckConstraint(
            "priority_set_by IN ('customer', 'staff', 'api', 'gemini', 'openai', 'local', 'default')",
            name=op.f("ck_ticket_priority_set_by_known"),
        ),
        sa.CheckConstraint(
            "requester_email ~ '^[^@[:space:]]+@[^@[:space:]]+$'", name=op.f("ck_ticket_requester_email_form")
        ),
        sa.CheckConstraint(
            "status IN ('open', 'in_progress', 'resolved', 'closed')", name=op.f("ck_ticket_status_known")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket")),
        sa.UniqueConstraint("link_id", name=op.f("uq_ticket_link_id")),
    )
    priority_rank = sa.text("array_position(ARRAY['low', 'medium', 'high', 'critical']::varchar[], priority)")
    status_rank = sa.text("array_position(ARRAY['open', 'in_progress', 'resolved', 'closed']::varchar[], status)")
    op.create_index("ix_ticket_created", "ticket", ["created_at", "id"])
    op.create_index("ix_ticket_updated", "ticket", ["updated_at", "id"])
    op.create_index("ix_ticket_category", "ticket", ["category", "created_at", "id"])
    op.create_index("ix_ticket_status", "ticket", ["status", "created_at", "id"])
    op.create_index("ix_ticket_status_priority", "ticket", ["status", "priority", "created_at", "id"])
    op.create_index("ix_ticket_priority_rank", "ticket", [priority_rank, "created_at", "id"])
    op.create_index("ix_ticket_status_rank", "ticket", [status_rank, "created_at", "id"])
    op.create_index("ix_ticket_requester", "ticket", [sa.text("lower(requester_email)"), "created_at", "id"])
    op.create_index("ix_ticket_search", "ticket", ["search_vector"], postgresql_using="gin")

    op.create_table(
        "ai_suggestion",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), nullable=True),
        sa.Column("occasion", sa.String(length=32), nullable=False),
        sa.Column("engine", sa.String(length=32), nullable=True),
        sa.Column("model", sa.String(length=100), nullable=True),
        sa.Column("failure", sa.String(length=32), nullable=True),
        sa.Column("category", sa.String(length=32), nullable=True),
        sa.Column("priority", sa.String(length=32), nullable=True),
        sa.Column("category_confidence", sa.Float(), nullable=True),
        sa.Column("priority_confidence", sa.Float(), nullable=True),
        sa.Column("guesses", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("words", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("took_ms", sa.Float(), nullable=False),
        sa.Column("chosen_category", sa.String(length=32), nullable=True),
        sa.Column("chosen_priority", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "category IN ('billing', 'technical', 'account', 'general')", name=op.f("ck_ai_suggestion_category_known")
        ),
        sa.CheckConstraint(
            "chosen_category IN ('billing', 'technical', 'account', 'general')",
            name=op.f("ck_ai_suggestion_chosen_category_known"),
        ),
        sa.CheckConstraint(
            "chosen_priority IN ('low', 'medium', 'high', 'critical')",
            name=op.f("ck_ai_suggestion_chosen_priority_known"),
        ),
        sa.CheckConstraint("occasion IN ('form', 'api', 'job')", name=op.f("ck_ai_suggestion_occasion_known")),
        sa.CheckConstraint(
            "priority IN ('low', 'medium', 'high', 'critical')", name=op.f("ck_ai_suggestion_priority_known")
        ),
        sa.CheckConstraint(
            "category_confidence BETWEEN 0 AND 1", name=op.f("ck_ai_suggestion_category_confidence_range")
        ),
        sa.CheckConstraint(
            "priority_confidence BETWEEN 0 AND 1", name=op.f("ck_ai_suggestion_priority_confidence_range")
        ),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_ai_suggestion_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ai_suggestion")),
    )
    op.create_index("ix_ai_suggestion_created", "ai_suggestion", ["created_at"])
    op.create_index("ix_ai_suggestion_ticket", "ai_suggestion", ["ticket_id"])

    op.create_table(
        "api_token",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("hint", sa.String(length=16), nullable=False),
        sa.Column("scope", sa.String(length=32), server_default="read", nullable=False),
        sa.Column("created_by_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "char_length(btrim(name, E' \\t\\n\\r')) >= 1 AND char_length(name) <= 200",
            name=op.f("ck_api_token_name_length"),
        ),
        sa.CheckConstraint("scope IN ('read', 'write')", name=op.f("ck_api_token_scope_known")),
        sa.ForeignKeyConstraint(["created_by_id"], ["staff.id"], name=op.f("fk_api_token_created_by_id_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("actor_kind", sa.String(length=32), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("actor_label", sa.String(length=320), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "actor_kind IN ('customer', 'staff', 'token', 'system')", name=op.f("ck_event_actor_kind_known")
        ),
        sa.CheckConstraint(
            "kind IN ('ticket.created', 'ticket.title_changed', 'ticket.category_changed',"
            " 'ticket.priority_changed', 'ticket.status_changed')",
            name=op.f("ck_event_kind_known"),
        ),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_event_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    op.create_index("ix_event_ticket", "event", ["ticket_id", "id"])

    op.create_table(
        "idempotency_key",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("ticket_id", sa.BigInteger(), nullable=False),
        sa.Column("answer", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name=op.f("fk_idempotency_key_ticket_id_ticket")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_idempotency_key")),
    )
    op.create_index("ix_idempotency_key_created", "idempotency_key", ["created_at"])

    for statement in (FOLD, SEARCH_VECTOR, STAMP, APPEND_ONLY, *TRIGGERS):
        op.execute(statement)


def downgrade() -> None:
    for table in ("idempotency_key", "event", "api_token", "ai_suggestion", "ticket", "staff", "rate_limit"):
        op.drop_table(table)
    for function in ("event_append_only()", "ticket_stamp()", "ticket_search_vector()", "ticketdesk_fold(text)"):
        op.execute(f"DROP FUNCTION {function}")
