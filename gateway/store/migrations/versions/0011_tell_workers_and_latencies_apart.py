"""Tell each worker's lanes apart, and how many messages took how long."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables; what was counted before stays in the pulses alone."""
    op.create_table(
        "latency",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("upto_seconds", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "upto_seconds", name="pk_latency"),
    )
    op.create_table(
        "lane_beat",
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("worker", "lane", name="pk_lane_beat"),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("lane_beat")
    op.drop_table("latency")
