"""Batches with processes of their own: kill -9 in the middle, and the command that imports a file."""

from __future__ import annotations

import csv
import http.client
import io
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from rich.console import Console
from sqlalchemy import select

from gateway.import_file import Import, import_file
from gateway.store.batch_tables import batch, batch_line
from gateway.store.tables import audit_entry, inclusion, outbox
from tests.live.catalogue import LONG, NIHII, an_inclusion, enter
from tests.live.register import everything
from tests.live.register import rows as kept_rows
from tests.sandboxes import (
    STORES,
    Sandbox,
    await_that,
    group_of,
    live_database,
    name_of,
    sandbox,
    synthetic_ssin,
)
from tests.unmeasured import unmeasured

LINES = 600
KILLED_AFTER = 1


@pytest.fixture(params=STORES)
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    with live_database(request) as url:
        yield url


def post(box: Sandbox, lines: list[dict[str, Any]], token: str, key: str | None = None) -> requests.Response:
    return requests.post(
        f"{box.gateway}/v1/batches",
        data="".join(json.dumps(line) + "\n" for line in lines),
        headers={
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/x-ndjson",
            "Idempotency-Key": key or str(uuid4()),
        },
        timeout=60,
    )


def status(box: Sandbox, location: str, token: str) -> dict[str, Any]:
    found: dict[str, Any] = box.send("GET", location, token=token).json()
    return found


def some_lines() -> list[dict[str, Any]]:
    """Persons of their own, but for every tenth line, which repeats one, and every tenth, which has no project."""
    lines = [{"type": "inclusion", "ref": str(n), **an_inclusion(LONG, synthetic_ssin(n))} for n in range(LINES)]
    for number in range(9, LINES, 10):
        lines[number] = {**lines[number - 1], "ref": f"{number} again"}
    for number in range(5, LINES, 10):
        lines[number]["project"] = "demo-unknown"
    return lines


def test_kill_9_in_the_middle_of_a_batch_loses_nothing_and_doubles_nothing(database_url: str, tmp_path: Path) -> None:
    lines = some_lines()
    with sandbox(tmp_path / "sandbox", database_url) as box:
        enter(box)
        token = box.token("provider", nihii=NIHII)
        accepted = post(box, lines, token, "my-batch")
        assert accepted.status_code == 202, accepted.text
        location = accepted.headers["Location"]
        await_that(lambda: status(box, location, token)["accepted"] >= KILLED_AFTER, "some lines are done")
        box.kill()
    with sandbox(tmp_path / "sandbox", database_url, ports=box.ports) as box:
        between = status(box, location, token)
        again = post(box, lines, token, "my-batch")
        await_that(lambda: status(box, location, token)["status"] == "done", "the batch is done")
        after = status(box, location, token)
        results = [json.loads(line) for line in box.send("GET", f"{location}/results", token=token).text.splitlines()]
        box.drain()
        arrived = {one["message_id"] for one in box.ledger()}
        store_url = box.store_url

    made = LINES * 8 // 10
    assert KILLED_AFTER <= between["accepted"] < made
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (after["accepted"], after["duplicate"], after["refused"]) == (made, LINES // 10, LINES // 10)
    assert [one["number"] for one in results] == list(range(1, LINES + 1))
    assert {one["id"] for one in results if "id" in one} == {
        str(r.id) for r in kept_rows(store_url, select(inclusion.c.id))
    }
    assert len(kept_rows(store_url, select(inclusion.c.id))) == made
    assert {str(row.id) for row in kept_rows(store_url, select(outbox.c.id))} == arrived
    done = [
        row
        for row in kept_rows(store_url, select(audit_entry))
        if (row.verb, row.outcome) == ("register_inclusion", "done")
    ]
    assert len(done) == made
    assert Counter(row.sealed_line for row in kept_rows(store_url, select(batch_line.c.sealed_line))) == {None: LINES}
    canaries = {line["ssin"] for line in lines}
    assert [name for name, value in everything(store_url) if any(one in str(value) for one in canaries)] == []


def peak_mib(box: Sandbox) -> float:
    """The most memory that a process of the gateway ever had."""
    pids = [pid for pid in group_of(box.pid) if name_of(pid) == "gateway"]
    peaks = [re.search(r"VmHWM:\s+([0-9]+) kB", Path(f"/proc/{pid}/status").read_text()) for pid in pids]
    return max(int(peak[1]) for peak in peaks if peak) / 1024


def upload(box: Sandbox, token: str, lines: Iterator[bytes], length: int) -> http.client.HTTPResponse | None:
    """The answer to a body of lines, of which as many bytes come as there are; None when it was cut."""
    connection = http.client.HTTPConnection(box.gateway.removeprefix("http://"), timeout=60)
    connection.putrequest("POST", "/v1/batches")
    for name, value in (
        ("Authorization", f"Bearer {token}"),
        ("Content-Type", "application/x-ndjson"),
        ("Content-Length", str(length)),
        ("Idempotency-Key", str(uuid4())),
    ):
        connection.putheader(name, value)
    connection.endheaders()
    sent = 0
    for line in lines:
        connection.send(line)
        sent += len(line)
    answer = connection.getresponse() if sent == length else None
    if answer is not None:
        answer.read()
    connection.close()
    return answer


def test_long_upload_is_taken_in_little_memory_and_a_cut_one_leaves_nothing(tmp_path: Path) -> None:
    line = json.dumps({"type": "inclusion", **an_inclusion(LONG, synthetic_ssin(1))}).encode() + b" " * 4_000 + b"\n"
    count = 12_000

    def lines(so_many: int) -> Iterator[bytes]:
        yield from (line for _ in range(so_many))

    with sandbox(tmp_path / "sandbox") as box:
        enter(box)
        token = box.token("provider", nihii=NIHII)
        assert post(box, [{"type": "wish"}] * 1_000, token).status_code == 202
        before = peak_mib(box)
        taken = upload(box, token, lines(count), count * len(line))
        assert taken is not None
        grown = peak_mib(box) - before
        location = taken.headers["Location"]
        box.send("DELETE", location, token=token)
        upload(box, token, lines(count // 4), count * len(line))
        await_that(lambda: status(box, location, token)["status"] == "cancelled", "the batch is cancelled")
        await_that(lambda: len(kept_rows(box.store_url, select(batch.c.id))) == 2, "the cut upload is dropped")
        states = {row.state for row in kept_rows(box.store_url, select(batch.c.state))}
        counted = status(box, location, token)

    assert count * len(line) > 40 * 2**20
    assert taken.status == 202
    assert grown < 16, f"{grown:.0f} MiB for {count * len(line) / 2**20:.0f} MiB"
    assert "arriving" not in states
    assert counted["lines"] == count
    assert counted["accepted"] + counted["duplicate"] <= count


def run_import(box: Sandbox, file: Path, token: str, folder: Path) -> subprocess.CompletedProcess[str]:
    token_file = folder / "token"
    token_file.write_text(token + "\n", encoding="ascii")
    command = [sys.executable, "-m", "gateway", "import", str(file), "--url", box.gateway]
    return subprocess.run(
        [*command, "--token-file", str(token_file)],
        env=unmeasured(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def imported(box: Sandbox, file: Path, token: str, **asked: Any) -> tuple[bool, str]:
    """Whether every line of a file had its effect, and what was told."""
    told = io.StringIO()
    is_whole = import_file(Import(file, box.gateway, token, **asked), Console(file=told, width=400))
    return is_whole, told.getvalue()


def test_import_goes_on_is_corrected_and_changes_only_what_failed(tmp_path: Path) -> None:
    """A file of Windows-1252 with semicolons, as a spreadsheet saves it; twice, corrected, and whole once more."""
    header = "type;ref;project;ssin;agreement.agreed_on;agreement.informed;agreement.in_target_group"
    rows = [f"inclusion;été {n};{LONG};{synthetic_ssin(n)};2021-09-01;VRAI;VRAI" for n in range(4)]
    wrong = [rows[0], rows[1].replace("2021-09-01", "01/09/2021"), rows[2], rows[3].replace(LONG, "demo-unknown")]
    table, other = tmp_path / "april.csv", tmp_path / "other.txt"
    table.write_bytes("\r\n".join([header, *wrong, ""]).encode("cp1252"))
    results, to_correct = (tmp_path / f"april.csv.{name}.csv" for name in ("results", "to-correct"))
    with sandbox(tmp_path / "sandbox") as box:
        enter(box)
        token = box.token("provider", nihii=NIHII)
        first, again, anew = (imported(box, table, token, is_again=is_again) for is_again in (False, False, True))
        found = list(csv.DictReader(results.read_text(encoding="utf-8-sig").splitlines(), delimiter=";"))
        asked = list(csv.DictReader(to_correct.read_text(encoding="cp1252").splitlines(), delimiter=";"))
        to_correct.write_bytes(
            to_correct.read_bytes().replace(b"01/09/2021", b"2021-09-01").replace(b"demo-unknown", LONG.encode())
        )
        corrected = imported(box, to_correct, token)
        table.write_bytes("\r\n".join([header, *rows, ""]).encode("cp1252"))
        whole = imported(box, table, token)
        atomic = imported(box, table, token, is_atomic=True)
        unknown, nobody = (run_import(box, file, one, tmp_path) for file, one in ((other, token), (table, "x")))
        inclusions, batches = (kept_rows(box.store_url, select(one)) for one in (inclusion.c.id, batch.c.id))

    assert first[1].splitlines()[-3:] == again[1].splitlines()[-3:]
    assert first[0] is False
    assert "4 lines: 2 accepted, 0 duplicate, 2 refused" in first[1]
    assert "4 lines: 0 accepted, 2 duplicate, 2 refused" in anew[1]
    assert [(one["row"], one["outcome"], one["code"]) for one in found] == [
        ("2", "duplicate", ""),
        ("3", "refused", "invalid-request"),
        ("4", "duplicate", ""),
        ("5", "refused", "unknown-project"),
    ]
    assert "2021-09-01" in found[1]["detail"]
    assert [(one["ref"], one["result_code"]) for one in asked] == [
        ("été 1", "invalid-request"),
        ("été 3", "unknown-project"),
    ]
    assert (corrected[0], "2 lines: 2 accepted, 0 duplicate, 0 refused" in corrected[1]) == (True, True)
    assert (whole[0], "4 lines: 0 accepted, 4 duplicate, 0 refused" in whole[1]) == (True, True)
    assert (atomic[0], "4 duplicate, 0 refused, 0 not done" in atomic[1]) == (True, True)
    assert (len(inclusions), len(batches)) == (4, 5)
    assert unknown.returncode == nobody.returncode == 2
    assert unknown.stderr.startswith("chroniccare: ")
    assert "401 invalid-token" in nobody.stderr
