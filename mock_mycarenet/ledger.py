"""The ledger: what arrived, in order of receipt, repeats included. It holds no SSIN."""

import json
import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from flask import Blueprint, Response

from mock_mycarenet.storage import Storage

FIELDS: Final = ("message_id", "kind", "received_at")
PAGE_ROWS: Final = 1000


def record(tx: sqlite3.Connection, message_id: str, kind: str, received_at: str) -> int:
    """Write one receipt at the end of the ledger, and give its position there, from 1."""
    receipt = tx.execute(
        "INSERT INTO ledger (message_id, kind, received_at) VALUES (?, ?, ?)", (message_id, kind, received_at)
    )
    return receipt.lastrowid or 0  # never None after an INSERT


def ledger_door(storage: Storage) -> Blueprint:
    """`GET /ledger`."""
    door = Blueprint("ledger", __name__)

    @door.get("/ledger")
    def whole() -> Response:
        return Response(_pages(storage), mimetype="application/json")

    return door


def _pages(storage: Storage) -> Iterator[str]:
    """The ledger as it stands at the first page, as JSON text.

    Cost: one page in memory at a time, so that a ledger of millions of receipts can be asked for under load.
    """
    with storage.reading() as connection:
        (last,) = connection.execute("SELECT coalesce(max(position), 0) FROM ledger").fetchone()
    position, separator = 0, ""
    yield '{"items": ['
    while page := _page(storage, position, last):
        items = (dict(zip(FIELDS, row[1:], strict=True)) for row in page)
        yield separator + ", ".join(map(json.dumps, items))
        position, separator = page[-1][0], ", "
    yield "]}"


def _page(storage: Storage, after: int, last: int) -> list[tuple[Any, ...]]:
    with storage.reading() as connection:
        return connection.execute(
            "SELECT position, message_id, kind, received_at FROM ledger "
            "WHERE position > ? AND position <= ? ORDER BY position LIMIT ?",
            (after, last, PAGE_ROWS),
        ).fetchall()
