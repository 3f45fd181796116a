"""Find the events of webhooks that ended long ago, which are removed then."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    some = sa.text("ended_at IS NOT NULL")
    op.create_index("ix_webhook_event_ended", "webhook_event", ["ended_at"], sqlite_where=some, postgresql_where=some)


def downgrade() -> None:
    """Take it away."""
    op.drop_index("ix_webhook_event_ended", "webhook_event")
