"""Replays the synthetic sample against a gateway over real HTTP, as its providers and projects would have.

Begun again after a crash, it sends the same requests under the same keys: the gateway gives the first answers again.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path
from threading import Event, Lock
from typing import Any

from gateway.domain.periods import day_of
from gateway.sandbox.client import Answer, Client

SAMPLE_DIR = Path(__file__).parent / "sample"
TOKEN_SECONDS = 3000
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")

Row = dict[str, Any]
Expected = tuple[int, str | None]


class ReplayFailed(Exception):
    """The sandbox refused something without which the replay has no sense."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A line that was not answered as the rules say; status 0 when it could not be sent for want of an id."""

    line: int
    ref: str
    expected: Expected
    answered: Expected


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What a replay did; `refused` counts the refusals by code, expected or not."""

    sent: int
    accepted: int
    refused: dict[str, int]
    differences: tuple[Difference, ...]
    seconds: float
    last_instant: datetime | None = None

    @property
    def requests_per_second(self) -> float:
        """Lines sent and answered each second, the moving of the clock included."""
        return self.sent / self.seconds if self.seconds else 0.0


class Tokens:
    """Access tokens of the sandbox's identity provider: one per role and claim, renewed in good time.

    Safe for several threads. Shape: once `stop` is set, nothing is tried again.
    """

    def __init__(self, mock_url: str, stop: Event | None = None) -> None:
        self._client = Client(mock_url, stop=stop)
        self._lock = Lock()
        self._issued: dict[tuple[tuple[str, str], ...], tuple[float, str]] = {}

    def token(self, **claims: str) -> str:
        """A token for a role and its claim, such as `role="provider", nihii="..."`.

        Raises: ReplayFailed.
        """
        who = tuple(sorted(claims.items()))
        with self._lock:
            issued_at, token = self._issued.get(who, (0.0, ""))
            if not token or time.monotonic() - issued_at > TOKEN_SECONDS:
                token = str(_must(self._client.send("POST", "/auth/token", claims), "token").body["access_token"])
                self._issued[who] = (time.monotonic(), token)
            return token

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


@dataclass(slots=True)
class _Tally:
    """What was answered so far; one lock for all threads."""

    ids: dict[str, str] = field(default_factory=dict)
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    @property
    def sent(self) -> int:
        return self.accepted + sum(self.refused.values())

    def count(self, row: Row, answer: Answer) -> None:
        with self.lock:
            if answer.status < 300:
                self.accepted += 1
                self.ids[row["ref"]] = answer.body["id"]
            else:
                self.refused[answer.code or str(answer.status)] += 1
            self._compare(row, (answer.status, answer.code))

    def leave_out(self, row: Row) -> None:
        """Note that a line could not be sent."""
        with self.lock:
            self._compare(row, (0, None))

    def _compare(self, row: Row, answered: Expected) -> None:
        expected = (row["expect"]["status"], row["expect"].get("code"))
        if answered != expected:
            self.differences.append(Difference(row["line"], row["ref"], expected, answered))


def replay(
    gateway_url: str,
    mock_url: str,
    *,
    report: Callable[[int, int], None],
    sample_dir: Path | None = None,
    clients: int = 16,
    limit: int | None = None,
    on_month_end: Callable[[str], None] | None = None,
    patience: float = 60.0,
) -> ReplayResult:
    """Load the catalogue, then send the lines instant by instant; `report` gets the lines done and all of them.

    Shape: `limit` sends the first lines only. `on_month_end` is called with a month (`2021-09`) when all of its lines
    are answered and before the clock moves on; it may itself move the clock, within that month.
    Units: `patience` in seconds, for how long each request is tried while the gateway does not answer.
    Raises: ReplayFailed; Unreachable, after which the same call goes on where this one stopped.
    """
    folder = sample_dir or SAMPLE_DIR
    whole = _lines(folder)
    rows = whole[:limit]
    tally = _Tally()
    began_at = time.monotonic()
    stop = Event()
    with ExitStack() as stack:
        tokens = Tokens(mock_url, stop)
        stack.callback(tokens.close)
        connections = [stack.enter_context(Client(gateway_url, patience=patience, stop=stop)) for _ in range(clients)]
        load_catalogue(connections[0], tokens, json.loads((folder / "catalogue.json").read_text(encoding="utf-8")))
        threads = stack.enter_context(ThreadPoolExecutor(clients))
        stack.callback(stop.set)  # whoever interrupts the replay does not wait for the others' patience
        persons = _persons(rows)
        report(0, len(rows))
        for month, group in _groups(rows):
            if month is not None and on_month_end is not None:
                on_month_end(month)
            move_clock(connections[0], group[0]["at"])
            work = iter(_by_person(group, persons))
            drained = [threads.submit(_drain, work, one, tokens, tally) for one in connections]
            for future in drained:
                future.result()
            report(group[-1]["line"], len(rows))
        if on_month_end is not None and rows and len(rows) == len(whole):
            on_month_end(_month(rows[-1]))
    return ReplayResult(
        sent=tally.sent,
        accepted=tally.accepted,
        refused=dict(sorted(tally.refused.items())),
        differences=tuple(sorted(tally.differences, key=lambda one: one.line)),
        seconds=time.monotonic() - began_at,
        last_instant=datetime.fromisoformat(rows[-1]["at"]) if rows else None,
    )


def load_catalogue(client: Client, tokens: Tokens, catalogue: dict[str, list[Row]]) -> None:
    """Enter projects, pseudocodes, assignments and partners, as the registrar; what is there already stays.

    Raises: ReplayFailed.
    """
    for method, path, body in _catalogue_requests(catalogue):
        key = "sample" + path.replace("/", "-") + f"-{body.get('id') or body.get('code')}" if method == "POST" else None
        answer = client.send(method, path, body, token=tokens.token(role="registrar"), key=key)
        if not (method == "POST" and answer.status == 409):
            _must(answer, path)


def move_clock(client: Client, now: str) -> bool:
    """Set the legal clock; False when it is later already, as when a replay is resumed.

    Raises: ReplayFailed.
    """
    answer = client.send("PUT", "/sandbox/clock", {"now": now})
    return answer.status != 409 and bool(_must(answer, "clock"))


def _catalogue_requests(catalogue: dict[str, list[Row]]) -> Iterator[tuple[str, str, Row]]:
    for project in catalogue["projects"]:
        yield "POST", "/v1/projects", project
    for pseudocode in catalogue["pseudocodes"]:
        yield "POST", "/v1/pseudocodes", pseudocode
    for row in catalogue["assignments"]:
        body = {name: value for name, value in row.items() if name not in ("project", "code")}
        yield "PUT", f"/v1/projects/{row['project']}/pseudocodes/{row['code']}", body
    for row in catalogue["partners"]:
        body = {name: value for name, value in row.items() if name not in ("project", "nihii")}
        yield "PUT", f"/v1/projects/{row['project']}/partners/{row['nihii']}", body


def _must(answer: Answer, what: str) -> Answer:
    if answer.status >= 300:
        raise ReplayFailed(f"{what}: {answer.status} {answer.code}")
    return answer


def _lines(folder: Path) -> list[Row]:
    with (folder / "communications.ndjson").open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _groups(rows: Sequence[Row]) -> Iterator[tuple[str | None, list[Row]]]:
    """The lines of each instant, with the month that ended before them, if one did."""
    previous = None
    for _, lines in groupby(rows, key=lambda row: str(row["at"])):
        group = list(lines)
        month = _month(group[0])
        yield (previous if previous != month else None), group
        previous = month


def _month(row: Row) -> str:
    return f"{day_of(datetime.fromisoformat(row['at'])):%Y-%m}"


def _persons(rows: Sequence[Row]) -> dict[str, str]:
    """Whom each line is about, by its ref: the SSIN in it, or that of the line whose id it needs."""
    persons: dict[str, str] = {}
    for row in rows:
        target = _PLACEHOLDER.search(row["path"])
        persons[row["ref"]] = persons[target[1]] if target else row["body"]["ssin"]
    return persons


def _by_person(group: Sequence[Row], persons: dict[str, str]) -> list[list[Row]]:
    """The lines of a group, those of one person together and in order."""
    queues: dict[str, list[Row]] = {}
    for row in group:
        queues.setdefault(persons[row["ref"]], []).append(row)
    return list(queues.values())


def _drain(work: Iterator[list[Row]], client: Client, tokens: Tokens, tally: _Tally) -> None:
    """Send one person's lines after another's until none is left; threads share the iterator."""
    for queue in work:
        for row in queue:
            _send(row, client, tokens, tally)


def _send(row: Row, client: Client, tokens: Tokens, tally: _Tally) -> None:
    target = _PLACEHOLDER.search(row["path"])
    path = row["path"]
    if target is not None:
        if target[1] not in tally.ids:
            tally.leave_out(row)
            return
        path = path.replace(target[0], tally.ids[target[1]])
    token = tokens.token(**row["as"])
    tally.count(row, client.send(row["method"], path, row["body"], token=token, key=f"sample-{row['line']}"))
