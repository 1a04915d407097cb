"""Count tickets as they change, so that figures cost the same at a thousand tickets and at a million.

A counter row for each kind of ticket would make writers queue behind each
other until their transactions end. Triggers append what changed instead, which
waits for nobody, and now and then one writer folds what others have committed
into the totals. Totals and appended changes together are exact at any moment.

Filling the totals counts all tickets once (0.6 s at a million) and keeps writers,
not readers, waiting meanwhile.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Only one folds at a time and nobody waits for it: a lock that is taken means that it is being done.
FOLD = """
CREATE FUNCTION ticket_fold() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(7402116003) THEN
        RETURN false;
    END IF;
    WITH moved AS (
        DELETE FROM ticket_delta RETURNING *
    ), totals AS (
        INSERT INTO ticket_total AS total (category, priority, status, tickets)
        SELECT category, priority, status, sum(tickets) FROM moved GROUP BY 1, 2, 3 HAVING sum(tickets) <> 0
        ON CONFLICT (category, priority, status) DO UPDATE SET tickets = total.tickets + excluded.tickets
    )
    INSERT INTO ticket_day AS total (day, tickets)
    SELECT day, sum(tickets) FROM moved GROUP BY 1 HAVING sum(tickets) <> 0
    ON CONFLICT (day) DO UPDATE SET tickets = total.tickets + excluded.tickets;
    RETURN true;
END
$$
"""

# Inserts and deletes are counted a statement, so that a bulk import appends a few rows and not a million.
# Changes are counted a row, because a row's trigger can pass over the changes that no figure shows.
COUNT_MANY = """
CREATE FUNCTION ticket_count_many() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ticket_delta (day, category, priority, status, tickets)
    SELECT (created_at AT TIME ZONE 'UTC')::date, category, priority, status,
           CASE TG_OP WHEN 'INSERT' THEN count(*) ELSE -count(*) END
    FROM counted GROUP BY 1, 2, 3, 4;
    IF random() < 0.005 THEN
        PERFORM ticket_fold();
    END IF;
    RETURN NULL;
END
$$
"""

COUNT_CHANGE = """
CREATE FUNCTION ticket_count_change() RETURNS trigger LANGUAGE plpgsql AS $$
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

TRIGGERS = (
    "CREATE TRIGGER ticket_count_insert AFTER INSERT ON ticket REFERENCING NEW TABLE AS counted"
    " FOR EACH STATEMENT EXECUTE FUNCTION ticket_count_many()",
    "CREATE TRIGGER ticket_count_delete AFTER DELETE ON ticket REFERENCING OLD TABLE AS counted"
    " FOR EACH STATEMENT EXECUTE FUNCTION ticket_count_many()",
    "CREATE TRIGGER ticket_count_update AFTER UPDATE ON ticket FOR EACH ROW WHEN ("
    "(OLD.category, OLD.priority, OLD.status, OLD.created_at)"
    " IS DISTINCT FROM (NEW.category, NEW.priority, NEW.status, NEW.created_at))"
    " EXECUTE FUNCTION ticket_count_change()",
)

FILL = (
    "LOCK TABLE ticket IN SHARE MODE",
    "INSERT INTO ticket_total SELECT category, priority, status, count(*) FROM ticket GROUP BY 1, 2, 3",
    "INSERT INTO ticket_day SELECT (created_at AT TIME ZONE 'UTC')::date, count(*) FROM ticket GROUP BY 1",
)


def upgrade() -> None:
    def kind() -> list[sa.Column[str]]:
        return [sa.Column(name, sa.String(length=32), nullable=False) for name in ("category", "priority", "status")]

    op.create_table(
        "ticket_total",
        *kind(),
        sa.Column("tickets", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("category", "priority", "status", name=op.f("pk_ticket_total")),
    )
    op.create_table(
        "ticket_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("tickets", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_ticket_day")),
    )
    op.create_table(
        "ticket_delta",
        sa.Column("day", sa.Date(), nullable=False),
        *kind(),
        sa.Column("tickets", sa.Integer(), nullable=False),
    )
    # The table is emptied all the time; the usual thresholds would let readers wade through what is gone.
    op.execute("ALTER TABLE ticket_delta SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)")
    for statement in (FOLD, COUNT_MANY, COUNT_CHANGE, *FILL, *TRIGGERS):
        op.execute(statement)


def downgrade() -> None:
    for trigger in ("insert", "delete", "update"):
        op.execute(f"DROP TRIGGER ticket_count_{trigger} ON ticket")
    for function in ("ticket_count_many", "ticket_count_change", "ticket_fold"):
        op.execute(f"DROP FUNCTION {function}()")
    for table in ("ticket_delta", "ticket_day", "ticket_total"):
        op.drop_table(table)
