"""What a test left in a lent database is gone for the next one, and one that is not as it was is not lent again."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import Connection

from tests.databases import Databases

ROWS = "SELECT (SELECT count(*) FROM pseudocode), (SELECT version FROM catalogue_version)"


def _open(url: str) -> Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def _oid(connection: Connection) -> int:
    row = connection.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone()
    assert row is not None
    return int(row[0])


def test_rows_that_came_went_or_changed_are_as_they_were(postgres_url: str) -> None:
    databases = Databases(postgres_url)
    with databases.lent("migrated") as url, _open(url) as one:
        number, before = _oid(one), one.execute(ROWS).fetchone()
        one.execute("INSERT INTO pseudocode SELECT '794010', '{}', 'population', '[3]', 2, NULL FROM catalogue_version")
        one.execute("UPDATE catalogue_version SET version = 7")
        one.execute("DELETE FROM alembic_version")
        assert one.execute(ROWS).fetchone() == (1, 7)

    with databases.lent("migrated") as url, _open(url) as other:
        assert _oid(other) == number
        assert other.execute(ROWS).fetchone() == before == (0, 0)
        assert len(other.execute("SELECT * FROM alembic_version").fetchall()) == 1


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE pseudocode ADD COLUMN surplus text",
        "ALTER TABLE audit_entry RENAME TO elsewhere",
        "CREATE TABLE surplus (x int)",
        "CREATE INDEX surplus ON pseudocode (code)",
        "REVOKE ALL ON release FROM chroniccare_reader",
        "CREATE SCHEMA surplus",
    ],
)
def test_database_that_was_changed_in_more_than_rows_is_not_lent_again(postgres_url: str, change: str) -> None:
    databases = Databases(postgres_url)
    with databases.lent("migrated") as url, _open(url) as one:
        number = _oid(one)
        one.execute(change.encode())

    with databases.lent("migrated") as url, _open(url) as other:
        assert _oid(other) != number


def test_open_transaction_that_somebody_left_is_ended(postgres_url: str) -> None:
    databases = Databases(postgres_url)
    with databases.lent("migrated") as url:
        left = psycopg.connect(url.replace("+psycopg", ""))
        left.execute("UPDATE catalogue_version SET version = 7")

    with databases.lent("migrated") as url, _open(url) as other:
        assert other.execute(ROWS).fetchone() == (0, 0)
        with pytest.raises(psycopg.OperationalError):
            left.execute("SELECT 1")
    left.close()
