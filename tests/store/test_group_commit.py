"""Writers of SQLite that share a commit: each whole or undone on its own, none told before the commit."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from gateway.domain.errors import StoreUnavailable
from gateway.store.tables import inclusion
from gateway.store.transaction import Store, Transaction
from tests.builders import an_inclusion
from tests.conftest import LegalClock
from tests.store.rows import counts, rows
from tests.store.seeds import seeded


@pytest.fixture
def path(tmp_path: Path, sqlite_template: Path) -> Path:
    path = tmp_path / "register.sqlite3"
    shutil.copy(sqlite_template, path)
    return path


@pytest.fixture
def sqlite(path: Path, legal_clock: LegalClock) -> Iterator[Store]:
    store = Store(f"sqlite:///{path}", legal_clock)
    yield seeded(store)
    store.close()


FIRST = 1000


def _include(tx: Transaction, number: int) -> None:
    tx.inclusions.add(an_inclusion(id=UUID(int=number), pseudonym=number.to_bytes(32, "big")))


def _break(connection: Connection, kind: str) -> None:
    """What an engine may do to a block: refuse a row, fail, or lose its connection."""
    match kind:
        case "unlawful":
            connection.exec_driver_sql("INSERT INTO inclusion DEFAULT VALUES")
        case "failing":
            connection.exec_driver_sql("SELECT * FROM nowhere")
        case "lost":
            lost = connection.connection.dbapi_connection
            assert lost is not None
            lost.close()


def _in_a_group(store: Store, *blocks: str) -> list[str]:
    """What came of blocks that queue up behind one that waits for them: each is `well`, `refused` or broken.

    Shape: in their order, and of the one they queued behind last.
    """

    def run(number: int, kind: str) -> str:
        try:
            with store.transaction() as tx:
                _include(tx, number)
                if kind == "refused":
                    raise LookupError
                if kind != "well":
                    _break(tx.inclusions._connection, kind)
        except (LookupError, StoreUnavailable) as error:
            return type(error).__name__
        return "done"

    with ThreadPoolExecutor(len(blocks)) as pool:
        answers = []
        told = StoreUnavailable.__name__
        with suppress(StoreUnavailable):
            with store.transaction() as first:
                _include(first, FIRST)
                answers = [pool.submit(run, number, kind) for number, kind in enumerate(blocks, start=1)]
                threading.Event().wait(0.3)  # they wait for their turn
            told = "done"
        return [*(answer.result() for answer in answers), told]


def test_blocks_that_wait_for_each_other_are_all_committed(sqlite: Store, path: Path) -> None:
    answers = _in_a_group(sqlite, *["well"] * 40)

    assert answers == ["done"] * 41
    assert counts(f"sqlite:///{path}")["inclusion"] == 41


def test_refused_block_is_undone_alone(sqlite: Store, path: Path) -> None:
    answers = _in_a_group(sqlite, "well", "refused", "well")

    kept = [row["id"].int for row in rows(f"sqlite:///{path}", inclusion, "id")]
    assert answers == ["done", "LookupError", "done", "done"]
    assert kept == [1, 3, FIRST]


@pytest.mark.parametrize("kind", ["unlawful", "failing", "lost"])
def test_block_told_done_is_kept_when_another_one_of_its_group_breaks(sqlite: Store, path: Path, kind: str) -> None:
    answers = _in_a_group(sqlite, "well", kind, "well", "well")

    kept = {row["id"].int for row in rows(f"sqlite:///{path}", inclusion, "id")}
    told = {number for number, answer in zip((1, 2, 3, 4, FIRST), answers, strict=True) if answer == "done"}
    assert answers[1] == "StoreUnavailable"
    assert kept == told
    with sqlite.transaction() as tx:
        _include(tx, 2000)


def test_group_that_cannot_open_leaves_the_turn_to_the_next(path: Path, legal_clock: LegalClock) -> None:
    store = Store(f"sqlite:///{path}", legal_clock)
    content = path.read_bytes()
    path.write_bytes(b"this is no database" * 100)

    for _ in range(2):
        with pytest.raises(StoreUnavailable) as caught, store.transaction():
            pass

    assert isinstance(caught.value.__cause__, DBAPIError)
    path.write_bytes(content)
    seeded(store)
    store.close()
