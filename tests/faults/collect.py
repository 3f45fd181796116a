"""What is left at the end, as the checker reads it: from the register, the mock, the files and the released figures."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from math import ceil
from pathlib import Path
from sys import intern
from typing import Any

import requests
from sqlalchemy import Connection, select

from gateway.store.tables import action, audit_entry, inclusion, outbox
from tests.faults.history import Audited, Figure, Receipt, Remains, Row, Sent, text
from tests.faults.load import PROJECTS
from tests.faults.rig import Rig
from tests.live.register import looking_into
from tests.privacy.hunt import forms_of_secret, forms_of_ssin, hunt

CLOSING_INSTANT = "2022-04-12T09:00:00Z"
CAP = 2
REACH_OF_MARGIN = 3.25
"""Noise reaches 6.5 sigma, and a margin is two of them."""
PIECE, OVERLAP = 1 << 25, 1 << 10
"""How much of a file is looked through at once, and what two pieces have in common: more than the longest canary."""
ENCODED = 2
"""Of how many people the encoded writings are hunted too; `tests/privacy` hunts every form."""
_RUN = re.compile(rb"[0-9]{11,}")


def collected(rig: Rig, people: Iterable[str], months: Sequence[str]) -> Remains:
    """What is left of a rig that has come to rest; its last months are closed and asked for first.

    Shape: `people` are the SSINs that were used, `months` those with actions. Gateways and workers are stopped by it.
    """
    found = tuple(_figures(rig, months))
    receipts = tuple(_receipts(rig))
    rig.stop()
    with looking_into(rig.database_url) as connection:
        return Remains(
            (*_inclusions(connection), *_actions(connection)),
            tuple(_messages(connection)),
            receipts,
            tuple(_audited(connection)),
            found,
            tuple(_leaks(rig, list(people))),
            CAP,
        )


def _inclusions(connection: Connection) -> Iterator[Row]:
    columns = inclusion.c
    for row in connection.execute(select(inclusion).where(columns.superseded_at.is_(None))):
        names = ("project", "agreed_on", "municipality", "valid_from", "communicated_at")
        yield _row("inclusion", row, names)


def _actions(connection: Connection) -> Iterator[Row]:
    for row in connection.execute(select(action).where(action.c.superseded_at.is_(None))):
        yield _row("action", row, ("project", "pseudocode", "performed_by", "performed_on", "occurrence"))


def _row(noun: str, row: Any, names: Iterable[str]) -> Row:
    facts = {name: intern(_text(getattr(row, name))) for name in names}
    message = intern(text(row.message_id)) or None
    return Row(noun, _id(row.id), intern(row.project), intern(row.pseudonym.hex()), intern(row.status), message, facts)


def _id(value: object) -> str:
    """An id, which several of the things that are left name, kept once."""
    return intern(str(value))


def _text(value: Any) -> str:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else text(value)


def _messages(connection: Connection) -> Iterator[Sent]:
    for row in connection.execute(select(outbox)):
        beneficiary = (intern(row.project), intern(row.pseudonym.hex()))
        leased = row.leased_until is not None
        state = intern(row.state)
        yield Sent(_id(row.id), intern(row.kind), _id(row.reference), beneficiary, row.sequence, state, leased)


def _audited(connection: Connection) -> Iterator[Audited]:
    done = select(audit_entry.c.verb, audit_entry.c.object).where(audit_entry.c.outcome == "done")
    for row in connection.execute(done):
        yield Audited(intern(row.verb), intern(text(row.object)) or None)


def _receipts(rig: Rig) -> Iterator[Receipt]:
    ahead = time.time() - time.monotonic()
    for one in requests.get(f"{rig.mock_url}/ledger", timeout=300).json()["items"]:
        yield Receipt(intern(one["message_id"]), datetime.fromisoformat(one["received_at"]).timestamp() - ahead)


def _figures(rig: Rig, months: Sequence[str]) -> Iterator[Figure]:
    """The published cells of each project and month, as its own coordinator sees them."""
    if not months:
        return
    rig.move_clock(CLOSING_INSTANT)
    for month in months:
        answer = rig.send("POST", "/sandbox/release", {"month": month})
        assert answer.status_code == 200, answer.text
    for project in PROJECTS:
        question = f"/v1/aggregates?by=month&project={project}&from={months[0]}&to={months[-1]}"
        answer = rig.send("GET", question, token=rig.token("coordinator", project=project))
        assert answer.status_code == 200, answer.text
        for cell in answer.json()["cells"]:
            if cell["status"] == "published":
                yield _figure(project, cell)


def _figure(project: str, cell: dict[str, Any]) -> Figure:
    people, actions = (ceil(REACH_OF_MARGIN * cell["margin"][name]) for name in ("beneficiaries", "actions"))
    return Figure(project, cell["dims"]["month"], cell["beneficiaries"], cell["actions"], people, actions)


def _leaks(rig: Rig, people: list[str]) -> Iterator[str]:
    """Where an SSIN or a token is, in any file that the processes wrote.

    Shape: every SSIN as eleven digits; some of them, and every token, encoded too.
    Not: the mock's answers are not hunted on the wire, only what it wrote.
    """
    folders = [rig.data_dir.parent, *(rig.server.folders if rig.server else []), *([rig.disk] if rig.disk else [])]
    numbers = {one.encode() for one in people}
    secrets = [token.rsplit(".", 1)[1].encode() for token in rig.tokens]
    forms = {f"{number} {name}": raw for number, one in enumerate(people[:ENCODED])
             for name, raw in forms_of_ssin(one).items() if name.startswith("plain")}  # fmt: skip
    forms |= {f"token {name}": raw for one in secrets for name, raw in forms_of_secret(one).items() if name == "raw"}
    for place, content in _written(folders):
        if any(run[at : at + 11] in numbers for run in _RUN.findall(content) for at in range(len(run) - 10)):
            yield f"an SSIN in {place}"
        yield from (f"{one.form} in {one.place}" for one in hunt(forms, [(place, content)]))


def _written(folders: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    """Every file in pieces, the names as well; a piece begins with the end of the one before."""
    for path in (path for folder in folders for path in sorted(folder.rglob("*"))):
        yield f"name of {path}", path.name.encode()
        if path.is_file() and path.name != "keys.json":
            end = b""
            with path.open("rb") as file:
                while piece := file.read(PIECE):
                    yield str(path), end + piece
                    end = piece[-OVERLAP:]
