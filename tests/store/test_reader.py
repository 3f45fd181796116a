"""Who answers questions for figures reads what is released; the database refuses everything else, and any write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import Connection, Engine, Executable, Table, delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from gateway.domain.disclosure import ProtectedCell
from gateway.domain.errors import StoreUnavailable
from gateway.domain.lattice import Period, PeriodKind
from gateway.store import dialects
from gateway.store.releases import dims_key
from gateway.store.tables import cell, metadata, project, release
from gateway.store.transaction import Store
from tests.builders import PROJECT
from tests.store.seeds import seeded
from tests.store.test_releases import CELL, DIMS, RELEASE

OTHERS = [table.name for table in metadata.sorted_tables if table not in (release, cell)]
WRITES: dict[str, Executable] = {
    "insert": insert(cell).values(release=RELEASE.id, audience="own", dims="month=2022-03", beneficiaries=1),
    "update": update(cell).values(beneficiaries=1),
    "delete": delete(cell),
    "release": update(release).values(rho=0.0),
}


@pytest.fixture
def released(store: Store) -> Store:
    """A register with a catalogue and one release of one cell."""
    with seeded(store).transaction() as tx:
        tx.releases.add(RELEASE, [CELL])
    return store


@contextmanager
def _connected(database_url: str) -> Iterator[Connection]:
    with _pool_of_one(database_url) as engine, engine.begin() as connection:
        yield connection


@contextmanager
def _pool_of_one(database_url: str) -> Iterator[Engine]:
    engine = dialects.open_engine(database_url, 1)
    try:
        yield engine
    finally:
        engine.dispose()


def test_reader_reads_releases_and_their_cells(released: Store) -> None:
    with released.reading() as tx, tx.as_reader() as reader:
        assert reader.find("actions", "month", "2022-02") == RELEASE
        assert reader.list() == [RELEASE]
        assert list(reader.cells("own", {RELEASE.id: [dims_key(DIMS)]})) == [(RELEASE.id, dims_key(DIMS))]
        assert list(reader.general(RELEASE.id, ["%"])) == []


@pytest.mark.parametrize("name", OTHERS)
def test_reader_is_refused_every_other_table_by_the_database(released: Store, database_url: str, name: str) -> None:
    table: Table = metadata.tables[name]

    for query in (select(table), select(*table.primary_key.columns), select(cell.c.dims).where(select(table).exists())):
        with (
            pytest.raises(DBAPIError, match=r"denied|prohibited|not authorized"),
            _connected(database_url) as connection,
            dialects.as_reader(connection),
        ):
            connection.execute(query)


@pytest.mark.parametrize("write", WRITES)
def test_reader_writes_nothing(released: Store, database_url: str, write: str) -> None:
    with (
        pytest.raises(DBAPIError, match=r"denied|prohibited|not authorized"),
        _connected(database_url) as connection,
        dialects.as_reader(connection),
    ):
        connection.execute(WRITES[write])

    with released.reading() as tx:
        found = tx.releases.cells("own", {RELEASE.id: [dims_key(DIMS)]})
    assert [row.beneficiaries for row in found.values()] == [CELL.beneficiaries]


def test_reader_of_a_transaction_is_refused_what_the_transaction_may(released: Store) -> None:
    with pytest.raises(StoreUnavailable), released.reading() as tx, tx.as_reader():
        tx.statistics.columns(Period(PeriodKind.MONTH, "2022-02"), with_actions=True)


def test_rights_are_back_after_the_block(released: Store) -> None:
    with released.transaction() as tx:
        with tx.as_reader() as reader:
            reader.list()
        projects = tx.catalogue.current().projects
        other = ProtectedCell((("month", "2022-03"),), "general", 40, 82, 4, 12, 24)
        tx.releases.add(replace(RELEASE, id="another", period="2022-03"), [other])

    assert PROJECT in projects
    with released.reading() as tx:
        assert len(tx.releases.list()) == 2


def test_rights_are_back_after_a_block_that_failed(database_url: str, released: Store) -> None:
    with _pool_of_one(database_url) as engine:
        with pytest.raises(LookupError), engine.begin() as connection, dialects.as_reader(connection):
            raise LookupError

        with engine.begin() as connection:
            assert connection.execute(select(project.c.id)).first() is not None
