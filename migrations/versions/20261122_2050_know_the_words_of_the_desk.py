"""Know the words of the desk, so that a search can tell what a mistyped one was meant to be.

Revision ID: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "search_word",
        sa.Column("word", sa.String(length=30, collation="C"), nullable=False),
        sa.Column(
            "texts",
            sa.Integer(),
            nullable=False,
            comment="How many tickets and replies had it when they were read.",
        ),
        sa.Column(
            "stem",
            sa.String(length=30, collation="C"),
            nullable=True,
            comment="In the language that the words were read for.",
        ),
        sa.PrimaryKeyConstraint("word", name=op.f("pk_search_word")),
    )
    op.create_index("ix_search_word_like", "search_word", [sa.text("char_length(word)"), sa.text("texts DESC")])
    op.create_index("ix_search_word_stem", "search_word", ["stem"], postgresql_where=sa.text("stem IS NOT NULL"))
    op.create_table(
        "search_progress",
        sa.Column("language", sa.String(length=20), nullable=False, comment="Whose stems the words have."),
        sa.Column("ticket_id", sa.BigInteger(), nullable=False, comment="Up to which the tickets are read."),
        sa.Column("message_id", sa.BigInteger(), nullable=False, comment="Up to which the messages are read."),
        sa.PrimaryKeyConstraint("language", name=op.f("pk_search_progress")),
    )


def downgrade() -> None:
    op.drop_table("search_progress")
    op.drop_table("search_word")
