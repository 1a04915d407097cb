"""Let tickets be merged and put into the trash, and let bulk changes be undone.

A ticket that is gone, merged into another or in the trash, has left the counts;
their triggers see it go and come back. The next revision takes it out of the
indexes of the lists, and checks the rows that are there against the new rules.

Revision ID: 0014
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

EVENT_KINDS_BEFORE = (
    "kind IN ('ticket.created', 'ticket.title_changed', 'ticket.category_changed', 'ticket.priority_changed',"
    " 'ticket.status_changed', 'ticket.replied', 'ticket.noted', 'ticket.assigned', 'ticket.tags_changed',"
    " 'ticket.snoozed', 'ticket.woken', 'ticket.rated')"
)
EVENT_KINDS = (
    f"{EVENT_KINDS_BEFORE[:-1]},"
    " 'ticket.merged', 'ticket.unmerged', 'ticket.trashed', 'ticket.restored', 'ticket.undone')"
)

COUNT_MANY = """
CREATE OR REPLACE FUNCTION ticket_count_many() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ticket_delta (day, category, priority, status, tickets)
    SELECT (created_at AT TIME ZONE 'UTC')::date, category, priority, status,
           CASE TG_OP WHEN 'INSERT' THEN count(*) ELSE -count(*) END
    FROM counted WHERE gone_at IS NULL GROUP BY 1, 2, 3, 4;
    IF random() < 0.005 THEN
        PERFORM ticket_fold();
    END IF;
    RETURN NULL;
END
$$
"""
COUNT_CHANGE = """
CREATE OR REPLACE FUNCTION ticket_count_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ticket_delta (day, category, priority, status, tickets)
    SELECT (created_at AT TIME ZONE 'UTC')::date, category, priority, status, tickets
    FROM (VALUES
        (OLD.created_at, OLD.category, OLD.priority, OLD.status, OLD.gone_at, -1),
        (NEW.created_at, NEW.category, NEW.priority, NEW.status, NEW.gone_at, 1)
    ) AS change (created_at, category, priority, status, gone_at, tickets)
    WHERE gone_at IS NULL;
    IF random() < 0.005 THEN
        PERFORM ticket_fold();
    END IF;
    RETURN NULL;
END
$$
"""
COUNT_UPDATES = (
    "CREATE OR REPLACE TRIGGER ticket_count_update AFTER UPDATE ON ticket FOR EACH ROW WHEN ("
    "(OLD.category, OLD.priority, OLD.status, OLD.created_at, OLD.gone_at IS NULL)"
    " IS DISTINCT FROM (NEW.category, NEW.priority, NEW.status, NEW.created_at, NEW.gone_at IS NULL))"
    " EXECUTE FUNCTION ticket_count_change()"
)

COUNT_MANY_BEFORE = COUNT_MANY.replace("FROM counted WHERE gone_at IS NULL", "FROM counted")
COUNT_CHANGE_BEFORE = """
CREATE OR REPLACE FUNCTION ticket_count_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ticket_delta (day, category, priority, status, tickets) VALUES
        ((OLD.created_at AT TIME ZONE 'UTC')::date, OLD.category, OLD.priority, OLD.status, -1),
        ((NEW.created_at AT TIME ZONE 'UTC')::date, NEW.category, NEW.priority, NEW.status, 1);
    IF random() < 0.005 THEN
        PERFORM ticket_fold();
    END IF;
    RETURN NULL;
END
$$
"""
COUNT_UPDATES_BEFORE = (
    "CREATE OR REPLACE TRIGGER ticket_count_update AFTER UPDATE ON ticket FOR EACH ROW WHEN ("
    "(OLD.category, OLD.priority, OLD.status, OLD.created_at)"
    " IS DISTINCT FROM (NEW.category, NEW.priority, NEW.status, NEW.created_at))"
    " EXECUTE FUNCTION ticket_count_change()"
)

# All words of a ticket's conversation, in an order that adding a message at its end keeps: a ticket's words are the
# same after any way that led to the same texts. The bound is that of the trigger which adds a message.
WORDS = """
CREATE FUNCTION ticket_words(of_ticket bigint, title text, description text) RETURNS tsvector
LANGUAGE plpgsql STABLE AS $$
DECLARE
    words tsvector := setweight(to_tsvector('simple', ticketdesk_fold(title)), 'A')
        || setweight(to_tsvector('simple', ticketdesk_fold(description)), 'B');
    part record;
BEGIN
    FOR part IN
        WITH RECURSIVE merged AS (
            SELECT t.id, t.title, t.description FROM ticket AS t WHERE t.merged_into_id = of_ticket
            UNION ALL
            SELECT t.id, t.title, t.description FROM merged JOIN ticket AS t ON t.merged_into_id = merged.id
        )
        SELECT 1 AS place, merged.id, merged.title || E'\\n' || merged.description AS body, 'C' AS weight FROM merged
        UNION ALL
        SELECT 2, m.id, m.body, CASE m.kind WHEN 'note' THEN 'D' ELSE 'C' END
        FROM message AS m WHERE m.ticket_id = of_ticket
        ORDER BY place, id
    LOOP
        EXIT WHEN length(words) >= 10000;
        BEGIN
            words := words || setweight(to_tsvector('simple', ticketdesk_fold(part.body)), part.weight::"char");
        EXCEPTION WHEN program_limit_exceeded THEN
            NULL;
        END;
    END LOOP;
    RETURN words;
END
$$
"""
TICKET_VECTOR = """
CREATE OR REPLACE FUNCTION ticket_search_vector() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.search_vector := ticket_words(NEW.id, NEW.title, NEW.description);
    ELSE
        NEW.search_vector :=
            setweight(to_tsvector('simple', ticketdesk_fold(NEW.title)), 'A')
            || setweight(to_tsvector('simple', ticketdesk_fold(NEW.description)), 'B');
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
    IF TG_OP = 'UPDATE' THEN
        NEW.search_vector := NEW.search_vector || ts_filter(coalesce(OLD.search_vector, ''), '{c,d}');
    END IF;
    RETURN NEW;
EXCEPTION WHEN program_limit_exceeded THEN
    RETURN NEW;
END
$$
"""

# Where the conversation goes on: the ticket itself, or the one that it was merged into, perhaps by way of others.
SURVIVOR = """
CREATE FUNCTION ticket_survivor(of_ticket bigint) RETURNS bigint LANGUAGE sql STABLE STRICT AS $$
    WITH RECURSIVE way AS (
        SELECT id, merged_into_id FROM ticket WHERE id = of_ticket
        UNION ALL
        SELECT t.id, t.merged_into_id FROM way JOIN ticket AS t ON t.id = way.merged_into_id
    )
    SELECT id FROM way WHERE merged_into_id IS NULL
$$
"""

# What a purge takes away for ever goes with its history; nothing else does.
APPEND_ONLY = """
CREATE OR REPLACE FUNCTION event_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('ticketdesk.purging', true) = 'on'
        AND EXISTS (SELECT FROM ticket WHERE id = OLD.ticket_id AND gone_at IS NOT NULL)
    THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'events are append-only' USING ERRCODE = 'restrict_violation';
END
$$
"""
APPEND_ONLY_BEFORE = """
CREATE OR REPLACE FUNCTION event_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are append-only' USING ERRCODE = 'restrict_violation';
END
$$
"""


def upgrade() -> None:
    op.add_column("ticket", sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("ticket", sa.Column("merged_into_id", sa.BigInteger(), nullable=True))
    op.add_column("message", sa.Column("home_ticket_id", sa.BigInteger(), nullable=True))
    for name, table, column in (
        (op.f("fk_ticket_merged_into_id_ticket"), "ticket", "merged_into_id"),
        (op.f("fk_message_home_ticket_id_ticket"), "message", "home_ticket_id"),
    ):
        op.create_foreign_key(name, table, "ticket", [column], ["id"], postgresql_not_valid=True)
    op.create_check_constraint(
        op.f("ck_ticket_merged_is_gone"),
        "ticket",
        "merged_into_id IS NULL OR (gone_at IS NOT NULL AND merged_into_id <> id)",
        postgresql_not_valid=True,
    )
    op.drop_constraint(op.f("ck_event_kind_known"), "event")
    op.create_check_constraint(op.f("ck_event_kind_known"), "event", EVENT_KINDS, postgresql_not_valid=True)
    # A decision that was undone is no decision; the row stays so that those who learned it hear of it.
    op.drop_constraint(op.f("ck_confirmation_decides_something"), "confirmation")

    op.create_table(
        "act",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("actor_kind", sa.String(length=32), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("actor_label", sa.String(length=320), nullable=False),
        sa.Column("ticket_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("event_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('bulk', 'merge', 'trash')", name=op.f("ck_act_kind_known")),
        sa.CheckConstraint(
            "actor_kind IN ('customer', 'staff', 'token', 'system')", name=op.f("ck_act_actor_kind_known")
        ),
        sa.CheckConstraint("cardinality(ticket_ids) > 0", name=op.f("ck_act_about_something")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_act")),
    )
    op.create_index("ix_act_created", "act", ["created_at"])

    for statement in (COUNT_MANY, COUNT_CHANGE, COUNT_UPDATES, WORDS, SURVIVOR, TICKET_VECTOR, APPEND_ONLY):
        op.execute(statement)


def downgrade() -> None:
    # Whatever is gone comes back into the lists and the counts, where the code before this finds it.
    op.execute("UPDATE ticket SET gone_at = NULL, merged_into_id = NULL WHERE gone_at IS NOT NULL")
    for statement in (
        APPEND_ONLY_BEFORE,
        TICKET_VECTOR_BEFORE,
        "DROP FUNCTION ticket_survivor(bigint)",
        "DROP FUNCTION ticket_words(bigint, text, text)",
        COUNT_UPDATES_BEFORE,
        COUNT_CHANGE_BEFORE,
        COUNT_MANY_BEFORE,
    ):
        op.execute(statement)
    op.drop_table("act")
    op.execute("DELETE FROM confirmation WHERE category IS NULL AND priority IS NULL")
    op.create_check_constraint(
        op.f("ck_confirmation_decides_something"), "confirmation", "category IS NOT NULL OR priority IS NOT NULL"
    )
    # Tables are locked in the order in which the desk writes to them, so that neither waits for the other for ever.
    op.drop_column("ticket", "merged_into_id")
    op.drop_column("ticket", "gone_at")
    op.drop_column("message", "home_ticket_id")
    # Events that have happened stay, so the rows that are there are not held to the old rule.
    op.drop_constraint(op.f("ck_event_kind_known"), "event")
    op.create_check_constraint(op.f("ck_event_kind_known"), "event", EVENT_KINDS_BEFORE, postgresql_not_valid=True)
