"""Indexes by which it is found what was begun in a month and not communicated."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_INDEXES = (
    ("ix_batch_organisation", "batch", ["organisation", "communicated_at"], "refused > 0 OR not_done > 0"),
    ("ix_batch_line_refused", "batch_line", ["shard", "batch", "number"], "outcome IN ('refused', 'not-done')"),
    ("ix_batch_line_ref", "batch_line", ["ref"], "ref IS NOT NULL AND outcome IN ('accepted', 'duplicate')"),
    (
        "ix_audit_entry_begun",
        "audit_entry",
        ["project", "at"],
        "verb IN ('register_inclusion', 'register_exit') AND outcome NOT IN ('done', 'replayed')",
    ),
)


def upgrade() -> None:
    """Add them; each holds few rows."""
    for name, table, columns, where in _INDEXES:
        op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    """Take them away."""
    for name, table, _, _ in _INDEXES:
        op.drop_index(name, table)
