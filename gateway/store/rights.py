"""Who may do what in a PostgreSQL register, and which projects' rows a transaction sees.

gateway   answers requests: sees the rows of projects that it names in each transaction, and can only add to the audit
worker    the worker and the commands: every row; gives audit entries their place, and changes nothing else in them
release   closes periods: reads everything, writes releases alone
reader    answers questions for figures: reads releases alone

Who migrates owns the tables, and becomes one of these when it connects. A table that is not named here is the gateway's
and the worker's to write. Row-level security is forced, on the owner too; a superuser that takes no role is not bound.
SQLite has no roles.

Source: GUARANTEES 3; SCALE 7.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, inspect

from gateway.store.dialects import EVERY, GATEWAY, PROJECTS, READER, RELEASE, WORKER

ROLES = (GATEWAY, WORKER, RELEASE, READER)
BY_PROJECT = (
    *("beneficiary", "vault", "former_pseudonym", "inclusion", "action", "outbox"),
    *("audit_entry", "webhook", "webhook_event"),
)
"""The tables whose rows are seen by project; each has a column for it."""
OF_THE_MIGRATIONS = "alembic_version"
"""The one table that no role is given."""
_ALL, _ADD = "SELECT, INSERT, UPDATE, DELETE", "SELECT, INSERT"
_RIGHTS = {
    GATEWAY: {"": _ALL, "audit_entry": _ADD, "audit_chain": "SELECT", "release": "SELECT", "cell": "SELECT"},
    WORKER: {
        **{"": _ALL, "release": "SELECT", "cell": "SELECT"},
        **{"audit_entry": f"{_ADD}, UPDATE (position, hash)", "audit_chain": f"{_ADD}, UPDATE"},
    },
    RELEASE: {"": "SELECT", "release": _ADD, "cell": _ADD, "audit_entry": _ADD, "pulse": f"{_ADD}, UPDATE"},
}
_SETTING = f"current_setting('{PROJECTS}', true)"


def make_roles() -> Iterator[str]:
    """The statements that make the roles, where they are not, and let whoever asks become them, if that is theirs."""
    for role in ROLES:
        yield f"""DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role} NOLOGIN; END IF;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"""
        yield f"""DO $$ BEGIN GRANT {role} TO CURRENT_USER;
            EXCEPTION WHEN insufficient_privilege THEN NULL; END $$"""


def give_rights(connection: Connection, *, is_spread: bool = False) -> None:
    """Give every role its rights on every table there is, and no other; on SQLite nothing."""
    if connection.dialect.name == "postgresql":
        tables = [name for name in inspect(connection).get_table_names() if name != OF_THE_MIGRATIONS]
        for statement in (*make_roles(), *_rights(tables), *_policies(is_spread=is_spread)):
            connection.exec_driver_sql(statement)


def _rights(tables: Iterable[str]) -> Iterator[str]:
    for role, rights in _RIGHTS.items():
        for table in tables:
            yield f"REVOKE ALL ON {table} FROM {role}"
            yield f"GRANT {rights.get(table, rights[''])} ON {table} TO {role}"


def _policies(*, is_spread: bool) -> Iterator[str]:
    """An audit entry may be added about any project, for a refusal is one too; seen are those of one's projects.

    One machine asks a sub-select once for all rows; Citus refuses policies with one.
    """
    seen = _SETTING if is_spread else f"(SELECT {_SETTING})"
    is_seen = f"{seen} = '{EVERY}' OR project = ANY (string_to_array({seen}, ','))"
    for table in BY_PROJECT:
        checked = "true" if table == "audit_entry" else is_seen
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
        yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
        yield f"DROP POLICY IF EXISTS by_project ON {table}"
        yield f"CREATE POLICY by_project ON {table} USING ({is_seen}) WITH CHECK ({checked})"
