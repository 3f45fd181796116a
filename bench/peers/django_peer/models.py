"""The register's tables, as far as a registration needs them; the gateway's migrations own them."""

from __future__ import annotations

from typing import Any

from django.db import models


class Document(models.JSONField):
    """A column of type json, which psycopg reads by itself; Django expects jsonb."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """As it was read."""
        del expression, connection
        return value


class Project(models.Model):
    """A project with its convention."""

    id = models.TextField(primary_key=True)
    effective_from = models.DateField()
    last_day = models.DateField()

    class Meta:
        managed = False
        db_table = "project"


class Partner(models.Model):
    """Who takes part in a project, and when."""

    pk = models.CompositePrimaryKey("project", "provider", "member_from")
    project = models.TextField()
    provider = models.TextField()
    member_from = models.DateField()
    member_until = models.DateField(null=True)

    class Meta:
        managed = False
        db_table = "partner"


class Beneficiary(models.Model):
    """A person in a project, with the number of the last message about them."""

    pk = models.CompositePrimaryKey("bucket", "project", "pseudonym")
    bucket = models.SmallIntegerField()
    project = models.TextField()
    pseudonym = models.BinaryField()
    sequence = models.IntegerField()

    class Meta:
        managed = False
        db_table = "beneficiary"


class Vault(models.Model):
    """A sealed number."""

    pk = models.CompositePrimaryKey("bucket", "project", "pseudonym")
    bucket = models.SmallIntegerField()
    project = models.TextField()
    pseudonym = models.BinaryField()
    sealed_ssin = models.BinaryField()

    class Meta:
        managed = False
        db_table = "vault"


class Inclusion(models.Model):
    """An inclusion in its first version."""

    pk = models.CompositePrimaryKey("bucket", "id", "version")
    bucket = models.SmallIntegerField()
    id = models.UUIDField()
    version = models.IntegerField(default=1)
    recorded_at = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True)
    project = models.TextField()
    pseudonym = models.BinaryField()
    status = models.TextField()
    communicated_at = models.DateTimeField()
    communicated_by = models.TextField(null=True)
    agreed_on = models.DateField()
    municipality = models.TextField(null=True)
    valid_from = models.DateField()
    message_id = models.UUIDField()
    asked_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "inclusion"


class Outbox(models.Model):
    """A message to MyCareNet."""

    pk = models.CompositePrimaryKey("bucket", "id")
    bucket = models.SmallIntegerField()
    id = models.UUIDField()
    project = models.TextField()
    pseudonym = models.BinaryField()
    sequence = models.IntegerField()
    kind = models.TextField()
    reference = models.UUIDField()
    content = Document()
    state = models.TextField(default="pending")
    attempts = models.IntegerField(default=0)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "outbox"


class AuditEntry(models.Model):
    """Who did what, when."""

    pk = models.CompositePrimaryKey("bucket", "id")
    bucket = models.SmallIntegerField()
    id = models.UUIDField()
    at = models.DateTimeField()
    role = models.TextField()
    organisation = models.TextField()
    person = models.TextField()
    verb = models.TextField()
    outcome = models.TextField()
    project = models.TextField()
    object = models.UUIDField()
    request_id = models.TextField()
    pseudonym = models.BinaryField()

    class Meta:
        managed = False
        db_table = "audit_entry"


class Idempotency(models.Model):
    """A key with its first answer."""

    pk = models.CompositePrimaryKey("shard", "key_hash")
    shard = models.SmallIntegerField()
    key_hash = models.BinaryField()
    fingerprint = models.BinaryField()
    created_at = models.DateTimeField()
    status = models.SmallIntegerField(null=True)
    headers = Document(null=True)
    body = models.BinaryField(null=True)

    class Meta:
        managed = False
        db_table = "idempotency"
