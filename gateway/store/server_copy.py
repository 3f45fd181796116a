"""Copies of a PostgreSQL database, by its own `pg_dump` and `pg_restore`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import DBAPIError

from gateway.domain.errors import StoreUnavailable
from gateway.store.copying import SCHEMA, BackupFailed
from gateway.store.dialects import EVERY, PROJECTS, open_engine
from gateway.store.rights import make_roles

FILE = "register.dump"
_PARAMETERS = {"host": "PGHOST", "port": "PGPORT", "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT"}
_TABLES = """SELECT count(*) FROM pg_catalog.pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"""


def take(database_url: str, target: Path) -> str:
    """Dump the database as it is at one instant; which schema it has.

    Raises: BackupFailed; StoreUnavailable.
    """
    schema: str = _ask(database_url, SCHEMA)
    os.close(os.open(target, os.O_CREAT | os.O_EXCL, 0o600))
    _run("pg_dump", database_url, "--format=custom", "--no-owner", "--enable-row-security", f"--file={target}")
    return schema


def put(copy: Path, database_url: str) -> None:
    """Fill an empty database from a dump, whole or not at all.

    Raises: BackupFailed where the database holds a table already; StoreUnavailable.
    """
    if _ask(database_url, _TABLES) != "0":
        raise BackupFailed("the database holds tables, and a register is never overwritten: make an empty one")
    _client("pg_restore")
    for statement in make_roles():
        _ask(database_url, statement)
    name = make_url(database_url).database
    once = ("--single-transaction", "--exit-on-error")
    _run("pg_restore", database_url, *once, "--no-owner", f"--dbname={name}", str(copy))


def _ask(database_url: str, statement: str) -> str:
    engine = open_engine(database_url, 1)
    try:
        with engine.begin() as connection:
            return _first(connection, statement)
    except DBAPIError as error:
        raise StoreUnavailable from error
    finally:
        engine.dispose()


def _first(connection: Connection, statement: str) -> str:
    result = connection.exec_driver_sql(statement)
    return str(result.scalar_one()) if result.returns_rows else ""


def _client(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise BackupFailed(f"{program} is not on PATH: install PostgreSQL's client, of the server's version or newer")
    return found


def _run(program: str, database_url: str, *arguments: str) -> None:
    """Run a client; the password goes through its environment, for anybody may read a command line.

    Raises: BackupFailed.
    """
    command = [_client(program), "--no-password", *arguments]
    environment = {**os.environ, **_place(database_url), "PGOPTIONS": f"-c {PROJECTS}={EVERY}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode:
        said = next((line for line in done.stderr.splitlines() if "error" in line), "it does not say why")
        raise BackupFailed(f"{program} failed: {said}")


def _place(database_url: str) -> Mapping[str, str]:
    """Where a database is, as PostgreSQL's clients take it from their environment."""
    url = make_url(database_url)
    named = {"PGHOST": url.host, "PGPORT": url.port, "PGUSER": url.username, "PGPASSWORD": url.password}
    asked = {_PARAMETERS[name]: value for name, value in url.query.items() if name in _PARAMETERS}
    given = {**named, "PGDATABASE": url.database, **asked}
    return {name: str(value) for name, value in given.items() if value is not None}
