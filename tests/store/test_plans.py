"""A large register: no question looks at more of it than it needs, however large it is.

Every function of the store's classes is called (`calls.py`), and what the engine did is counted: on PostgreSQL rows and
pages of every spread table and whether one was read from end to end, on SQLite the steps of its machine.
"""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from gateway.store import dialects
from gateway.store.catalogue import CatalogueCache
from gateway.store.dialects import WORKER
from gateway.store.distribution import PLACES
from gateway.store.transaction import Stamp, Store, Transaction
from tests.conftest import STORES
from tests.databases import named, run
from tests.store.calls import CALLS, NOW, Sample
from tests.store.large import Large, fill
from tests.store.seeds import seeded

SIZES = {"sqlite": Large(200_000), "postgresql": Large(1_000_000)}
"""SQLite takes as many seconds for a fifth; what would look at every row is seen at either size."""
MOST_ROWS, MOST_PAGES, MOST_STEPS, LARGE = 500, 1_200, 60_000, 2_000
"""What a call may look at, of a million: who moves somebody writes some thirty rows and their places in ten indexes.

Tables with fewer than `LARGE` rows may be read from end to end: that is how an engine finds a row in a small one.
"""
GROWS = {
    "chains.walk": "an auditor's command reads a whole chain",
    "seals.older": "a rotation of keys reads each table once, a page at a time",
    "seals.put": "as above",
    "beneficiaries.clear": "a rotation of keys looks once for places that were held and are nobody's",
    "inclusions.list, of a rare status": "looks through a project's inclusions until a page is full",
    "inclusions.list, at a day": "as above",
    "actions.list, of a rare pseudocode": "looks through the days asked for until a page is full",
    "figures.inclusions": "counts all inclusions of a project, in an index",
    "figures.messages": "counts all messages of a project, in an index",
    "figures.late_counts": "counts a month of a project, in an index",
    "rates.purge": "reads who asked often within a day, once an hour",
    "extracts.purge": "reads all extracts, of which there are few, once an hour",
    "outbox.backlog": "counts what waits and what failed, by indexes of those alone",
    "audit.of_lists": "an auditor's report reads a project's part of some days",
}
NOT_CALLED = {
    "releases.add": "writes what the reader reads",
    "seals.position": "asks nothing",
    "statistics.columns": "a close copies all facts of a period",
}
_LOOK = """
    SELECT sum(seq_scan) FILTER (WHERE reltuples > %(large)s), sum(seq_tup_read + coalesce(idx_tup_fetch, 0)),
        sum(pg_stat_get_xact_blocks_fetched(relid)) + sum((SELECT sum(pg_stat_get_xact_blocks_fetched(indexrelid))
            FROM pg_index WHERE indrelid = relid))
    FROM pg_stat_xact_user_tables t JOIN pg_class c ON c.oid = relid WHERE t.relname = ANY (%(tables)s)"""


@pytest.fixture(scope="module", params=STORES)
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a large register, made once."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("large") / "register.sqlite3"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        url = f"sqlite:///{path}"
    else:
        server = request.getfixturevalue("postgres_url")
        run(server, "CREATE DATABASE large TEMPLATE migrated")
        url = named(server, "large")
    store = Store(url, lambda: NOW)
    seeded(store)
    store.close()
    engine = dialects.open_engine(url, 1)
    with engine.begin() as connection:
        dialects.take_time(connection)
        fill(connection, SIZES[request.param])
    engine.dispose()
    yield url
    if request.param == "sqlite":
        Path(path).unlink()
    else:
        run(server, "DROP DATABASE large WITH (FORCE)")


def test_no_call_looks_at_more_than_it_needs(large: str) -> None:
    engine = dialects.open_engine(large, 1, WORKER)
    counted = _on_postgresql if engine.dialect.name == "postgresql" else _on_sqlite
    told, it = [], Sample(SIZES[engine.dialect.name])
    for name, call in CALLS.items():
        with engine.connect() as connection, connection.begin() as begun:
            if counted is _on_postgresql:
                connection.exec_driver_sql("SET LOCAL max_parallel_workers_per_gather = 0")
            tx = Transaction(connection, lambda: NOW, CatalogueCache(), Stamp())
            looked = counted(connection, partial(call, tx, it))
            if looked and name not in GROWS:
                told.append(f"{name} {looked}")
            begun.rollback()
    engine.dispose()

    assert not told, "\n".join(told)


def _on_postgresql(connection: Connection, call: Callable[[], object]) -> str | None:
    before = _look(connection)
    call()
    scans, rows, pages = (after - one for after, one in zip(_look(connection), before, strict=True))
    if scans or rows > MOST_ROWS or pages > MOST_PAGES:
        return f"reads {scans} tables from end to end, {rows} rows, {pages} pages"
    return None


def _look(connection: Connection) -> list[int]:
    found = connection.exec_driver_sql(_LOOK, {"large": LARGE, "tables": list(PLACES)}).one()
    return [int(one or 0) for one in found]


def _on_sqlite(connection: Connection, call: Callable[[], object]) -> str | None:
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1_000

    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(count, 1_000)
    call()
    driver.set_progress_handler(None, 0)
    return f"takes {steps} steps" if steps > MOST_STEPS else None


def test_every_function_of_the_store_is_called(store: Store) -> None:
    with store.transaction() as tx:
        parts = {name: part for name, part in vars(tx).items() if type(part).__module__.startswith("gateway.store.")}
        there = {
            f"{name}.{function}"
            for name, part in parts.items()
            for function, _ in inspect.getmembers(type(part), inspect.isfunction)
            if not function.startswith("_")
        }

    assert {name.partition(",")[0] for name in CALLS} | set(NOT_CALLED) == there - {"_stamp.take", "_stamp.check"}
    assert set(GROWS) <= set(CALLS)
