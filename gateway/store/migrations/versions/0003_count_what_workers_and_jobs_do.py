"""Count what workers and jobs do, so that every gateway can tell it to who watches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, in which nothing was counted before, and find at once what waits for a person."""
    op.create_table(
        "pulse",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
    )
    failed = sa.text("state = 'failed'")
    op.create_index("ix_outbox_failed", "outbox", ["created_at"], sqlite_where=failed, postgresql_where=failed)


def downgrade() -> None:
    """Take it away."""
    op.drop_index("ix_outbox_failed", "outbox")
    op.drop_table("pulse")
