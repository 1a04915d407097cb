"""Let customers rate how they were helped.

Checking the rows that are there against the new rules, and the index, are left
to the next revision, because they take longer on a desk with many tickets.

Revision ID: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

EVENT_KINDS = (
    "kind IN ('ticket.created', 'ticket.title_changed', 'ticket.category_changed', 'ticket.priority_changed',"
    " 'ticket.status_changed', 'ticket.replied', 'ticket.noted', 'ticket.assigned', 'ticket.tags_changed',"
    " 'ticket.snoozed', 'ticket.woken', 'ticket.rated')"
)
EVENT_KINDS_BEFORE = (
    "kind IN ('ticket.created', 'ticket.title_changed', 'ticket.category_changed', 'ticket.priority_changed',"
    " 'ticket.status_changed', 'ticket.replied', 'ticket.noted', 'ticket.assigned', 'ticket.tags_changed',"
    " 'ticket.snoozed', 'ticket.woken')"
)
CHECKS = {
    "ck_ticket_rating_known": "rating IN ('good', 'bad')",
    "ck_ticket_rating_comment_length": (
        "char_length(btrim(rating_comment, E' \\t\\n\\r')) >= 1 AND char_length(rating_comment) <= 2000"
    ),
    "ck_ticket_rated_when": (
        "(rating IS NULL) = (rated_at IS NULL) AND (rating_comment IS NULL OR rating IS NOT NULL)"
    ),
}


def upgrade() -> None:
    op.add_column("ticket", sa.Column("rating", sa.String(length=32), nullable=True))
    op.add_column("ticket", sa.Column("rating_comment", sa.Text(), nullable=True))
    op.add_column("ticket", sa.Column("rated_at", sa.DateTime(timezone=True), nullable=True))
    for name, rule in CHECKS.items():
        op.create_check_constraint(op.f(name), "ticket", rule, postgresql_not_valid=True)
    _allow_events(EVENT_KINDS)


def downgrade() -> None:
    # Tables are locked in the order in which the desk writes to them, so that neither waits for the other for ever.
    for name in CHECKS:
        op.drop_constraint(op.f(name), "ticket")
    for column in ("rating", "rating_comment", "rated_at"):
        op.drop_column("ticket", column)
    # Events that have happened stay, so the rows that are there are not held to the old rule.
    _allow_events(EVENT_KINDS_BEFORE)


def _allow_events(kinds: str) -> None:
    op.drop_constraint(op.f("ck_event_kind_known"), "event")
    op.create_check_constraint(op.f("ck_event_kind_known"), "event", kinds, postgresql_not_valid=True)
