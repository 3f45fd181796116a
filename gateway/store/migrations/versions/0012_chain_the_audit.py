"""Chain the audit: a place and a hash for each entry, where each chain ends, and whom an entry is about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_COLUMNS = (("pseudonym", sa.LargeBinary()), ("position", sa.BigInteger()), ("hash", sa.LargeBinary()))
_INDEXES = (
    ("ix_audit_entry_unchained", ["bucket", "id"], "position IS NULL"),
    ("ix_audit_entry_chained", ["at", "id"], "position IS NOT NULL"),
    ("ix_audit_entry_person", ["person", "at", "id"], "position IS NOT NULL"),
    ("ix_audit_entry_object", ["object", "at", "id"], "position IS NOT NULL"),
)


def upgrade() -> None:
    """Add them; entries that are there are chained by the worker, like those that come."""
    for name, kind in _COLUMNS:
        op.add_column("audit_entry", sa.Column(name, kind, nullable=True))
    for name, columns, where in _INDEXES:
        op.create_index(name, "audit_entry", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    op.create_table(
        "audit_chain",
        sa.Column("bucket", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", name="pk_audit_chain"),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("audit_chain")
    for name, _, _ in _INDEXES:
        op.drop_index(name, "audit_entry")
    for name, _ in _COLUMNS:
        op.drop_column("audit_entry", name)
