"""Keys rotate while two gateways are used: killed half-way it goes on, and nobody is refused, lost or there twice."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import ColumnElement, Connection, func, select

from gateway.pseudonyms.keyring import Phase, Purpose, read_keyring
from gateway.sandbox.client import Client
from gateway.store.tables import beneficiary, inclusion, vault
from tests.live.catalogue import LONG, NIHII, an_inclusion, enter
from tests.live.register import looking_into, rows
from tests.sandboxes import Sandbox, await_that, live_database, sandbox, synthetic_ssin
from tests.unmeasured import unmeasured

BEFORE = 220
"""People who are there before: three transactions seal them anew, as many as they are rename them."""
SETTLE = 2
"""Seconds until every process has read the ring: they look each second."""
CLIENTS = 2
PAUSE_SECONDS = 0.3
LAST = select(vault.c.pseudonym).order_by(vault.c.bucket.desc(), vault.c.pseudonym.desc()).limit(1).with_for_update()
"""Holds who is sealed anew last."""
FIRST, SECOND = b"\x80\x01", b"\x80\x02"
"""How a seal begins that the first key made, and one of the second."""


@dataclass
class Load:
    """Clients that include people, each of them a second time too, and look for them.

    Shape: `done` are ids by SSIN, `wrong` is what was not expected.
    """

    box: Sandbox
    numbers: Iterator[int] = field(default_factory=count)
    done: dict[str, str] = field(default_factory=dict)
    wrong: list[object] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def include(self, client: Client, token: str, number: int) -> None:
        """Include somebody, try it again under another key, and find them."""
        ssin = synthetic_ssin(number)
        body = an_inclusion(LONG, ssin)
        first = client.send("POST", "/v1/inclusions", body, token=token, key=f"one-{number}")
        again = client.send("POST", "/v1/inclusions", body, token=token, key=f"two-{number}")
        found = client.send("POST", "/v1/inclusions/find", {"project": LONG, "ssin": ssin}, token=token)
        ids = first.body.get("id"), again.body.get("existing"), *(one["id"] for one in found.body.get("items", ()))
        if (first.status, again.status, found.status, len(ids), len({*ids})) != (201, 409, 200, 3, 1):
            self.wrong.append((number, first, again, found))
        self.done[ssin] = str(ids[0])

    def run(self) -> None:
        """Go on until it is told to stop; what was included before is looked for and refused again in between."""
        try:
            token = self.box.token("provider", nihii=NIHII)
            with Client(self.box.gateway, patience=0.0) as client:
                while not self.stop.wait(PAUSE_SECONDS):
                    number = next(self.numbers)
                    self.include(client, token, number)
                    self.include_again(client, token, number % BEFORE)
        except Exception as problem:  # noqa: BLE001 - told by the test
            self.wrong.append(problem)

    def include_again(self, client: Client, token: str, number: int) -> None:
        """Try to include somebody who was there before the rotation."""
        ssin = synthetic_ssin(number)
        again = client.send("POST", "/v1/inclusions", an_inclusion(LONG, ssin), token=token, key=str(uuid4()))
        if (again.status, again.body.get("existing")) != (409, self.done[ssin]):
            self.wrong.append((number, again))


@contextmanager
def under_load(box: Sandbox) -> Iterator[Load]:
    """Clients at work until the block ends, among people who were there before."""
    load = Load(box)
    token = box.token("provider", nihii=NIHII)
    with Client(box.gateway) as client:
        for _ in range(BEFORE):
            body = an_inclusion(LONG, ssin := synthetic_ssin(next(load.numbers)))
            load.done[ssin] = client.send(
                "POST", "/v1/inclusions", body, token=token, key=f"before-{len(load.done)}"
            ).body["id"]
    threads = [threading.Thread(target=load.run) for _ in range(CLIENTS)]
    for one in threads:
        one.start()
    try:
        yield load
    finally:
        load.stop.set()
        for one in threads:
            one.join()


def rotation(box: Sandbox, *asked: str) -> subprocess.Popen[str]:
    """The command, begun."""
    settings = {"CHRONICCARE_DATA_DIR": str(box.data_dir), "CHRONICCARE_DATABASE_URL": box.database_url}
    command = [sys.executable, "-m", "gateway", "keys", "rotate", "--settle", str(SETTLE), *asked]
    output = subprocess.PIPE
    return subprocess.Popen(command, env={**unmeasured(), **settings}, stdout=output, stderr=output, text=True)


def ended(process: subprocess.Popen[str]) -> str:
    """What a command printed that went well."""
    said, errors = process.communicate(timeout=400)
    assert process.returncode == 0, errors
    return said


def killed_when(box: Sandbox, has_begun: Callable[[Connection], bool], *asked: str) -> None:
    """Begin the command, and kill it as soon as its first effect is seen."""
    with rotation(box, *asked) as process, looking_into(box.store_url) as connection:
        try:
            await_that(lambda: has_begun(connection) or process.poll() is not None, "an effect", pause=0.02)
        finally:
            process.kill()  # whatever was seen: it may be waiting for who waits for it here
    assert process.returncode == -signal.SIGKILL


def people(connection: Connection, *conditions: ColumnElement[bool]) -> set[bytes]:
    """The pseudonyms of who is in the vault."""
    found = {bytes(one) for (one,) in connection.execute(select(vault.c.pseudonym).where(*conditions))}
    connection.rollback()
    return found


def sealed_by(mark: bytes) -> ColumnElement[bool]:
    """The condition that a key's mark opens the seal of an identity."""
    return func.substr(vault.c.sealed_ssin, 1, len(mark)) == mark


def test_keys_rotate_under_load_and_go_on_where_they_were_killed(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with live_database(request, "postgresql") as url, sandbox(tmp_path / "s", url, workers=2) as box:
        enter(box)
        with under_load(box) as load, looking_into(box.store_url) as looking:
            before = people(looking)
            with looking_into(box.store_url) as holding:
                holding.execute(LAST)  # so that it cannot have sealed everybody when it is killed
                killed_when(box, lambda c: bool(before & people(c, sealed_by(SECOND))), "--sealing")
            half_sealed = before & people(looking, sealed_by(SECOND))
            ended(rotation(box, "--sealing", "--step", "renew"))
            sealed_before = people(looking, sealed_by(FIRST))
            killed_when(box, lambda c: not before <= people(c), "--pseudonym")
            half_renamed = before - people(looking)
            said = ended(rotation(box, "--pseudonym"))
        box.drain()

        ring = read_keyring(box.data_dir / "keys.json")
        assert load.wrong == []
        assert 0 < len(half_sealed) < len(before)
        assert sealed_before == set()
        assert 0 < len(half_renamed) < len(before)
        assert "announce" not in said
        with looking_into(box.store_url) as looking:
            assert not people(looking) & before
        assert [(key.version, key.phase) for key in ring.versions(Purpose.PSEUDONYM)] == [(2, Phase.USED)]
        assert len(load.done) > BEFORE
        included = select(inclusion.c.id).where(inclusion.c.superseded_at.is_(None))
        assert sorted(str(row[0]) for row in rows(box.store_url, included)) == sorted(load.done.values())
        for table in (beneficiary, vault):
            assert len(rows(box.store_url, select(table.c.pseudonym))) == len(load.done), table.name
