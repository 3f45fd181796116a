"""`chroniccare serve` with several workers: metrics of all together, traces of each, a log that is JSON throughout."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from gateway.pseudonyms.keyring import Keyring, write_keyring
from gateway.store.migrate import migrate
from tests.postgres import free_port
from tests.receiver import a_receiver
from tests.sandboxes import await_that


@contextmanager
def served(data_dir: Path, log: Path, otlp_endpoint: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A gateway with two workers on a data directory; its address and its process."""
    port = free_port()
    environment = {
        **os.environ,
        "TMPDIR": str(data_dir),
        "CHRONICCARE_DATA_DIR": str(data_dir),
        "CHRONICCARE_ISSUER": "http://127.0.0.1:9",
        "CHRONICCARE_FREE_MIB": "0",
        "CHRONICCARE_OTLP_ENDPOINT": otlp_endpoint,
    }
    command = [sys.executable, "-m", "gateway", "serve", "--port", str(port), "--workers", "2"]
    with log.open("wb") as out, subprocess.Popen(command, env=environment, stderr=out) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            await_that(lambda: answers(url), "the gateway answers")
            yield url, process
        finally:
            process.terminate()


def answers(url: str) -> bool:
    with suppress(requests.ConnectionError):
        return requests.get(f"{url}/ready", timeout=20).status_code == 200
    return False


def counted(url: str) -> float:
    """How many 404s the gateway has counted."""
    text = requests.get(f"{url}/metrics", timeout=20).text
    lines = [line for line in text.splitlines() if line.startswith('chroniccare_problems_total{code="not-found"}')]
    return float(lines[0].rsplit(" ", 1)[1]) if lines else 0.0


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def test_two_workers_count_and_trace_also_after_one_was_killed(tmp_path: Path, keyring: Keyring) -> None:
    migrate(f"sqlite:///{tmp_path}/register.sqlite3")
    write_keyring(keyring, tmp_path / "keys.json")
    log = tmp_path / "log"

    with a_receiver() as receiver, served(tmp_path, log, receiver.url) as (url, process):
        for _ in range(20):
            requests.get(f"{url}/nowhere", timeout=20)
        before = counted(url)
        os.kill(children(process.pid)[0], signal.SIGKILL)
        requests.get(f"{url}/nowhere", timeout=20)
        assert answers(url)  # what the killed one had not sent yet of its spans is lost
        after = counted(url)
        while_running = list(tmp_path.glob("chroniccare-metrics-*"))
        last = requests.get(f"{url}/live", timeout=20).headers["X-Request-ID"]
        process.terminate()
        process.wait(20)

    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert (before, after) == (20, 21)
    assert len(while_running) == 1
    assert list(tmp_path.glob("chroniccare-metrics-*")) == []
    assert {line["event"] for line in lines} == {"answered", "server"}
    assert all(line["request_id"] for line in lines if line["event"] == "answered")
    spans = receiver.spans()
    assert last in {span.facts["chroniccare.request_id"] for span in spans}  # the last ones are sent at the end
    assert {span.name for span in spans} == {"GET /live", "GET /ready", "GET /metrics", "unknown"}
