"""The exchange in two steps: a technical acknowledgement at once, a business answer later from the mailbox."""

from datetime import UTC, datetime
from typing import Any, Final

from flask import Blueprint, abort, request
from marshmallow import ValidationError, missing

from mock_mycarenet.bodies import load_body
from mock_mycarenet.ledger import record
from mock_mycarenet.mailbox import confirm, queue_answer, waiting_answers
from mock_mycarenet.problems import problem
from mock_mycarenet.scenarios import in_play
from mock_mycarenet.storage import Storage
from schemas.fields import Limit
from schemas.mycarenet import Confirmation, Message

LIMIT: Final = Limit()
MESSAGE: Final = Message()  # made once: making a schema costs more than loading with it
CONFIRMATION: Final = Confirmation()


def exchange_door(storage: Storage) -> Blueprint:
    """`POST /messages`, `GET /mailbox` and `POST /mailbox/confirmations`."""
    door = Blueprint("exchange", __name__)

    @door.before_request
    def arrive() -> None:
        with storage.reading() as connection:
            scenario = in_play(connection)
        scenario.arrive()

    @door.post("/messages")
    def receive() -> tuple[dict[str, str], int]:
        message = load_body(MESSAGE)
        message_id, received_at = str(message["message_id"]), _now()
        with storage.transaction() as tx:
            decision = in_play(tx).decide()
            position = record(tx, message_id, message["kind"], received_at)
            queue_answer(tx, message_id, message["ssin"], decision)
        return {"message_id": message_id, "reference": f"MCN-{position:06}", "received_at": received_at}, 202

    @door.get("/mailbox")
    def collect() -> dict[str, Any]:
        try:
            limit = LIMIT.deserialize(request.args.get("limit", missing))
        except ValidationError:
            abort(problem(400, "invalid-parameter", "limit is a whole number from 1 to 1000."))
        with storage.reading() as connection:
            return {"items": waiting_answers(connection, limit)}

    @door.post("/mailbox/confirmations")
    def take() -> tuple[str, int]:
        answer_ids = load_body(CONFIRMATION)["answers"]
        with storage.transaction() as tx:
            confirm(tx, answer_ids)
        return "", 204

    return door


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
