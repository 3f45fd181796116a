"""The schema that the migrations make is the schema that the code names, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, NullPool, create_engine, inspect

from gateway.store.dialects import UnsafeStore
from gateway.store.migrate import MIGRATIONS, migrate
from gateway.store.tables import metadata
from tests.store.rows import counts

WITHOUT_A_PSEUDONYM = {"delivery_failure", "moved", "webhook_event"}
WITH_ONE = {"beneficiary", "vault", "former_pseudonym", "inclusion", "action", "outbox", "audit_entry"}
ABOUT_A_PERSON = WITH_ONE | WITHOUT_A_PSEUDONYM


@pytest.fixture
def migrated(database_url: str) -> Iterator[Connection]:
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def test_migrated_schema_is_what_the_code_names(migrated: Connection) -> None:
    context = MigrationContext.configure(migrated, opts={"compare_type": True, "compare_server_default": True})

    differences = compare_metadata(context, metadata)

    assert differences == []


def test_migrated_tables_have_the_columns_and_keys_that_the_code_names(migrated: Connection) -> None:
    found = inspect(migrated)

    for table in metadata.sorted_tables:
        columns = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
        assert columns == {column.name: column.nullable for column in table.columns}
        key = found.get_pk_constraint(table.name)["constrained_columns"]
        assert key == [column.name for column in table.primary_key.columns]
        foreign = {
            (tuple(one["constrained_columns"]), one["referred_table"]) for one in found.get_foreign_keys(table.name)
        }
        assert foreign == {((key.parent.name,), key.column.table.name) for key in table.foreign_keys}


def test_migrating_twice_changes_nothing(database_url: str, migrated: Connection) -> None:
    before = sorted(inspect(migrated).get_table_names()), counts(database_url)
    migrated.rollback()

    migrate(database_url)

    assert (sorted(inspect(migrated).get_table_names()), counts(database_url)) == before
    newest = max(path.name[:4] for path in (MIGRATIONS / "versions").glob("0*.py"))
    assert MigrationContext.configure(migrated).get_current_heads() == (newest,)


def test_fresh_catalogue_has_its_one_version(database_url: str) -> None:
    found = counts(database_url)

    assert found.pop("catalogue_version") == 1
    assert set(found.values()) == {0}


def test_every_table_with_a_pseudonym_is_about_a_person() -> None:
    named = {table.name for table in metadata.sorted_tables if "pseudonym" in table.columns}

    assert named == ABOUT_A_PERSON - WITHOUT_A_PSEUDONYM


@pytest.mark.parametrize("name", sorted(ABOUT_A_PERSON))
def test_bucket_is_first_in_every_key_about_a_person(migrated: Connection, name: str) -> None:
    found = inspect(migrated)

    keys: list[list[str | None]] = [[*found.get_pk_constraint(name)["constrained_columns"]]]
    keys += [index["column_names"] for index in found.get_indexes(name) if index["unique"]]
    keys += [[*one["column_names"]] for one in found.get_unique_constraints(name)]

    assert all(columns[0] == "bucket" for columns in keys)


def test_tables_about_a_person_refer_to_the_catalogue_alone(migrated: Connection) -> None:
    found = inspect(migrated)

    referred = {key["referred_table"] for name in ABOUT_A_PERSON for key in found.get_foreign_keys(name)}

    assert referred == {"project"}


def test_another_engine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafeStore, match="SQLite or PostgreSQL, not on mysql"):
        migrate("mysql+pymysql://nobody@localhost/register")
