"""The register: what was received and decided, one row per message. It holds no SSIN."""

import sqlite3
from dataclasses import dataclass
from typing import Any, Final

from mock_mycarenet.decisions import PUT_OFF, Decision

KNOWN: Final = "SELECT input_reference, output_reference, code, put_off FROM register WHERE message_id = ?"


@dataclass(frozen=True, slots=True)
class Known:
    """A message that came before; `put_off` counts how often it was answered to come again."""

    input_reference: str
    output_reference: str
    code: str | None
    put_off: int


def find(connection: sqlite3.Connection, message_id: str) -> Known | None:
    """A message that came before, or None."""
    return next((Known(*row) for row in connection.execute(KNOWN, [message_id])), None)


def count(tx: sqlite3.Connection, message_id: str) -> None:
    """Count another receipt of a message."""
    tx.execute("UPDATE register SET received_count = received_count + 1 WHERE message_id = ?", [message_id])


def keep(tx: sqlite3.Connection, message: dict[str, Any], output_reference: str, decision: Decision) -> None:
    """Keep a message, or a new decision on one that was put off, with the reference under which it was taken."""
    put_off = int(decision.code == PUT_OFF)
    tx.execute(
        "INSERT INTO register (message_id, input_reference, output_reference, kind, project, reference, month, "
        "received_at, received_count, outcome, code, put_off) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?) "
        "ON CONFLICT (message_id) DO UPDATE SET output_reference = excluded.output_reference, "
        "received_count = received_count + 1, outcome = excluded.outcome, code = excluded.code, "
        "put_off = put_off + excluded.put_off",
        (
            message["message_id"],
            message["input_reference"],
            output_reference,
            message["kind"],
            message["project"],
            message["reference"],
            message["month"],
            message["received_at"],
            decision.outcome,
            decision.code,
            put_off,
        ),
    )
