"""Create the register."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


READER = """
DO $$ BEGIN
    CREATE ROLE chroniccare_reader NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
GRANT SELECT ON release, cell TO chroniccare_reader;
GRANT chroniccare_reader TO CURRENT_USER;
"""
"""Who answers questions for figures: may read what is released, and nothing else."""


def _partial(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    """An index over some rows, on either engine."""
    some = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=some, postgresql_where=some)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "audit_entry",
        sa.Column("bucket", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=True),
        sa.Column("object", sa.Uuid(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "id", name=op.f("pk_audit_entry")),
    )
    op.create_table(
        "batch",
        sa.Column("shard", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("sealed_caller", sa.LargeBinary(), nullable=True),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("delimiter", sa.Text(), nullable=True),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("shard", "id", name=op.f("pk_batch")),
    )
    _partial("ix_batch_due", "batch", ["next_attempt_at"], "state IN ('queued', 'running')")
    op.create_table(
        "batch_line",
        sa.Column("shard", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("batch", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sealed_line", sa.LargeBinary(), nullable=True),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=True),
        sa.Column("ref", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("object", sa.Uuid(), nullable=True),
        sa.Column("problem", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("shard", "batch", "number", name=op.f("pk_batch_line")),
    )
    _partial("ix_batch_line_fingerprint", "batch_line", ["fingerprint"], "outcome = 'accepted'")
    _partial("ix_batch_line_waiting", "batch_line", ["shard", "batch", "number"], "outcome IS NULL")
    op.create_table(
        "catalogue_history",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("noun", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("version", "noun", "key", name=op.f("pk_catalogue_history")),
    )
    op.create_table(
        "catalogue_version",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalogue_version")),
    )
    op.create_table(
        "extract",
        sa.Column("shard", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("transaction_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("releases", sa.JSON(), nullable=True),
        sa.Column("manifest", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("shard", "id", name=op.f("pk_extract")),
    )
    _partial("ix_extract_due", "extract", ["next_attempt_at"], "state IN ('queued', 'running')")
    _partial("ix_extract_files", "extract", ["expires_at"], "expires_at IS NOT NULL")
    op.create_table(
        "idempotency",
        sa.Column("shard", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("headers", sa.JSON(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("shard", "key_hash", name=op.f("pk_idempotency")),
    )
    op.create_index("ix_idempotency_created_at", "idempotency", ["created_at"], unique=False)
    op.create_table(
        "moved",
        sa.Column("bucket", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("new_bucket", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "id", name=op.f("pk_moved")),
    )
    op.create_table(
        "project",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.JSON(), nullable=False),
        sa.Column("nihii", sa.Text(), nullable=False),
        sa.Column("contractor", sa.JSON(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("registration_closes_on", sa.Date(), nullable=True),
        sa.Column("started_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project")),
    )
    op.create_table(
        "pseudocode",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("label", sa.JSON(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("components", sa.JSON(), nullable=False),
        sa.Column("cap", sa.Integer(), nullable=False),
        sa.Column("tariff", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_pseudocode")),
    )
    op.create_table(
        "release",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("lattice", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rho", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("declared", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_release")),
    )
    op.create_index("uq_release_period", "release", ["measure", "kind", "period", "revision"], unique=True)
    op.create_table(
        "action",
        sa.Column("bucket", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("pseudonym", sa.LargeBinary(), nullable=False),
        sa.Column("inclusion", sa.Uuid(), nullable=False),
        sa.Column("pseudocode", sa.Text(), nullable=False),
        sa.Column("performed_on", sa.Date(), nullable=False),
        sa.Column("performed_by", sa.Text(), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("communicated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("annulment_reason", sa.Text(), nullable=True),
        sa.Column("rejection_code", sa.Text(), nullable=True),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_action_project")),
        sa.PrimaryKeyConstraint("bucket", "id", "version", name=op.f("pk_action")),
    )
    _partial("ix_action_project", "action", ["project", "performed_on", "id"], "superseded_at IS NULL")
    _partial("uq_action_current", "action", ["bucket", "id"], "superseded_at IS NULL", unique=True)
    _partial(
        "uq_action_recorded",
        "action",
        ["bucket", "project", "pseudonym", "pseudocode", "performed_by", "performed_on", "occurrence"],
        "superseded_at IS NULL AND status = 'recorded'",
        unique=True,
    )
    op.create_table(
        "assignment",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("planned", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["code"], ["pseudocode.code"], name=op.f("fk_assignment_code")),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_assignment_project")),
        sa.PrimaryKeyConstraint("project", "code", name=op.f("pk_assignment")),
    )
    op.create_table(
        "beneficiary",
        sa.Column("bucket", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("pseudonym", sa.LargeBinary(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("insurer", sa.Text(), nullable=True),
        sa.Column("sex", sa.Text(), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("municipality", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_beneficiary_project")),
        sa.PrimaryKeyConstraint("bucket", "project", "pseudonym", name=op.f("pk_beneficiary")),
    )
    op.create_table(
        "cell",
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("dims", sa.Text(), nullable=False),
        sa.Column("beneficiaries", sa.Integer(), nullable=False),
        sa.Column("actions", sa.Integer(), nullable=True),
        sa.Column("providers", sa.Text(), nullable=True),
        sa.Column("margin_beneficiaries", sa.Integer(), nullable=False),
        sa.Column("margin_actions", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["release"], ["release.id"], name=op.f("fk_cell_release")),
        sa.PrimaryKeyConstraint("release", "audience", "dims", name=op.f("pk_cell")),
    )
    op.create_table(
        "inclusion",
        sa.Column("bucket", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("pseudonym", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("communicated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("communicated_by", sa.Text(), nullable=True),
        sa.Column("agreed_on", sa.Date(), nullable=False),
        sa.Column("municipality", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("exit_reason", sa.Text(), nullable=True),
        sa.Column("exit_left_on", sa.Date(), nullable=True),
        sa.Column("exit_communicated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("annulment_reason", sa.Text(), nullable=True),
        sa.Column("rejection_code", sa.Text(), nullable=True),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_inclusion_project")),
        sa.PrimaryKeyConstraint("bucket", "id", "version", name=op.f("pk_inclusion")),
    )
    _partial("ix_inclusion_person", "inclusion", ["bucket", "project", "pseudonym"], "superseded_at IS NULL")
    op.create_index("ix_inclusion_project", "inclusion", ["project", "id"], unique=False)
    _partial("uq_inclusion_current", "inclusion", ["bucket", "id"], "superseded_at IS NULL", unique=True)
    _partial(
        "uq_inclusion_open",
        "inclusion",
        ["bucket", "project", "pseudonym"],
        "superseded_at IS NULL AND status = 'open'",
        unique=True,
    )
    op.create_table(
        "outbox",
        sa.Column("bucket", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("pseudonym", sa.LargeBinary(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reference", sa.Uuid(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_outbox_project")),
        sa.PrimaryKeyConstraint("bucket", "id", name=op.f("pk_outbox")),
    )
    _partial("ix_outbox_pending", "outbox", ["bucket", "next_attempt_at"], "state = 'pending'")
    _partial("ix_outbox_unanswered", "outbox", ["created_at"], "state IN ('pending', 'sent')")
    op.create_index("uq_outbox_sequence", "outbox", ["bucket", "project", "pseudonym", "sequence"], unique=True)
    op.create_table(
        "partner",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("nihii", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("discipline", sa.Text(), nullable=False),
        sa.Column("member_from", sa.Date(), nullable=False),
        sa.Column("member_until", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_partner_project")),
        sa.PrimaryKeyConstraint("project", "provider", "member_from", name=op.f("pk_partner")),
    )
    op.create_table(
        "vault",
        sa.Column("bucket", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("pseudonym", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_ssin", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_vault_project")),
        sa.PrimaryKeyConstraint("bucket", "project", "pseudonym", name=op.f("pk_vault")),
    )
    op.create_table(
        "zone",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("nis", sa.Text(), nullable=False),
        sa.Column("population", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_zone_project")),
        sa.PrimaryKeyConstraint("project", "nis", name=op.f("pk_zone")),
    )
    op.create_index("uq_zone_nis", "zone", ["nis"], unique=True)
    op.execute("INSERT INTO catalogue_version (id, version) VALUES (1, 0)")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(READER)


def downgrade() -> None:
    """Undo; an index goes with its table."""
    op.drop_table("zone")
    op.drop_table("vault")
    op.drop_table("partner")
    op.drop_table("outbox")
    op.drop_table("inclusion")
    op.drop_table("cell")
    op.drop_table("beneficiary")
    op.drop_table("assignment")
    op.drop_table("action")
    op.drop_table("release")
    op.drop_table("pseudocode")
    op.drop_table("project")
    op.drop_table("moved")
    op.drop_table("idempotency")
    op.drop_table("extract")
    op.drop_table("catalogue_version")
    op.drop_table("catalogue_history")
    op.drop_table("batch_line")
    op.drop_table("batch")
    op.drop_table("audit_entry")
