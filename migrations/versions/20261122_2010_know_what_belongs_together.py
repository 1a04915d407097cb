"""Know which tickets are one conversation by merging.

Revision ID: 0020
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

# The ticket itself, and those that were merged into it, perhaps by way of others.
FAMILY = """
CREATE FUNCTION ticket_family(of_ticket bigint) RETURNS bigint[] LANGUAGE sql STABLE STRICT AS $$
    WITH RECURSIVE family AS (
        SELECT of_ticket AS id
        UNION ALL
        SELECT t.id FROM family JOIN ticket AS t ON t.merged_into_id = family.id
    )
    SELECT array_agg(id) FROM family
$$
"""


def upgrade() -> None:
    op.execute(FAMILY)


def downgrade() -> None:
    op.execute("DROP FUNCTION ticket_family(bigint)")
