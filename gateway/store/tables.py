"""The tables of the register.

Stage: pseudonymous (person's tables), anonymous (released cells), identified only as sealed bytes (vault, outbox).
Shape: every table about a person has `bucket` first in its key (SCALE 1), so that one registration touches one place.
Facts are versions: one row per state that was ever known, current while `superseded_at` is null.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
)

from gateway.store import schema
from gateway.store.schema import (
    Instant,
    bucket_column,
    partial_index,
    project_column,
    pseudonym_column,
    version_columns,
)

metadata = schema.metadata

# Reference tables: written rarely, in transactions of their own.

catalogue_version = Table(
    "catalogue_version",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
)

project = Table(
    "project",
    metadata,
    Column("id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("name", JSON, nullable=False),
    Column("nihii", Text, nullable=False),
    Column("contractor", JSON, nullable=False),
    Column("effective_from", Date, nullable=False),
    Column("last_day", Date, nullable=False),
    Column("registration_closes_on", Date),
    Column("started_on", Date),
)

zone = Table(
    "zone",
    metadata,
    Column("project", Text, ForeignKey("project.id"), primary_key=True),
    Column("nis", Text, primary_key=True),
    Column("population", Integer, nullable=False),
    Index("uq_zone_nis", "nis", unique=True),
)

pseudocode = Table(
    "pseudocode",
    metadata,
    Column("code", Text, primary_key=True),
    Column("label", JSON, nullable=False),
    Column("level", Text, nullable=False),
    Column("components", JSON, nullable=False),
    Column("cap", Integer, nullable=False),
    Column("tariff", JSON),
)

assignment = Table(
    "assignment",
    metadata,
    Column("project", Text, ForeignKey("project.id"), primary_key=True),
    Column("code", Text, ForeignKey("pseudocode.code"), primary_key=True),
    Column("valid_from", Date, nullable=False),
    Column("valid_until", Date),
    Column("planned", JSON),
)

partner = Table(
    "partner",
    metadata,
    Column("project", Text, ForeignKey("project.id"), primary_key=True),
    Column("provider", Text, primary_key=True),
    Column("nihii", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("discipline", Text, nullable=False),
    Column("member_from", Date, primary_key=True),
    Column("member_until", Date),
)

catalogue_history = Table(
    "catalogue_history",
    metadata,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("noun", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("document", JSON, nullable=False),
    Column("recorded_at", Instant, nullable=False),
)

rate = Table(
    "rate",
    metadata,
    Column("shard", SmallInteger, primary_key=True, autoincrement=False),
    Column("asker", LargeBinary, primary_key=True),
    Column("empty_at", Float(53), nullable=False),
)

denied_key = Table(
    "denied_key",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("denied_at", Instant, nullable=False),
)

# Tables about a person.

beneficiary = Table(
    "beneficiary",
    metadata,
    bucket_column(),
    project_column(primary_key=True),
    pseudonym_column(primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("insurer", Text),
    Column("sex", Text),
    Column("birth_date", Date),
    Column("municipality", Text),
)

vault = Table(
    "vault",
    metadata,
    bucket_column(),
    project_column(primary_key=True),
    pseudonym_column(primary_key=True),
    Column("sealed_ssin", LargeBinary, nullable=False),
)

former_pseudonym = Table(
    "former_pseudonym",
    metadata,
    bucket_column(),
    project_column(primary_key=True),
    pseudonym_column(primary_key=True),
    Column("former_pseudonym", LargeBinary, primary_key=True),
    Column("former_bucket", SmallInteger, nullable=False),
)

inclusion = Table(
    "inclusion",
    metadata,
    bucket_column(),
    Column("id", Uuid, primary_key=True),
    *version_columns(),
    project_column(),
    pseudonym_column(),
    Column("status", Text, nullable=False),
    Column("communicated_at", Instant, nullable=False),
    Column("communicated_by", Text),
    Column("agreed_on", Date, nullable=False),
    Column("municipality", Text),
    Column("valid_from", Date, nullable=False),
    Column("valid_until", Date),
    Column("evidence", Text),
    Column("exit_reason", Text),
    Column("exit_left_on", Date),
    Column("exit_communicated_at", Instant),
    Column("annulment_reason", Text),
    Column("rejection_code", Text),
    Column("message_id", Uuid),
    Column("asked_at", Instant),
    partial_index("uq_inclusion_current", "bucket", "id", where="superseded_at IS NULL", unique=True),
    partial_index(
        "uq_inclusion_open",
        "bucket",
        "project",
        "pseudonym",
        where="superseded_at IS NULL AND status = 'open'",
        unique=True,
    ),
    partial_index("ix_inclusion_person", "bucket", "project", "pseudonym", where="superseded_at IS NULL"),
    partial_index("ix_inclusion_past", "bucket", "project", "pseudonym", where="superseded_at IS NOT NULL"),
    Index("ix_inclusion_project", "project", "id"),
    partial_index("ix_inclusion_asked", "project", "asked_at", "message_id", where="asked_at IS NOT NULL"),
    partial_index(
        "ix_inclusion_communicated", "project", "status", "communicated_at", "id", where="superseded_at IS NULL"
    ),
)

action = Table(
    "action",
    metadata,
    bucket_column(),
    Column("id", Uuid, primary_key=True),
    *version_columns(),
    project_column(),
    pseudonym_column(),
    Column("inclusion", Uuid, nullable=False),
    Column("pseudocode", Text, nullable=False),
    Column("performed_on", Date, nullable=False),
    Column("performed_by", Text, nullable=False),
    Column("occurrence", Integer, nullable=False),
    Column("communicated_at", Instant, nullable=False),
    Column("evidence", Text),
    Column("status", Text, nullable=False),
    Column("annulment_reason", Text),
    Column("rejection_code", Text),
    Column("message_id", Uuid),
    Column("asked_at", Instant),
    partial_index("uq_action_current", "bucket", "id", where="superseded_at IS NULL", unique=True),
    partial_index(
        "uq_action_recorded",
        *("bucket", "project", "pseudonym", "pseudocode", "performed_by", "performed_on", "occurrence"),
        where="superseded_at IS NULL AND status = 'recorded'",
        unique=True,
    ),
    partial_index(
        "ix_action_past", "bucket", "project", "pseudonym", where="superseded_at IS NOT NULL OR status <> 'recorded'"
    ),
    partial_index("ix_action_project", "project", "performed_on", "id", where="superseded_at IS NULL"),
    partial_index("ix_action_provider", "project", "performed_by", "performed_on", "id", where="superseded_at IS NULL"),
    partial_index("ix_action_asked", "project", "asked_at", "message_id", where="asked_at IS NOT NULL"),
)

outbox = Table(
    "outbox",
    metadata,
    bucket_column(),
    Column("id", Uuid, primary_key=True),
    project_column(),
    pseudonym_column(),
    Column("sequence", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reference", Uuid, nullable=False),
    Column("content", JSON, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("next_attempt_at", Instant, nullable=False),
    Column("leased_until", Instant),
    Column("answered_at", Instant),
    Column("reason", Text),
    Column("input_reference", Uuid),
    Column("output_reference", Text),
    Column("contradiction", Text),
    Column("contradicted_at", Instant),
    Column("tried_pseudonym", LargeBinary),
    Column("sealed_tried_ssin", LargeBinary),
    Index("uq_outbox_sequence", "bucket", "project", "pseudonym", "sequence", unique=True),
    Index("ix_outbox_project", "project", "state", "id"),
    partial_index("ix_outbox_refused", "state", where="state IN ('failed', 'rejected')"),
    partial_index("ix_outbox_pending", "bucket", "next_attempt_at", where="state = 'pending'"),
    partial_index("ix_outbox_unanswered", "created_at", where="state IN ('pending', 'sent')"),
)

delivery_failure = Table(
    "delivery_failure",
    metadata,
    bucket_column(),
    Column("message", Uuid, primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("failed_at", Instant, nullable=False),
    Column("reason", Text, nullable=False),
    Column("retried_at", Instant),
    Column("retry_reason", Text),
)

audit_entry = Table(
    "audit_entry",
    metadata,
    bucket_column(),
    Column("id", Uuid, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("role", Text, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("project", Text),
    Column("object", Uuid),
    Column("request_id", Text, nullable=False),
    Column("pseudonym", LargeBinary),
    Column("position", BigInteger),
    Column("hash", LargeBinary),
    partial_index(
        "ix_audit_entry_begun",
        "project",
        "at",
        where="verb IN ('register_inclusion', 'register_exit') AND outcome NOT IN ('done', 'replayed')",
    ),
    partial_index("ix_audit_entry_unchained", "bucket", "id", where="position IS NULL"),
    partial_index("ix_audit_entry_chained", "at", "id", where="position IS NOT NULL"),
    partial_index("ix_audit_entry_person", "person", "at", "id", where="position IS NOT NULL"),
    partial_index("ix_audit_entry_object", "object", "at", "id", where="position IS NOT NULL"),
)

audit_chain = Table(
    "audit_chain",
    metadata,
    bucket_column(),
    Column("position", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("shard", SmallInteger, primary_key=True, autoincrement=False),
    Column("key_hash", LargeBinary, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("status", SmallInteger),
    Column("headers", JSON),
    Column("body", LargeBinary),
    Index("ix_idempotency_created_at", "created_at"),
)

moved = Table(
    "moved",
    metadata,
    bucket_column(),
    Column("id", Uuid, primary_key=True),
    Column("new_bucket", SmallInteger, nullable=False),
)

# Extracts: asked for by whom, and how far. Their files lie in a folder; this says which are whole and until when.

extract = Table(
    "extract",
    metadata,
    Column("shard", SmallInteger, primary_key=True, autoincrement=False),
    Column("id", Uuid, primary_key=True),
    *(Column(name, Text, nullable=False) for name in ("state", "role", "organisation", "person")),
    Column("request", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("next_attempt_at", Instant, nullable=False),
    Column("leased_until", Instant),
    Column("started_at", Instant),
    Column("attempts", Integer, nullable=False),
    Column("progress", Float, nullable=False),
    Column("transaction_time", Instant),
    Column("expires_at", Instant),
    Column("releases", JSON(none_as_null=True)),
    Column("manifest", JSON(none_as_null=True)),
    partial_index("ix_extract_due", "next_attempt_at", where="state IN ('queued', 'running')"),
    partial_index("ix_extract_files", "expires_at", where="expires_at IS NOT NULL"),
)

# What left: protected values only.

release = Table(
    "release",
    metadata,
    Column("id", Text, primary_key=True),
    Column("lattice", Text, nullable=False),
    Column("measure", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("released_at", Instant, nullable=False),
    Column("rho", Float, nullable=False),
    Column("reason", Text),
    Column("declared", JSON, nullable=False),
    Index("uq_release_period", "measure", "kind", "period", "revision", unique=True),
)

cell = Table(
    "cell",
    metadata,
    Column("release", Text, ForeignKey("release.id"), primary_key=True),
    Column("audience", Text, primary_key=True),
    Column("dims", Text, primary_key=True),
    Column("beneficiaries", Integer, nullable=False),
    Column("actions", Integer),
    Column("providers", Text),
    Column("margin_beneficiaries", Integer, nullable=False),
    Column("margin_actions", Integer),
)
