"""The mailbox: business answers, handed out until they are confirmed, as the scenario of their message wants it."""

import json
import re
import sqlite3
import time
from collections.abc import Iterable
from typing import Any, Final

from mock_mycarenet.decisions import Decision, error_of
from mock_mycarenet.members import member_of
from mock_mycarenet.scenarios import SCENARIOS, Scenario

# Its number in the mailbox, and how often it was confirmed before. A random id would now and then hold a valid SSIN,
# which the contract refuses in a text.
ANSWER_ID: Final = re.compile(r"A-([0-9]{6,10})(?:\.([0-9]))?")
WAITING: Final = (
    "SELECT position, message_id, input_reference, output_reference, outcome, code, member, scenario, confirmed "
    "FROM mailbox WHERE confirmed < wanted AND due_at <= ? ORDER BY position "
)


def queue_answer(
    tx: sqlite3.Connection, message: dict[str, Any], output_reference: str, decision: Decision, scenario: str
) -> None:
    """Put the answer to a message, which was received under `scenario`, in the mailbox."""
    played = SCENARIOS[scenario]
    member = json.dumps(member_of(message["ssin"])) if decision.outcome == "accepted" else None
    tx.execute(
        "INSERT INTO mailbox (output_reference, message_id, input_reference, outcome, code, member, scenario, due_at, "
        "wanted, confirmed, is_taken) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)",
        (
            output_reference,
            message["message_id"],
            message["input_reference"],
            decision.outcome,
            decision.code,
            member,
            scenario,
            time.time() + played.late_seconds,
            played.confirmations,
        ),
    )


def give_again(tx: sqlite3.Connection, output_reference: str) -> None:
    """Let an answer wait once more, although it was confirmed."""
    tx.execute(
        "UPDATE mailbox SET confirmed = min(confirmed, wanted - 1) WHERE output_reference = ?", [output_reference]
    )


def is_taken(connection: sqlite3.Connection, output_reference: str) -> bool:
    """Whether an answer was ever confirmed."""
    found = connection.execute("SELECT is_taken FROM mailbox WHERE output_reference = ?", [output_reference])
    return any(taken for (taken,) in found)


def waiting_answers(connection: sqlite3.Connection, limit: int, scenario: Scenario) -> list[dict[str, Any]]:
    """The answers that wait, oldest first unless the scenario in play wants it otherwise, at most `limit` of them."""
    order = "DESC" if scenario.newest_first else "ASC"
    rows = connection.execute(f"{WAITING} {order} LIMIT ?", (time.time(), limit)).fetchall()
    return [shown for row in rows for shown in _shown(*row)][:limit]


def confirm(tx: sqlite3.Connection, answer_ids: Iterable[str]) -> None:
    """Take answers out of the mailbox; an id that is not known, or was confirmed before, changes nothing."""
    known = (ANSWER_ID.fullmatch(each) for each in answer_ids)
    tx.executemany(
        "UPDATE mailbox SET confirmed = confirmed + 1, is_taken = 1 WHERE position = ? AND confirmed = ?",
        sorted({(int(each[1]), int(each[2] or 0)) for each in known if each}),
    )


def _shown(
    position: int,
    message_id: str,
    input_reference: str,
    output_reference: str,
    outcome: str,
    code: str | None,
    member: str | None,
    scenario: str,
    confirmed: int,
) -> list[dict[str, Any]]:
    answer: dict[str, Any] = {
        "answer_id": f"A-{position:06}" + (f".{confirmed}" if confirmed else ""),
        "message_id": message_id,
        "input_reference": input_reference,
        "output_reference": output_reference,
        "outcome": outcome,
    }
    if code is not None:
        answer["error"] = error_of(code)
    if member is not None:
        answer["member"] = json.loads(member)
    return SCENARIOS[scenario].show(answer, confirmed)
