"""Remember under which pseudonyms a person's audit entries were written, where keys were rotated since."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; nobody's pseudonym changed before."""
    op.create_table(
        "former_pseudonym",
        sa.Column("bucket", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("pseudonym", sa.LargeBinary(), nullable=False),
        sa.Column("former_pseudonym", sa.LargeBinary(), nullable=False),
        sa.Column("former_bucket", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name="fk_former_pseudonym_project"),
        sa.PrimaryKeyConstraint("bucket", "project", "pseudonym", "former_pseudonym", name="pk_former_pseudonym"),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_table("former_pseudonym")
