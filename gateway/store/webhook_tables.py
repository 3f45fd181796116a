"""The tables of webhooks: where a project wants to be told, and what it is told.

Stage: pseudonymous. Events live in the bucket of their message, so that both are written in one place.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text, Uuid

from gateway.store.schema import Instant, bucket_column, metadata, partial_index, project_column

webhook = Table(
    "webhook",
    metadata,
    Column("id", Uuid, primary_key=True),
    project_column(),
    Column("url", Text, nullable=False),
    Column("sealed_secret", LargeBinary),
    Column("created_at", Instant, nullable=False),
    Column("removed_at", Instant),
    Index("ix_webhook_project", "project", "id"),
)

webhook_event = Table(
    "webhook_event",
    metadata,
    bucket_column(),
    Column("id", Uuid, primary_key=True),
    Column("webhook", Uuid, nullable=False),
    project_column(),
    Column("message", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reference", Uuid, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("at", Instant, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("next_attempt_at", Instant, nullable=False),
    Column("leased_until", Instant),
    Column("ended_at", Instant),
    Column("failure", Text),
    Index("ix_webhook_event_webhook", "webhook", "id"),
    partial_index("ix_webhook_event_due", "next_attempt_at", where="state = 'waiting'"),
    partial_index("ix_webhook_event_ended", "ended_at", where="ended_at IS NOT NULL"),
    partial_index("ix_webhook_event_waiting", "bucket", "message", "webhook", where="state = 'waiting'"),
)
