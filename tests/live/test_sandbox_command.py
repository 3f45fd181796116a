"""`chroniccare sandbox`: its ready line, its end, and what is kept from one run to the next."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.sandbox import supervisor
from gateway.sandbox.supervisor import Plan
from gateway.store.tables import outbox
from tests.live.catalogue import LONG, NIHII, an_inclusion, enter
from tests.live.register import rows
from tests.mock.builders import Stand
from tests.sandboxes import Sandbox, await_that, group_of, sandbox, synthetic_ssin
from tests.unmeasured import unmeasured

KEPT = {"checkpoints", "clock", "keys.json", "logs", "mock", "register.sqlite3", "register.sqlite3.writer"}


def end(box: Sandbox, number: signal.Signals, *, of_group: bool = False) -> None:
    """Tell a sandbox to end, as an operator or a terminal would: it does, wholly, and none of its parts is killed."""
    (os.killpg if of_group else os.kill)(box.pid, number)
    status = box.process.wait(60)
    await_that(lambda: group_of(box.pid) == [], "no process of its group is left")

    assert status == 0
    assert "Traceback" not in box.errors
    assert "killed" not in box.errors


def test_data_and_clock_are_kept_and_each_signal_ends_everything(tmp_path: Path) -> None:
    elsewhere, data_dir = tmp_path / "elsewhere", tmp_path / "sandbox"
    elsewhere.mkdir()
    homes = {name: str(elsewhere) for name in ("HOME", "TMPDIR", "XDG_RUNTIME_DIR")}
    with sandbox(data_dir, environment=homes, covered=True) as box:
        assert len(group_of(box.pid)) >= 4
        clock = box.send("GET", "/sandbox/clock").json()
        enter(box)
        box.play("outage")
        box.move_clock("2022-01-10T08:00:00Z")
        provider = box.token("provider", nihii=NIHII)
        made = box.send("POST", "/v1/inclusions", an_inclusion(LONG, synthetic_ssin(0)), token=provider).json()
        path = f"/v1/inclusions/{made['id']}"
        await_that(lambda: "reason" in box.send("GET", path, token=provider).json()["delivery"], "it was tried")
        end(box, signal.SIGTERM)
    with sandbox(data_dir, ports=box.ports, environment=homes, covered=True) as box:
        later = box.send("GET", f"/v1/inclusions/{made['id']}", token=provider).json()
        now = box.send("GET", "/sandbox/clock").json()
        names = {path.name for path in data_dir.iterdir()}
        end(box, signal.SIGINT)

    assert clock == {"now": "2021-08-31T22:00:00Z"}
    assert now == {"now": "2022-01-10T08:00:00Z"}
    assert (later["valid_from"], later["delivery"]["status"], later["delivery"]["reason"]) == (
        "2022-02-01",
        "pending",
        "http-503",
    )
    assert names - {"register.sqlite3-journal"} == KEPT
    assert {path.name for path in (data_dir / "logs").iterdir()} == {"gateway.log", "mock.log", "worker.log"}
    assert {"mock.sqlite3", "signing-key.pem"} <= {path.name for path in (data_dir / "mock").iterdir()}
    assert list(elsewhere.iterdir()) == []
    deliver_by_hand(box, elsewhere)


def deliver_by_hand(box: Sandbox, elsewhere: Path) -> None:
    """`chroniccare deliver --once`, until what the sandbox left behind is sent and answered."""
    stand = Stand(box.data_dir / "mock", elsewhere)
    stand.start()
    stand.play("accept")
    environment = {**Plan(box.data_dir).environment(), "CHRONICCARE_MYCARENET_URL": stand.url}
    states = ["pending"]
    deadline = time.monotonic() + 60
    while states in (["pending"], ["sent"]):
        assert time.monotonic() < deadline
        command = [sys.executable, "-m", "gateway", "deliver", "--once"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        states = [row.state for row in rows(box.store_url, select(outbox.c.state))]
    arrived = [one["message_id"] for one in stand.get("/ledger")["items"]]
    stand.stop(signal.SIGTERM)

    assert states == ["accepted"]
    assert arrived == [str(row.id) for row in rows(box.store_url, select(outbox.c.id))]


def test_ctrl_c_in_the_middle_of_the_sample_ends_everything_at_once(tmp_path: Path) -> None:
    with sandbox(tmp_path / "sandbox", empty=False, covered=True) as box:
        time.sleep(2)

        end(box, signal.SIGINT, of_group=True)


def test_a_part_that_does_not_end_is_killed_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(supervisor, "STOP_SECONDS", 0.2)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", deaf], env=unmeasured(), stdout=subprocess.PIPE) as stubborn:
        assert stubborn.stdout is not None
        stubborn.stdout.readline()
        supervisor._stop({"worker": stubborn})

    assert stubborn.returncode == -signal.SIGKILL
    assert capsys.readouterr().err == "worker did not end within 0 seconds and was killed\n"
