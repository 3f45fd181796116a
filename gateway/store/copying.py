"""What copies of a register have in common, whichever its engine."""

from __future__ import annotations

SCHEMA = "SELECT version_num FROM alembic_version"


class BackupFailed(Exception):
    """A backup cannot be made or put back; the message says why and what to do. Nothing was changed."""
