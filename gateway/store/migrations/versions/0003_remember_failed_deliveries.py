"""Remember when a delivery failed and was tried again, and find a project's deliveries by their state."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the indexes; of a message that failed before them its last try stands for when it did."""
    op.create_table(
        "delivery_failure",
        sa.Column("bucket", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("message", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("retried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retry_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("bucket", "message", "attempt", name="pk_delivery_failure"),
    )
    op.create_index("ix_outbox_project", "outbox", ["project", "state", "id"])
    some = sa.text("state IN ('failed', 'rejected')")
    op.create_index("ix_outbox_refused", "outbox", ["state"], sqlite_where=some, postgresql_where=some)
    op.execute(
        "INSERT INTO delivery_failure (bucket, message, attempt, failed_at, reason) "
        "SELECT bucket, id, attempts, next_attempt_at, coalesce(reason, 'unknown') FROM outbox WHERE state = 'failed'"
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_index("ix_outbox_refused", "outbox")
    op.drop_index("ix_outbox_project", "outbox")
    op.drop_table("delivery_failure")
