"""Backup and restore, on both stores: whole or refused, and an old one after a replay of all clients (G17)."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import select, update

from gateway.clock import real_now
from gateway.domain.delivery import State
from gateway.pseudonyms.veil import Veil
from gateway.store.backup import MANIFEST, Manifest, back_up, read_manifest, restore
from gateway.store.copying import BackupFailed
from gateway.store.tables import outbox
from tests.http.conftest import gateway, issuer, light_gateway, seeded_postgresql, seeded_sqlite, serving_its_own_keys
from tests.http.issuer import Issuer
from tests.http.wire import Gateway, a_gateway, an_action_request, an_inclusion_request
from tests.live.register import looking_into
from tests.postgres import client_program
from tests.sandboxes import synthetic_ssin

__all__ = ["gateway", "issuer", "light_gateway", "seeded_postgresql", "seeded_sqlite", "serving_its_own_keys"]


@pytest.fixture(autouse=True)
def clients_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's clients of the server's own version, before any other."""
    monkeypatch.setenv("PATH", f"{client_program('pg_dump').parent}:{os.environ['PATH']}")


@pytest.fixture
def empty_url(gateway: Gateway, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database of the gateway's engine."""
    if gateway.database_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path}/restored/register.sqlite3"
        return
    server, name = gateway.database_url.rsplit("/", 1)[0], f"restored_{uuid4().hex[:8]}"
    with psycopg.connect(f"{server.replace('+psycopg', '')}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield f"{server}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


Request = tuple[str, str, dict[str, object]]
"""What a client sent: under which key, where, and what."""


def requests(first: int, last: int) -> list[Request]:
    """What clients send for some people: each is included, and something is done for them."""
    return [
        request
        for number in range(first, last)
        for ssin in [synthetic_ssin(number)]
        for request in [
            (f"include-{number}", "/v1/inclusions", an_inclusion_request(ssin=ssin)),
            (f"act-{number}", "/v1/actions", an_action_request(ssin=ssin)),
        ]
    ]


def play(gateway: Gateway, sent: list[Request]) -> list[tuple[int, bool]]:
    """Status of each answer, and whether it was the first one again."""
    answers = []
    for key, path, body in sent:
        gateway.at("2022-01-15T09:00:00+00:00" if path == "/v1/inclusions" else "2022-03-01T09:00:00+00:00")
        answer = gateway.send("POST", path, body, role="provider", key=key)
        answers.append((answer.status_code, "Idempotent-Replayed" in answer.headers))
    return answers


def test_old_backup_and_a_replay_of_all_clients_give_one_effect_each(
    gateway: Gateway, empty_url: str, veil: Veil, issuer: Issuer, tmp_path: Path
) -> None:
    early, late = requests(0, 3), requests(3, 5)
    assert {status for status, _ in play(gateway, early)} == {201}
    made = back_up(gateway.database_url, tmp_path / "backup", real_now())
    assert {status for status, _ in play(gateway, late)} == {201}

    put_back = restore(empty_url, tmp_path / "backup")

    assert put_back == made
    with a_gateway(empty_url, veil, issuer, tmp_path / "clock") as restored:
        before = restored.counts()
        assert play(restored, early + late) == [(201, True)] * 6 + [(201, False)] * 4
        after, there = restored.counts(), gateway.counts()
    assert before["inclusion"] == before["action"] == 3
    for table in ("inclusion", "action", "outbox", "vault", "beneficiary", "idempotency"):
        assert after[table] == there[table]


def test_restore_lets_what_waits_for_an_answer_be_sent_again(gateway: Gateway, empty_url: str, tmp_path: Path) -> None:
    play(gateway, requests(0, 2))
    states = [State.SENT, State.ACCEPTED, State.REJECTED, State.FAILED]
    with looking_into(gateway.database_url) as connection:
        for id, state in zip(connection.execute(select(outbox.c.id)).scalars().all(), states, strict=True):
            connection.execute(update(outbox).where(outbox.c.id == id).values(state=state.value))
        connection.commit()
    back_up(gateway.database_url, tmp_path / "backup", real_now())

    restore(empty_url, tmp_path / "backup")

    with looking_into(empty_url) as connection:
        left = connection.execute(select(outbox.c.state)).scalars().all()
    assert sorted(left) == ["accepted", "failed", "pending", "rejected"]


def test_backup_is_whole_readable_by_its_owner_alone_and_without_keys(gateway: Gateway, tmp_path: Path) -> None:
    folder = tmp_path / "backup"

    made = back_up(gateway.database_url, folder, real_now())

    assert {path.name: path.stat().st_mode & 0o77 for path in folder.iterdir()} == {made.file: 0, MANIFEST: 0o44}
    assert read_manifest(folder) == made
    assert made.schema >= "0003"


def test_restore_never_overwrites(gateway: Gateway, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    back_up(gateway.database_url, folder, real_now())
    before = gateway.counts()

    with pytest.raises(BackupFailed, match="never overwritten"):
        restore(gateway.database_url, folder)
    with pytest.raises(BackupFailed, match="is not empty"):
        back_up(gateway.database_url, folder, real_now())

    assert gateway.counts() == before


def test_damaged_backup_is_refused_and_leaves_the_target_empty(
    gateway: Gateway, empty_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    made = back_up(gateway.database_url, folder, real_now())
    content = bytearray((folder / made.file).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / made.file).write_bytes(content)

    with pytest.raises(BackupFailed, match="is damaged"):
        restore(empty_url, folder)

    if empty_url.startswith("sqlite"):
        assert not Path(empty_url.removeprefix("sqlite:///")).exists()
        return
    with psycopg.connect(empty_url.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def manifest_of(folder: Path) -> dict[str, object]:
    return dict(json.loads((folder / MANIFEST).read_text(encoding="ascii")))


def test_file_that_is_no_store_is_not_put_back_although_its_manifest_says_so(
    light_gateway: Gateway, tmp_path: Path
) -> None:
    folder, target = tmp_path / "backup", tmp_path / "elsewhere" / "register.sqlite3"
    made = back_up(light_gateway.database_url, folder, real_now())
    content = b"this is no database " * 1000
    (folder / made.file).write_bytes(content)
    claimed = {"bytes": len(content), "sha256": sha256(content).hexdigest()}
    (folder / MANIFEST).write_text(json.dumps({**manifest_of(folder), **claimed}), encoding="ascii")

    with pytest.raises(BackupFailed, match="SQLite finds no whole store in it"):
        restore(f"sqlite:///{target}", folder)

    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("changed", [{"format": "other"}, {"file": "../keys.json"}, {"more": 1}])
def test_folder_that_holds_no_backup_of_ours_is_refused(
    light_gateway: Gateway, tmp_path: Path, changed: dict[str, object]
) -> None:
    folder = tmp_path / "backup"
    back_up(light_gateway.database_url, folder, real_now())
    (folder / MANIFEST).write_text(json.dumps({**manifest_of(folder), **changed}), encoding="ascii")

    with pytest.raises(BackupFailed, match="holds no"):
        read_manifest(folder)


def test_backup_of_another_engine_is_refused(light_gateway: Gateway, tmp_path: Path) -> None:
    back_up(light_gateway.database_url, tmp_path / "backup", real_now())

    with pytest.raises(BackupFailed, match="the backup is of sqlite"):
        restore("postgresql+psycopg://127.0.0.1:9/elsewhere", tmp_path / "backup")


def test_file_that_is_no_register_is_not_backed_up(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.sqlite3")) as other:
        other.execute("CREATE TABLE other (x)")

    with pytest.raises(BackupFailed, match="cannot be copied"):
        back_up(f"sqlite:///{tmp_path}/other.sqlite3", tmp_path / "backup", real_now())
    with pytest.raises(BackupFailed, match="holds no whole backup"):
        read_manifest(tmp_path / "backup")


def test_without_its_client_a_database_is_not_dumped(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if gateway.database_url.startswith("sqlite"):
        assert isinstance(back_up(gateway.database_url, tmp_path / "backup", real_now()), Manifest)
        return

    with pytest.raises(BackupFailed, match="pg_dump is not on PATH"):
        back_up(gateway.database_url, tmp_path / "backup", real_now())
