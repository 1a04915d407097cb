"""Keep the words of a ticket in its row, and few changes of the word index in its list of what is to be sorted in.

A search looks at the words of each ticket that the index brings; where the row
was longer than a quarter of a page they lay elsewhere, and fetching them took
as long as comparing them. Rows that are there stay as they are until they change.

It also reads the whole list of what is not in the index yet. That was up to 4 MB,
which took 2 ms, and sorting it in held up one customer for 0.3 s; the worker now
does it each minute, and a customer at 1 MB. An index of tags has so little to
take in that it needs no list.

Everybody waits for a moment; no row is read.

Revision ID: 0025
"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # In kB.
        op.execute("ALTER INDEX ix_ticket_search SET (gin_pending_list_limit = 1024)")
        op.execute("ALTER INDEX ix_ticket_tags SET (fastupdate = off)")
        op.execute("SELECT gin_clean_pending_list('ix_ticket_tags')")
    # MAIN puts them elsewhere only where the row would not fit into a page; what else is long goes from half a page on.
    op.execute("ALTER TABLE ticket ALTER COLUMN search_vector SET STORAGE MAIN, SET (toast_tuple_target = 4080)")


def downgrade() -> None:
    op.execute("ALTER TABLE ticket ALTER COLUMN search_vector SET STORAGE EXTENDED, RESET (toast_tuple_target)")
    op.execute("ALTER INDEX ix_ticket_tags RESET (fastupdate)")
    op.execute("ALTER INDEX ix_ticket_search RESET (gin_pending_list_limit)")
