"""The statement: what was received, decided and answered of a month; and faults in it, planted by tests."""

import sqlite3
from datetime import datetime, timedelta
from typing import Any, Final

from flask import Blueprint, abort, request
from marshmallow import ValidationError

from mock_mycarenet.bodies import load_body
from mock_mycarenet.problems import problem
from mock_mycarenet.scenarios import REJECTION
from mock_mycarenet.storage import Storage
from schemas.fields import pointers
from schemas.mycarenet.stand_in import FaultRequest
from schemas.mycarenet.statement import StatementQuery

QUERY: Final = StatementQuery()
FAULT: Final = FaultRequest()
DELAY: Final = timedelta(days=40)
LINES: Final = (
    "SELECT r.position, r.fault, r.message_id, r.input_reference, r.output_reference, r.kind, r.reference, "
    "r.received_at, r.received_count, r.outcome, r.code, m.is_taken FROM register r "
    "JOIN mailbox m ON m.output_reference = r.output_reference "
    "WHERE r.project = ? AND r.month = ? AND r.position > ? ORDER BY r.position LIMIT ?"
)
NAMES: Final = (
    "message_id",
    "input_reference",
    "output_reference",
    "kind",
    "reference",
    "received_at",
    "received_count",
    "outcome",
    "code",
)


def statement_door(storage: Storage) -> Blueprint:
    """`GET /statement`, and `POST /faults` for tests."""
    door = Blueprint("statement", __name__)

    @door.get("/statement")
    def page() -> dict[str, Any]:
        asked = _asked()
        with storage.reading() as connection:
            found = connection.execute(
                LINES, (asked["project"], asked["month"], asked["after"], asked["limit"] + 1)
            ).fetchall()
        shown, more = found[: asked["limit"]], len(found) > asked["limit"]
        items = [line for row in shown for line in _lines(row)]
        return {"items": items, "next": str(shown[-1][0]) if more else None}

    @door.post("/faults")
    def plant() -> tuple[str, int]:
        asked = load_body(FAULT)
        with storage.transaction() as tx:
            planted = _plant(tx, str(asked["message_id"]), asked["fault"])
        if not planted:
            abort(problem(404, "unknown-message", "No message of this id arrived."))
        return "", 204

    return door


def _asked() -> dict[str, Any]:
    try:
        asked: dict[str, Any] = QUERY.load(request.args.to_dict())
        return {**asked, "after": int(asked.get("cursor", "0"))}
    except ValidationError as error:
        abort(problem(400, "invalid-parameter", "A parameter is missing or wrong.", pointers(error.messages)))
    except ValueError:
        abort(problem(400, "invalid-parameter", "The cursor is what `next` gave."))


def _plant(tx: sqlite3.Connection, message_id: str, fault: str) -> bool:
    if fault == "lose":
        tx.execute("DELETE FROM mailbox WHERE message_id = ?", [message_id])
        return tx.execute("DELETE FROM register WHERE message_id = ?", [message_id]).rowcount > 0
    return tx.execute("UPDATE register SET fault = ? WHERE message_id = ?", (fault, message_id)).rowcount > 0


def _lines(row: tuple[Any, ...]) -> list[dict[str, Any]]:
    """A message as the statement lists it: once, unless a fault was planted."""
    _, fault, *values, is_taken = row
    line = {**dict(zip(NAMES, values, strict=True)), "is_answered": bool(is_taken)}
    match fault:
        case "drop":
            return []
        case "double":
            return [line, {**line, "output_reference": f"{line['output_reference']}-2"}]
        case "delay":
            late = datetime.fromisoformat(line["received_at"]) + DELAY
            return [{**line, "received_at": late.isoformat().replace("+00:00", "Z")}]
        case "contradict":
            rejected = line["outcome"] == "rejected"
            return [
                {**line, "outcome": "accepted" if rejected else "rejected", "code": None if rejected else REJECTION}
            ]
        case _:
            return [line]
