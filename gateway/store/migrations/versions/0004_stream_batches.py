"""Stream batches: how each is done, in which form it came, when it was communicated, and its counts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

COUNTS = ("accepted", "duplicate", "refused")
COUNT = """
UPDATE batch SET {name} = (
    SELECT count(*) FROM batch_line
    WHERE batch_line.shard = batch.shard AND batch_line.batch = batch.id AND batch_line.outcome = '{name}'
)
"""


def _index_due(where: str) -> None:
    """The index of what the worker looks for, over batches in some states."""
    op.drop_index("ix_batch_due", "batch")
    some = sa.text(where)
    op.create_index("ix_batch_due", "batch", ["next_attempt_at"], sqlite_where=some, postgresql_where=some)


def upgrade() -> None:
    """Apply; a batch that is there keeps no instant of its own: its lines are communicated when they are done."""
    op.add_column("batch", sa.Column("mode", sa.Text(), nullable=False, server_default="per_item"))
    op.add_column("batch", sa.Column("encoding", sa.Text(), nullable=True))
    for name in (*COUNTS, "not_done"):
        op.add_column("batch", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    op.add_column("batch", sa.Column("communicated_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("batch", sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True))
    for name in COUNTS:
        op.execute(COUNT.format(name=name))
    op.execute("UPDATE batch SET ended_at = next_attempt_at WHERE state IN ('done', 'cancelled')")
    _index_due("state IN ('queued', 'running', 'cancelling')")


def downgrade() -> None:
    """Undo."""
    _index_due("state IN ('queued', 'running')")
    for name in (*COUNTS, "not_done", "mode", "encoding", "communicated_at", "ended_at"):
        op.drop_column("batch", name)
