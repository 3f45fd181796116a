"""The register's tables, as far as a registration needs them, as mapped classes."""

from __future__ import annotations

import datetime as dt
import os
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, DateTime, Integer, SmallInteger, Text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

engine = create_async_engine(
    os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://"),
    pool_size=int(os.environ["POOL_SIZE"]),
    max_overflow=0,
    connect_args={"server_settings": {"role": "chroniccare_gateway", "chroniccare.projects": "*"}},
)
Sessions = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    """The declared tables."""

    type_annotation_map = {dt.datetime: DateTime(timezone=True), dict[str, Any]: JSON, str: Text}  # noqa: RUF012 - SQLAlchemy's form


class Project(Base):
    """A project with its convention."""

    __tablename__ = "project"
    id: Mapped[str] = mapped_column(primary_key=True)
    effective_from: Mapped[dt.date]
    last_day: Mapped[dt.date]


class Partner(Base):
    """Who takes part in a project, and when."""

    __tablename__ = "partner"
    project: Mapped[str] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(primary_key=True)
    member_from: Mapped[dt.date] = mapped_column(primary_key=True)
    member_until: Mapped[dt.date | None]


class Beneficiary(Base):
    """A person in a project, with the number of the last message about them."""

    __tablename__ = "beneficiary"
    bucket: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    project: Mapped[str] = mapped_column(primary_key=True)
    pseudonym: Mapped[bytes] = mapped_column(primary_key=True)
    sequence: Mapped[int]


class Vault(Base):
    """A sealed number."""

    __tablename__ = "vault"
    bucket: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    project: Mapped[str] = mapped_column(primary_key=True)
    pseudonym: Mapped[bytes] = mapped_column(primary_key=True)
    sealed_ssin: Mapped[bytes]


class Inclusion(Base):
    """An inclusion in its first version."""

    __tablename__ = "inclusion"
    bucket: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, default=1)
    recorded_at: Mapped[dt.datetime]
    superseded_at: Mapped[dt.datetime | None]
    project: Mapped[str]
    pseudonym: Mapped[bytes]
    status: Mapped[str]
    communicated_at: Mapped[dt.datetime]
    communicated_by: Mapped[str | None]
    agreed_on: Mapped[dt.date]
    municipality: Mapped[str | None]
    valid_from: Mapped[dt.date]
    message_id: Mapped[UUID]
    asked_at: Mapped[dt.datetime]


class Outbox(Base):
    """A message to MyCareNet."""

    __tablename__ = "outbox"
    bucket: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    project: Mapped[str]
    pseudonym: Mapped[bytes]
    sequence: Mapped[int]
    kind: Mapped[str]
    reference: Mapped[UUID]
    content: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default="pending")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[dt.datetime]
    next_attempt_at: Mapped[dt.datetime]


class AuditEntry(Base):
    """Who did what, when."""

    __tablename__ = "audit_entry"
    bucket: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[dt.datetime]
    role: Mapped[str]
    organisation: Mapped[str]
    person: Mapped[str]
    verb: Mapped[str]
    outcome: Mapped[str]
    project: Mapped[str]
    object: Mapped[UUID]
    request_id: Mapped[str]
    pseudonym: Mapped[bytes]


class Idempotency(Base):
    """A key with its first answer."""

    __tablename__ = "idempotency"
    shard: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    key_hash: Mapped[bytes] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    created_at: Mapped[dt.datetime]
    status: Mapped[int | None] = mapped_column(SmallInteger)
    headers: Mapped[dict[str, Any] | None]
    body: Mapped[bytes | None]
