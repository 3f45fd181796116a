"""Say of each version of a fact when it asked MyCareNet for something, so that a month can be reconciled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_FIRST = "UPDATE {table} SET asked_at = communicated_at WHERE version = 1"
_LATER = """
UPDATE {table} SET asked_at = {at} WHERE version > 1 AND EXISTS (
    SELECT 1 FROM {table} AS earlier WHERE earlier.bucket = {table}.bucket AND earlier.id = {table}.id
    AND earlier.version = {table}.version - 1 AND earlier.message_id <> {table}.message_id)
"""
_OF_AN_INCLUSION = """
CASE WHEN exit_communicated_at IS NOT NULL AND (
    SELECT earlier.exit_communicated_at FROM inclusion AS earlier WHERE earlier.bucket = inclusion.bucket
    AND earlier.id = inclusion.id AND earlier.version = inclusion.version - 1) IS NULL
THEN exit_communicated_at ELSE recorded_at END
"""


def upgrade() -> None:
    """Add the columns and fill them: a version asks for something when it has a message of its own."""
    asked, current = sa.text("asked_at IS NOT NULL"), sa.text("superseded_at IS NULL")
    for table, at in (("inclusion", _OF_AN_INCLUSION), ("action", "recorded_at")):
        op.add_column(table, sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True))
        op.execute(_FIRST.format(table=table))
        op.execute(_LATER.format(table=table, at=at))
        op.create_index(
            f"ix_{table}_asked",
            table,
            ["project", "asked_at", "message_id"],
            sqlite_where=asked,
            postgresql_where=asked,
        )
    op.create_index(
        "ix_inclusion_communicated",
        "inclusion",
        ["project", "status", "communicated_at", "id"],
        sqlite_where=current,
        postgresql_where=current,
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_index("ix_inclusion_communicated", "inclusion")
    for table in ("inclusion", "action"):
        op.drop_index(f"ix_{table}_asked", table)
        op.drop_column(table, "asked_at")
