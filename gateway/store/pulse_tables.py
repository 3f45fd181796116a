"""The tables of pulses: what workers and jobs did, how long messages took, and when each worker was last seen.

Stage: none; they are about work, never about a person or a project.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Integer, Table, Text

from gateway.store.schema import Instant, metadata

pulse = Table(
    "pulse",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
)

latency = Table(
    "latency",
    metadata,
    Column("name", Text, primary_key=True),
    Column("upto_seconds", Integer, primary_key=True, autoincrement=False),
    Column("done", BigInteger, nullable=False),
)

lane_beat = Table(
    "lane_beat",
    metadata,
    Column("worker", Text, primary_key=True),
    Column("lane", Text, primary_key=True),
    Column("at", Instant, nullable=False),
)
