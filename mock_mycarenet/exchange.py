"""The exchange in two steps: a technical acknowledgement at once, a business answer later from the mailbox."""

import sqlite3
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, g, request
from marshmallow import ValidationError, missing

from mock_mycarenet import ledger, register, wire
from mock_mycarenet.bodies import load_body
from mock_mycarenet.decisions import PUT_OFF
from mock_mycarenet.mailbox import confirm, give_again, is_taken, queue_answer, waiting_answers
from mock_mycarenet.problems import as_outcome, problem
from mock_mycarenet.scenarios import SCENARIOS, Stage
from mock_mycarenet.storage import Storage
from schemas.fields import Limit
from schemas.mycarenet.answers import Confirmation
from schemas.mycarenet.messages import Message

BRUSSELS: Final = ZoneInfo("Europe/Brussels")
LIMIT: Final = Limit()
MESSAGE: Final = Message()  # made once: making a schema costs more than loading with it
CONFIRMATION: Final = Confirmation()


def exchange_door(storage: Storage, stage: Stage) -> Blueprint:
    """`POST /messages`, `GET /mailbox` and `POST /mailbox/confirmations`."""
    door = Blueprint("exchange", __name__)

    @door.before_request
    def arrive() -> None:
        g.leave = wire.as_it_is  # until it is let in
        scenario = stage.scenario
        scenario.arrive()
        g.leave = scenario.leave

    @door.after_request
    def leave(answer: Response) -> Response:
        played: Response = g.leave(as_outcome(answer))
        return played

    @door.post("/messages")
    def receive() -> tuple[dict[str, str], int]:
        message = _plain(load_body(MESSAGE))
        with storage.transaction() as tx:
            output_reference = _take(tx, message, stage.name)
        echoed = {name: message[name] for name in ("message_id", "input_reference", "received_at")}
        return {**echoed, "output_reference": output_reference}, 202

    @door.get("/mailbox")
    def collect() -> dict[str, Any]:
        try:
            limit = LIMIT.deserialize(request.args.get("limit", missing))
        except ValidationError:
            abort(problem(400, "invalid-parameter", "limit is a whole number from 1 to 1000."))
        with storage.reading() as connection:
            return {"items": waiting_answers(connection, limit, stage.scenario)}

    @door.post("/mailbox/confirmations")
    def take() -> tuple[str, int]:
        answer_ids = load_body(CONFIRMATION)["answers"]
        with storage.transaction() as tx:
            confirm(tx, answer_ids)
        return "", 204

    return door


def _take(tx: sqlite3.Connection, message: dict[str, Any], scenario: str) -> str:
    """Record a message, decide on one that is new or was put off, and give the reference under which it is known."""
    position = ledger.record(tx, message["message_id"], message["kind"], message["received_at"])
    known = register.find(tx, message["message_id"])
    if known is not None and known.input_reference != message["input_reference"]:
        abort(problem(409, "other-message", "Another body came under this id.", [("#/input_reference", "other-body")]))
    if known is not None and not (known.code == PUT_OFF and is_taken(tx, known.output_reference)):
        register.count(tx, message["message_id"])
        give_again(tx, known.output_reference)
        return known.output_reference
    output_reference = f"MCN-{position:06}"
    decision = SCENARIOS[scenario].decide(message["ssin"], message["kind"], 0 if known is None else known.put_off)
    register.keep(tx, message, output_reference, decision)
    queue_answer(tx, message, output_reference, decision, scenario)
    return output_reference


def _plain(loaded: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a message, or decided by, under plain names."""
    body = loaded["body"]
    header, _, patient = (one["resource"] for one in body["entry"])
    return {
        "message_id": str(loaded["message_id"]),
        "input_reference": str(loaded["input_reference"]),
        "kind": header["event_coding"]["code"],
        "project": header["sender"]["identifier"]["value"],
        "reference": header["focus"][0]["reference"].removeprefix("urn:uuid:"),
        "month": f"{body['timestamp'].astimezone(BRUSSELS):%Y-%m}",
        "ssin": patient["identifier"][0]["value"],
        "received_at": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
    }
