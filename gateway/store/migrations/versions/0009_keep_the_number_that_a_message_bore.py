"""Keep the number that a message bore when it was tried, where its person's number changed before it was answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; a message that moved before them bears the new number from its next try on, as it did."""
    op.add_column("outbox", sa.Column("tried_pseudonym", sa.LargeBinary(), nullable=True))
    op.add_column("outbox", sa.Column("sealed_tried_ssin", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Take them away."""
    op.drop_column("outbox", "sealed_tried_ssin")
    op.drop_column("outbox", "tried_pseudonym")
