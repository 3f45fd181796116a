"""Several workers as processes of their own on one register: nothing twice, in order, and one of them killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from sqlalchemy import select
from werkzeug.serving import WSGIRequestHandler, make_server

from gateway.domain.identity import Ssin
from gateway.pseudonyms.keyring import Keyring, write_keyring
from gateway.services.context import Context
from gateway.store.tables import outbox
from mock_mycarenet.app import create_app
from tests.builders import day
from tests.conftest import LegalClock
from tests.live.register import rows
from tests.sandboxes import await_that, synthetic_ssin
from tests.services.desk import Desk
from tests.store.seeds import seeded
from tests.unmeasured import unmeasured

PERSONS = 8
LEASE_SECONDS = 2


class Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Say nothing of each request."""


@dataclass
class Tap:
    """The stand-in behind a slow line, which can hold one message until it is told to let it go."""

    app: Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]
    holds: threading.Event = field(default_factory=threading.Event)
    goes_on: threading.Event = field(default_factory=threading.Event)

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/messages":
            time.sleep(0.02)
            if self.holds.is_set():
                self.holds.clear()
                self.goes_on.wait(60)
        return self.app(environ, start)


@dataclass
class Stage:
    """A register, the stand-in, and the settings of workers."""

    desk: Desk
    tap: Tap
    environment: dict[str, str]
    ledger: Callable[[], list[str]]

    @contextmanager
    def workers(self, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
        command = [sys.executable, "-m", "gateway", "deliver"]
        started = [subprocess.Popen(command, env=self.environment, stderr=subprocess.DEVNULL) for _ in range(count)]
        try:
            yield started
            for one in started:
                if one.poll() is None:
                    one.send_signal(signal.SIGTERM)
            assert {one.wait(10) for one in started} <= {0, -signal.SIGKILL}
        finally:
            for one in started:
                one.kill()
                one.wait(10)

    def states(self) -> set[str]:
        return {row.state for row in rows(self.desk.database_url, select(outbox.c.state))}

    def include(self, number: int) -> UUID:
        return self.desk.include(ssin=Ssin(synthetic_ssin(number))).known.inclusion.id

    def register(self) -> None:
        """An inclusion, two actions and an exit for everybody."""
        included = [self.include(number) for number in range(PERSONS)]
        self.desk.at("2022-03-01T08:00+01:00")
        for on in ("2022-02-14", "2022-02-15"):
            for number in range(PERSONS):
                self.desk.act(performed_on=day(on), ssin=Ssin(synthetic_ssin(number)))
        for one in included:
            self.desk.exit(one)


@pytest.fixture
def stage(
    context: Context, legal_clock: LegalClock, database_url: str, keyring: Keyring, tmp_path: Path
) -> Iterator[Stage]:
    seeded(context.store)
    write_keyring(keyring, tmp_path / "data" / "keys.json")
    app = create_app(tmp_path / "mock", "http://127.0.0.1:9")
    tap = Tap(app)
    server = make_server("127.0.0.1", 0, tap, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {
        **{name: value for name, value in unmeasured().items() if not name.startswith("CHRONICCARE_")},
        "CHRONICCARE_DATA_DIR": str(tmp_path / "data"),
        "CHRONICCARE_DATABASE_URL": database_url,
        "CHRONICCARE_MYCARENET_URL": f"http://127.0.0.1:{server.server_port}",
        "CHRONICCARE_LEASE_SECONDS": str(LEASE_SECONDS),
        "CHRONICCARE_BACKOFF_SECONDS": "1",
    }
    client = app.test_client()

    def ledger() -> list[str]:
        return [one["message_id"] for one in client.get("/ledger").get_json()["items"]]

    yield Stage(Desk(context, legal_clock, database_url), tap, environment, ledger)
    tap.goes_on.set()
    server.shutdown()
    server.server_close()


def test_two_workers_send_nothing_twice_and_one_that_is_killed_is_taken_over(stage: Stage) -> None:
    with stage.workers(2) as (first, second):
        stage.register()
        await_that(lambda: stage.states() == {"accepted"}, "everything is accepted")
        once = stage.ledger()
        second.send_signal(signal.SIGSTOP)
        stage.tap.holds.set()
        stage.include(PERSONS)
        held = _held(stage)
        first.kill()
        killed_at = time.monotonic()
        second.send_signal(signal.SIGCONT)
        await_that(lambda: stage.states() == {"accepted"}, "the other one takes over", 30)
        took = time.monotonic() - killed_at

    sequences = {
        str(row.id): (row.pseudonym, row.sequence)
        for row in rows(stage.desk.database_url, select(outbox.c.id, outbox.c.pseudonym, outbox.c.sequence))
    }
    persons: dict[bytes, list[int]] = {}
    for message_id in once:
        person, sequence = sequences[message_id]
        persons.setdefault(person, []).append(sequence)
    assert list(persons.values()) == [[1, 2, 3, 4]] * PERSONS
    assert set(stage.ledger()) - set(once) == {held}
    assert took < LEASE_SECONDS + 8


def _held(stage: Stage) -> str:
    """The message that one of the workers is sending, on the line that holds it."""
    query = select(outbox.c.id).where(outbox.c.leased_until.is_not(None), outbox.c.state == "pending")
    await_that(lambda: not stage.tap.holds.is_set() and len(rows(stage.desk.database_url, query)) == 1, "one is held")
    return str(rows(stage.desk.database_url, query)[0].id)
