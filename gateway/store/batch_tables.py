"""The tables of batches: lines that wait for the worker, and what became of them.

Stage: identified as sealed bytes only, which are gone once a line is settled.
"""

from __future__ import annotations

from sqlalchemy import JSON, Column, Integer, LargeBinary, SmallInteger, Table, Text, Uuid

from gateway.store.schema import Instant, metadata, partial_index

batch = Table(
    "batch",
    metadata,
    Column("shard", SmallInteger, primary_key=True, autoincrement=False),
    Column("id", Uuid, primary_key=True),
    *(Column(name, Text, nullable=False) for name in ("state", "role", "organisation", "person")),
    Column("sealed_caller", LargeBinary),
    Column("media_type", Text, nullable=False),
    Column("mode", Text, nullable=False, server_default="per_item"),
    *(Column(name, Text) for name in ("encoding", "delimiter")),
    Column("lines", Integer, nullable=False),
    *(
        Column(one, Integer, nullable=False, server_default="0")
        for one in ("accepted", "duplicate", "refused", "not_done")
    ),
    Column("created_at", Instant, nullable=False),
    Column("communicated_at", Instant),
    Column("next_attempt_at", Instant, nullable=False),
    Column("leased_until", Instant),
    Column("ended_at", Instant),
    partial_index("ix_batch_due", "next_attempt_at", where="state IN ('queued', 'running', 'cancelling')"),
    partial_index("ix_batch_arriving", "next_attempt_at", where="state = 'arriving'"),
    partial_index("ix_batch_ended", "ended_at", where="ended_at IS NOT NULL"),
    partial_index("ix_batch_organisation", "organisation", "communicated_at", where="refused > 0 OR not_done > 0"),
)

batch_line = Table(
    "batch_line",
    metadata,
    Column("shard", SmallInteger, primary_key=True, autoincrement=False),
    Column("batch", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("sealed_line", LargeBinary),
    Column("fingerprint", LargeBinary),
    Column("ref", Text),
    Column("outcome", Text),
    Column("object", Uuid),
    Column("problem", JSON(none_as_null=True)),
    partial_index("ix_batch_line_waiting", "shard", "batch", "number", where="outcome IS NULL"),
    partial_index("ix_batch_line_fingerprint", "fingerprint", where="outcome = 'accepted'"),
    partial_index("ix_batch_line_refused", "shard", "batch", "number", where="outcome IN ('refused', 'not-done')"),
    partial_index("ix_batch_line_ref", "ref", where="ref IS NOT NULL AND outcome IN ('accepted', 'duplicate')"),
)
