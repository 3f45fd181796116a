"""Keep by which references a message and its answer know each other, and what contradicted the first answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; of a message that was sent before them nothing of it is known."""
    op.add_column("outbox", sa.Column("input_reference", sa.Uuid(), nullable=True))
    op.add_column("outbox", sa.Column("output_reference", sa.Text(), nullable=True))
    op.add_column("outbox", sa.Column("contradiction", sa.Text(), nullable=True))
    op.add_column("outbox", sa.Column("contradicted_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Take them away."""
    for name in ("contradicted_at", "contradiction", "output_reference", "input_reference"):
        op.drop_column("outbox", name)
