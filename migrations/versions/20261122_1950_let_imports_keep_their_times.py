"""Let who brings tickets in from elsewhere keep their times and versions while adding to them.

A transaction that sets `ticketdesk.importing` to `on` says itself when a ticket was changed last.

Revision ID: 0022
"""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

STAMP = """
CREATE OR REPLACE FUNCTION ticket_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('ticketdesk.importing', true) = 'on' THEN
        RETURN NEW;
    END IF;
    NEW.version := OLD.version + 1;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$$
"""
STAMP_BEFORE = """
CREATE OR REPLACE FUNCTION ticket_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$$
"""


def upgrade() -> None:
    op.execute(STAMP)


def downgrade() -> None:
    op.execute(STAMP_BEFORE)
