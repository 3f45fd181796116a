"""The replay against a tiny server that answers what it is told: order, resuming, retries, differences, closing."""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import pytest
from rich.console import Console

from gateway.sandbox.client import Client, Unreachable
from gateway.sandbox.closing import ClosingFailed, Figure, close_months, figures, print_figures
from gateway.sandbox.replay import SAMPLE_DIR, Difference, ReplayFailed, ReplayResult, Tokens, replay

Row = dict[str, Any]
Reply = tuple[int, dict[str, Any]]
DROP = "drop"
DROP_AFTERWARDS = "drop afterwards"


def problem(status: int, code: str, **facts: Any) -> Reply:
    return status, {"code": code, "status": status, **facts}


@dataclass
class Script:
    """What the server knows: canned answers by key or path, faults by key or path (each once), and what it saw."""

    canned: dict[str, Reply] = field(default_factory=dict)
    faults: dict[str, list[Reply | str]] = field(default_factory=dict)
    kept: dict[str, Reply] = field(default_factory=dict)
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    tokens: list[Row] = field(default_factory=list)
    clock: str = "2021-08-31T22:00:00Z"
    is_down: bool = False
    lock: Lock = field(default_factory=Lock)

    def reply(self, method: str, path: str, key: str, body: Row) -> Reply | str:
        with self.lock:
            self.seen.append((method, path, key))
            fault = self.faults[key or path].pop(0) if self.faults.get(key or path) else None
            if self.is_down or (fault is not None and fault != DROP_AFTERWARDS):
                return fault or DROP
            answer = self._answer(path, key, body)
            return fault or answer

    def _answer(self, path: str, key: str, body: Row) -> Reply:
        if path == "/auth/token":
            self.tokens.append(body)
            return 200, {"access_token": f"token-{len(self.tokens)}"}
        if path == "/sandbox/clock":
            if body["now"] < self.clock:
                return problem(409, "clock-runs-forward")
            self.clock = body["now"]
            return 200, body
        if (key or path) in self.canned:
            return self.canned[key or path]
        if key not in self.kept:
            self.kept[key] = (201, {"id": f"id-of-{key}"})
        return self.kept[key]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    script: Script

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        key = self.headers.get("Idempotency-Key", "")
        reply = self.script.reply(self.command, self.path, key, json.loads(content) if content else {})
        if isinstance(reply, str):
            self.close_connection = True
            return
        status, body = reply
        answer = json.dumps(body).encode()
        kind = "application/problem+json; charset=utf-8" if status >= 400 else body.get("kind", "application/json")
        head = f"HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\nContent-Length: {len(answer)}\r\n"
        if body.get("wait"):
            head += "Retry-After: 0\r\n"
        if body.get("bye"):
            head += "Connection: close\r\n"
            self.close_connection = True
        self.wfile.write(head.encode() + b"\r\n" + answer)

    do_PUT = do_GET = do_POST  # noqa: N815 - names that http.server calls

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def url(script: Script) -> Iterator[str]:
    handler = type("Scripted", (Handler,), {"script": script})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def line(number: int, at: str, ref: str, path: str, body: Row, status: int = 201, code: str | None = None) -> Row:
    expect = {"status": status} | ({"code": code} if code else {})
    who = {"role": "provider", "nihii": f"4999991240{number % 2}"}
    return {
        "line": number, "at": at, "ref": ref, "as": who, "method": "POST", "path": path, "body": body, "expect": expect
    }  # fmt: skip


LINES = [
    line(1, "2021-09-02T10:00:00Z", "i-1", "/v1/inclusions", {"ssin": "A"}),
    line(2, "2021-09-02T10:00:00Z", "i-2", "/v1/inclusions", {"ssin": "B"}),
    line(3, "2021-09-30T22:00:00Z", "r-1", "/v1/inclusions", {"ssin": "A"}, 409, "already-included"),
    line(4, "2021-10-04T10:00:00Z", "x-1", "/v1/inclusions/{i-1}/exit", {"reason": "moved"}, 201),
    line(5, "2021-11-04T10:00:00Z", "a-1", "/v1/actions", {"ssin": "B"}),
    line(6, "2021-11-04T10:00:00Z", "a-2", "/v1/actions", {"ssin": "B"}),
]
CATALOGUE: dict[str, list[Row]] = {
    "projects": [{"id": "demo"}],
    "pseudocodes": [{"code": "794010"}],
    "assignments": [{"project": "demo", "code": "794010", "valid_from": "2021-09-01", "valid_until": None}],
    "partners": [{"project": "demo", "nihii": "49999912401", "from": "2021-09-01", "until": None}],
}


@pytest.fixture
def sample(tmp_path: Path, script: Script) -> Path:
    (tmp_path / "communications.ndjson").write_text("".join(json.dumps(row) + "\n" for row in LINES))
    (tmp_path / "catalogue.json").write_text(json.dumps(CATALOGUE))
    script.canned["sample-3"] = problem(409, "already-included")
    return tmp_path


def run(url: str, sample: Path, **options: Any) -> ReplayResult:
    return replay(url, url, sample_dir=sample, report=lambda done, whole: None, **options)


def sent_lines(script: Script) -> list[str]:
    return [key for _, _, key in script.seen if key.removeprefix("sample-").isdigit()]


def test_a_replay_sends_everything_in_order_and_finds_no_difference(url: str, script: Script, sample: Path) -> None:
    progress: list[tuple[int, int]] = []
    months: list[tuple[str, str]] = []

    result = replay(
        url, url, sample_dir=sample, report=lambda *done: progress.append(done),
        on_month_end=lambda month: months.append((month, script.clock)),
    )  # fmt: skip

    assert (result.sent, result.accepted, result.refused) == (6, 5, {"already-included": 1})
    assert result.differences == ()
    assert result.requests_per_second > 0
    assert result.last_instant == datetime(2021, 11, 4, 10, tzinfo=UTC)
    assert progress == [(0, 6), (2, 6), (3, 6), (4, 6), (6, 6)]
    assert months == [
        ("2021-09", "2021-09-02T10:00:00Z"),
        ("2021-10", "2021-10-04T10:00:00Z"),
        ("2021-11", "2021-11-04T10:00:00Z"),
    ]
    assert ("POST", "/v1/inclusions/id-of-sample-1/exit", "sample-4") in script.seen


def test_the_catalogue_is_entered_first_by_the_registrar(url: str, script: Script, sample: Path) -> None:
    run(url, sample)

    assert [(method, path) for method, path, _ in script.seen[1:5]] == [
        ("POST", "/v1/projects"),
        ("POST", "/v1/pseudocodes"),
        ("PUT", "/v1/projects/demo/pseudocodes/794010"),
        ("PUT", "/v1/projects/demo/partners/49999912401"),
    ]
    assert script.tokens[0] == {"role": "registrar"}


def test_lines_of_one_person_at_one_instant_keep_their_order(url: str, script: Script, sample: Path) -> None:
    run(url, sample)

    assert sent_lines(script)[-2:] == ["sample-5", "sample-6"]


def test_a_token_is_asked_for_once_per_role_and_claim(url: str, script: Script) -> None:
    tokens = Tokens(url)

    given = [tokens.token(role="provider", nihii=nihii) for nihii in ("1", "2", "1")]
    tokens.close()

    assert given == ["token-1", "token-2", "token-1"]
    assert len(script.tokens) == 2


def test_a_token_is_renewed_before_it_expires(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens(url)
    monkeypatch.setattr("gateway.sandbox.replay.TOKEN_SECONDS", -1)

    given = [tokens.token(role="registrar") for _ in range(2)]
    tokens.close()

    assert given == ["token-1", "token-2"]


def test_a_replay_that_was_cut_off_is_resumed_and_counts_the_same(url: str, script: Script, sample: Path) -> None:
    script.faults["sample-4"] = [DROP] * 1000
    with pytest.raises(Unreachable):
        run(url, sample, patience=0.2)
    script.faults.clear()

    result = run(url, sample)

    assert (result.sent, result.accepted, result.refused) == (6, 5, {"already-included": 1})
    assert result.differences == ()
    assert Counter(sent_lines(script))["sample-1"] == 2
    assert sorted(key for key in script.kept if key.removeprefix("sample-").isdigit()) == [
        "sample-1",
        "sample-2",
        "sample-4",
        "sample-5",
        "sample-6",
    ]


def test_what_the_catalogue_holds_already_stays(url: str, script: Script, sample: Path) -> None:
    script.canned["sample-v1-projects-demo"] = problem(409, "already-exists")

    assert run(url, sample).differences == ()


@pytest.mark.parametrize("path", ["/v1/projects/demo/partners/49999912401", "/auth/token"])
def test_a_catalogue_that_is_refused_ends_the_replay(url: str, script: Script, sample: Path, path: str) -> None:
    script.faults[path] = [problem(403, "role-not-allowed")]

    with pytest.raises(ReplayFailed, match="403 role-not-allowed"):
        run(url, sample)


@pytest.mark.parametrize(
    "fault",
    [
        DROP,
        DROP_AFTERWARDS,
        problem(503, "store-unavailable"),
        problem(429, "too-many-requests"),
        problem(409, "idempotency-key-in-flight", wait=True),
    ],
)
def test_a_request_is_sent_again_with_the_same_key(url: str, script: Script, sample: Path, fault: Reply | str) -> None:
    script.faults["sample-1"] = [fault, fault]

    result = run(url, sample)

    assert result.differences == ()
    assert Counter(sent_lines(script))["sample-1"] == 3


def test_a_gateway_that_is_not_there_is_unreachable() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with (
            Client(f"http://127.0.0.1:{nobody.getsockname()[1]}", patience=0.1) as client,
            pytest.raises(Unreachable, match="GET /live: ConnectionRefusedError"),
        ):
            client.send("GET", "/live")


def test_a_connection_is_kept_and_opened_again_when_the_server_closed_it(url: str, script: Script) -> None:
    script.canned["/a"] = (200, {"bye": True})

    with Client(url) as client:
        answers = [client.send("GET", path) for path in ("/b", "/a", "/b")]

    assert [answer.status for answer in answers] == [201, 200, 201]
    assert len(script.seen) == 3


def test_an_answer_that_is_not_json_is_given_as_text(url: str, script: Script) -> None:
    script.canned["/metrics"] = (200, {"kind": "text/plain"})

    with Client(url) as client:
        assert client.send("GET", "/metrics").body == '{"kind": "text/plain"}'


def test_differences_name_the_line_and_both_answers(url: str, script: Script, sample: Path) -> None:
    script.canned["sample-1"] = problem(422, "not-informed")
    script.canned["sample-5"] = problem(400, "invalid-request", errors=[{"pointer": "#/ssin", "code": "invalid-ssin"}])
    del script.canned["sample-3"]

    result = run(url, sample)

    assert result.differences == (
        Difference(1, "i-1", (201, None), (422, "not-informed")),
        Difference(3, "r-1", (409, "already-included"), (201, None)),
        Difference(4, "x-1", (201, None), (0, None)),
        Difference(5, "a-1", (201, None), (400, "invalid-ssin")),
    )
    assert (result.sent, result.refused) == (5, {"invalid-ssin": 1, "not-informed": 1})


def test_a_limit_sends_the_first_lines_and_ends_no_month(url: str, script: Script, sample: Path) -> None:
    months: list[str] = []

    result = run(url, sample, limit=2, on_month_end=months.append)

    assert (result.sent, months) == (2, [])
    assert sorted(sent_lines(script)) == ["sample-1", "sample-2"]


def test_the_shipped_sample_is_what_a_replay_sends_by_itself(url: str, script: Script) -> None:
    result = replay(url, url, report=lambda done, whole: None, limit=300, clients=4)

    assert result.sent == 300
    assert len({key for key in script.kept if key.removeprefix("sample-").isdigit()}) == 300
    assert len(script.tokens) == len({json.dumps(body) for body in script.tokens})
    assert (SAMPLE_DIR / "catalogue.json").exists()


def test_months_are_closed_when_they_are_due(url: str, script: Script) -> None:
    script.canned["sample-close-2021-09"] = problem(409, "already-released")
    last = datetime(2022, 5, 31, 21, 59, 59, tzinfo=UTC)
    reported: list[str] = []

    closed = close_months(url, last, report=reported.append)

    assert closed == [f"{month}" for month in reported if month != "2021-09"]
    assert (reported[0], reported[-1], len(reported)) == ("2021-09", "2022-05", 9)
    assert script.clock == "2022-06-09T22:00:00Z"


def test_a_month_that_is_due_later_is_waited_for(url: str, script: Script) -> None:
    script.faults["sample-close-2022-05"] = [problem(422, "not-due", available_from="2022-06-15")]

    closed = close_months(url, datetime(2022, 5, 31, tzinfo=UTC), first_month=datetime(2022, 5, 1, tzinfo=UTC).date())

    assert closed == ["2022-05"]
    assert script.clock == "2022-06-14T22:00:00Z"


def test_a_month_that_cannot_be_closed_is_said(url: str, script: Script) -> None:
    script.canned["sample-close-2021-09"] = problem(422, "not-due", available_from="2021-10-20T00:00:00Z")

    with pytest.raises(ClosingFailed, match="2021-09: 422 not-due"):
        close_months(url, datetime(2021, 9, 30, tzinfo=UTC))


def cell(status: str, beneficiaries: int | None, **dims: str) -> Row:
    return {"dims": dims, "status": status, "beneficiaries": beneficiaries, "actions": beneficiaries}


def test_figures_are_of_every_project_and_of_each_pseudocode_of_one(url: str, script: Script) -> None:
    script.canned["/v1/projects?limit=1000"] = (200, {"items": [{"id": "demo-a"}, {"id": "demo-b"}], "next": None})
    script.canned["/v1/aggregates?by=month&project=demo-a"] = (200, {"cells": [cell("published", 41, month="2021-10")]})
    script.canned["/v1/aggregates?by=month&project=demo-b"] = problem(404, "not-released")
    protected = cell("protected", None, month="2021-10", pseudocode="794010")
    script.canned["/v1/aggregates?by=pseudocode,month&project=demo-a"] = (200, {"cells": [protected]})

    rows = figures(url, "token")

    assert rows == [
        Figure("demo-a", None, "2021-10", 41, 41),
        Figure("demo-a", "794010", "2021-10", None, None),
    ]


def test_figures_that_are_refused_are_said(url: str, script: Script) -> None:
    script.canned["/v1/projects?limit=1000"] = problem(403, "role-not-allowed")

    with pytest.raises(ClosingFailed, match="403 role-not-allowed"):
        figures(url, "token")


def test_protected_figures_are_printed_as_a_dot_with_its_meaning() -> None:
    rows = [Figure("demo-a", None, "2021-10", 41, 97), Figure("demo-a", "794010", "2021-11", None, None)]
    out = StringIO()

    print_figures(rows, Console(file=out, width=80))
    print_figures(rows[:1], Console(file=out, width=80))

    text = out.getvalue()
    assert "41" in text
    assert "97" in text
    assert "794010" in text
    assert "· protected" in text
