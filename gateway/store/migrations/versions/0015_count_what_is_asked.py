"""Count what is asked, on all gateways together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; nobody asked before."""
    op.create_table(
        "rate",
        sa.Column("shard", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("asker", sa.LargeBinary(), primary_key=True),
        sa.Column("empty_at", sa.Float(53), nullable=False),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_table("rate")
