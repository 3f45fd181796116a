"""The mailbox: one business answer per message, handed out until it is confirmed."""

import json
import re
import sqlite3
from collections.abc import Iterable
from typing import Any, Final

from mock_mycarenet.members import member_of
from mock_mycarenet.scenarios import Decision

# Its number in the mailbox. A random id would now and then hold a valid SSIN, which the contract refuses in a text.
ANSWER_ID: Final = re.compile(r"A-([0-9]{6,10})")


def queue_answer(tx: sqlite3.Connection, message_id: str, ssin: str, decision: Decision) -> None:
    """Put the answer to a message in the mailbox.

    A message that was answered before gets that same answer again, whatever is decided now: the first decision
    stands, and a confirmed answer waits once more.
    """
    if tx.execute("UPDATE answers SET waiting = 1 WHERE message_id = ?", (message_id,)).rowcount:
        return
    member = json.dumps(member_of(ssin)) if decision.outcome == "accepted" else None
    tx.execute(
        "INSERT INTO answers (message_id, outcome, code, member, waiting) VALUES (?, ?, ?, ?, 1)",
        (message_id, decision.outcome, decision.code, member),
    )


def waiting_answers(connection: sqlite3.Connection, limit: int) -> list[dict[str, Any]]:
    """The answers that nobody confirmed yet, oldest first, at most `limit` of them."""
    rows = connection.execute(
        "SELECT position, message_id, outcome, code, member FROM answers WHERE waiting = 1 ORDER BY position LIMIT ?",
        (limit,),
    )
    return [_answer(*row) for row in rows]


def confirm(tx: sqlite3.Connection, answer_ids: Iterable[str]) -> None:
    """Take answers out of the mailbox; an id that is not known, or was confirmed before, changes nothing."""
    known = (ANSWER_ID.fullmatch(each) for each in answer_ids)
    tx.executemany("UPDATE answers SET waiting = 0 WHERE position = ?", [(int(each[1]),) for each in known if each])


def _answer(position: int, message_id: str, outcome: str, code: str | None, member: str | None) -> dict[str, Any]:
    answer: dict[str, Any] = {"answer_id": f"A-{position:06}", "message_id": message_id, "outcome": outcome}
    if code is not None:
        answer["code"] = code
    if member is not None:
        answer["member"] = json.loads(member)
    return answer
