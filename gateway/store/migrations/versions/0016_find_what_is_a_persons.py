"""Find a provider's actions, a person's past rows, and batches that ended or stopped arriving, each by an index.

Plain CREATE INDEX: an upgrade stops whoever writes (RUNBOOK), and a migration is one transaction. Who has very many
rows can make an index of that name before, with CREATE INDEX CONCURRENTLY; it is left as it is.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_PERSON = ["bucket", "project", "pseudonym"]
_INDEXES = (
    ("ix_action_provider", "action", ["project", "performed_by", "performed_on", "id"], "superseded_at IS NULL"),
    ("ix_action_past", "action", _PERSON, "superseded_at IS NOT NULL OR status <> 'recorded'"),
    ("ix_inclusion_past", "inclusion", _PERSON, "superseded_at IS NOT NULL"),
    ("ix_batch_ended", "batch", ["ended_at"], "ended_at IS NOT NULL"),
    ("ix_batch_arriving", "batch", ["next_attempt_at"], "state = 'arriving'"),
)


def upgrade() -> None:
    """Add them."""
    for name, table, columns, where in _INDEXES:
        some = sa.text(where)
        op.create_index(name, table, columns, sqlite_where=some, postgresql_where=some, if_not_exists=True)


def downgrade() -> None:
    """Take them away."""
    for name, table, _, _ in reversed(_INDEXES):
        op.drop_index(name, table)
