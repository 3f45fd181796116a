"""What `make bench` is made of: the gateway's own SQL for pgbench, the load, and what the page says of figures."""

from __future__ import annotations

import doctest
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest

from bench.speed import load, page, profile
from bench.speed.bulk import FIGURES
from bench.speed.load import drive, drive_open, request
from bench.speed.profile import Profile
from bench.speed.replay import Statement, registrations, script
from bench.speed.rounds import EMBEDDED, LIMIT, OURS, PEERS, Found, Sample
from gateway.clock import real_now

INSERT = "INSERT INTO inclusion (bucket, id, pseudonym, at, said) VALUES ($1, $2, $3, $4, $5)"


def a_registration(number: int) -> list[Statement]:
    """A transaction as the server logs it; `number` makes it another person's."""
    pseudonym, now = f"'\\x{number:064x}abcd'", (real_now() + timedelta(seconds=number)).isoformat(" ", "microseconds")
    given = {
        1: f"'{number}'",
        2: f"'00000000-0000-8000-8000-{number:012}'",
        3: pseudonym,
        4: f"'{now}'",
        5: "'{\"it\": 1}'",
    }
    vault = Statement("INSERT INTO vault (pseudonym) VALUES ($1)", {1: pseudonym})
    return [Statement("BEGIN", {}), Statement(INSERT, given), vault, Statement("COMMIT", {})]


def a_line(pid: int, statement: Statement) -> str:
    """A line of the server's log."""
    detail = ", ".join(f"${number} = {literal}" for number, literal in statement.given.items())
    kind = "execute _pg3_1" if statement.given else "statement"
    return json.dumps({"pid": pid, "message": f"{kind}: {statement.text}", "detail": f"Parameters: {detail}"}) + "\n"


def test_registrations_are_found_in_the_log_among_the_work_of_other_sessions(tmp_path: Path) -> None:
    other = [Statement("BEGIN", {}), Statement("SELECT 1", {}), Statement("COMMIT", {})]
    ours = a_registration(7)
    mixed = zip(ours, [*other, Statement("SELECT 2", {})], strict=True)
    log = tmp_path / "log.json"
    log.write_text("".join(a_line(1, one) + a_line(2, its_other) for one, its_other in mixed), encoding="utf-8")

    found = registrations(log)

    assert found == [ours]


def test_what_differs_between_registrations_is_made_anew_and_the_same_wherever_it_stands() -> None:
    lines = script(a_registration(7), a_registration(8), in_one_trip=False).splitlines()

    inclusion = next(line for line in lines if line.startswith("INSERT INTO inclusion"))
    vault = next(line for line in lines if line.startswith("INSERT INTO vault"))
    pseudonym = vault.split("VALUES (", 1)[1].removesuffix(");")
    assert pseudonym == r"(substr(sha256(int8send(:v3)), 1, 32) || '\xabcd'::bytea)"
    assert pseudonym in inclusion
    assert "VALUES (:v1, encode(int8send(:instant) || int8send(:v2), 'hex')::uuid, " in inclusion
    assert inclusion.endswith(r"""now(), E'{"it"\x3a 1}');""")
    assert lines[:2] == [r"\set instant :instant + 65536", r"\set v1 random(0, 4095)"]
    assert lines[-1] == "COMMIT;"


def test_one_round_trip_is_a_pipeline_around_the_same_statements() -> None:
    by_itself = script(a_registration(7), a_registration(8), in_one_trip=False).splitlines()
    one_trip = script(a_registration(7), a_registration(8), in_one_trip=True).splitlines()

    assert [line for line in one_trip if not line.endswith("pipeline")] == by_itself
    assert one_trip[-1] == r"\endpipeline"
    assert one_trip[one_trip.index("BEGIN;") - 1] == r"\startpipeline"


def test_registrations_of_different_statements_make_no_script() -> None:
    with pytest.raises(ValueError, match="different statements"):
        script(a_registration(7), a_registration(8)[1:], in_one_trip=True)


@contextmanager
def a_server(statuses: Iterator[int], first_takes: float = 0.0, *, closes: bool = False) -> Iterator[int]:
    """A server that answers with one status after another; its port.

    Shape: the first answer takes its time; one that `closes` ends each connection after its answer without a word.
    """
    waits = iter([first_takes])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            time.sleep(next(waits, 0.0))
            self.close_connection = closes
            self.send_response(next(statuses))
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_load_times_what_was_hoped_for_and_counts_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "WARM_SECONDS", 0.05)
    statuses = iter([200, 503] * 100_000)

    with a_server(statuses) as port:
        drove = drive(port, 2, 0.2, repeat(request("GET", "/", port, {})), 200)

    assert 0 < len(drove.latencies) == drove.statuses[200]
    assert drove.statuses[503] > 0
    assert sum(drove.all_statuses.values()) > sum(drove.statuses.values())
    assert list(drove.latencies) == sorted(drove.latencies)
    assert drove.latencies[0] > 0
    assert 0 < drove.load <= 1


def test_a_load_at_a_rate_counts_from_the_moment_at_which_a_request_is_due() -> None:
    with a_server(iter([200] * 9 + [503]), first_takes=0.4) as port:
        drove = drive_open(port, 1, 100, 0.1, repeat(request("GET", "/", port, {})), 200)

    assert drove.statuses == {200: 9, 503: 1}
    assert len(drove.latencies) == 9
    assert drove.latencies[0] > 0.4 - 9 / 100
    assert drove.latencies[-1] > 0.4


def test_a_load_at_a_rate_goes_on_where_the_server_closes_connections() -> None:
    with a_server(repeat(200), closes=True) as port:
        drove = drive_open(port, 2, 200, 0.2, repeat(request("GET", "/", port, {})), 200)

    assert drove.statuses == {200: 40}


def a_sample(per_second: float, p50: float, memory: float = 50.0) -> Sample:
    return Sample(per_second, p50, p50 * 2, p50 * 3, own_cpu=1, store_cpu=1, load=0.1, memory=memory, refused=0)


def a_finding(ours: list[float]) -> Found:
    """Three rounds, in which the machine was fast, half as fast, and fast again."""
    drift = [1.0, 0.5, 1.0]
    limits = {f"{LIMIT}, {n}": [a_sample(1000 * it, 1 / it) for it in drift] for n in (1, 16, 64)}
    gateways = {f"{OURS}, {n}": [a_sample(one, 1000 / one) for one in ours] for n in (1, 64)}
    peers = {f"{title}, 64": [a_sample(100 * it, 10 / it) for it in drift] for title in PEERS.values()}
    embedded = {f"{EMBEDDED}, 16": [a_sample(299, 4)] * 3}
    figures = {name: [2.0, 1.0, 3.0] for name in FIGURES} | {"batch lines of COPY": [4.0, 1.0, 4.0]}
    figures |= {"import": [0.9] * 3, "ready": [1.5, 2.5, 1.8], "load average": [99.0] * 3, "extract records": [900] * 3}
    return Found({**limits, **gateways, **peers, **embedded}, figures, 12_345, "18.1")


def test_an_aim_is_judged_by_the_median_of_ratios_within_rounds() -> None:
    rows = [aim.row() for aim in page.aims(a_finding([600, 300, 450]))]

    assert rows[0] == "| S1 | registrations, by pgbench-16 | >= 0.5 | 0.60 (0.45 .. 0.60) | yes |"
    assert rows[2] == "| S2 | registrations, by FastAPI's | >= 6 | 6.00 (4.50 .. 6.00) | yes |"
    assert rows[3] == "| S2 | registrations, by Django REST framework's | >= 10 | 6.00 (4.50 .. 6.00) | no |"
    assert rows[5] == "| S4 | lines of a batch, by COPY of all their rows | >= 0.5 | 0.750 (0.500 .. 1.000) | yes |"
    assert rows[10] == "| S9 | registrations a second on SQLite, 16 connections | >= 300 | 299 (299 .. 299) | no |"
    assert rows[11] == "| S10 | start to ready, s | <= 2 | 1.80 (1.50 .. 2.50) | yes |"


def test_the_page_tells_machine_versions_load_and_what_is_not_measured() -> None:
    shares = (("psycopg", 0.6), ("flask", 0.395), ("json", 0.005))
    written = page.page(a_finding([600, 300, 450]), 3, 4.0, 10_000, Profile(500, 2000.0, shares))

    assert "medians of 3 rounds of 4 seconds each" in written
    assert "PostgreSQL 18.1 (fsync on, synchronous_commit on" in written
    assert "exactly the 12,345\nregistrations" in written
    assert "a batch of 10,000 lines" in written
    assert "**The machine was busy**" in written
    assert "| psycopg | 60% | 1200 |\n| flask | 40% | 790 |\n| all others | 1% | 10 |\n" in written
    assert "(S8)" in written
    assert f"| {OURS}, 64 | 450 (300 .. 600) | 2.2 | 4.4 | 6.7 | 1 | 1 | 50 | 10% | 0 |" in written


def test_examples_in_the_bench_hold() -> None:
    assert [doctest.testmod(one) for one in (load, page, profile)] == [(0, 3), (0, 1), (0, 2)]
