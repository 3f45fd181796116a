"""Deny keys of the token issuer, on every gateway at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; no key was denied before."""
    op.create_table(
        "denied_key",
        sa.Column("kid", sa.Text(), primary_key=True),
        sa.Column("denied_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_table("denied_key")
