"""A disk that is full: 503 and no effect, figures and catalogue still given, and well again without a restart (G12)."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import event
from werkzeug.test import TestResponse

from gateway.http import watch as watching
from gateway.pseudonyms.veil import Veil
from tests.builders import PROJECT
from tests.faults.disk import small_disk
from tests.http.conftest import issuer, seeded_postgresql, seeded_sqlite, serving_its_own_keys
from tests.http.issuer import Issuer
from tests.http.test_bodies import assert_problem
from tests.http.wire import Gateway, a_gateway, an_inclusion_request
from tests.sandboxes import synthetic_ssin

__all__ = ["issuer", "seeded_postgresql", "seeded_sqlite", "serving_its_own_keys"]

MOST_INCLUSIONS = 3000


@dataclass(frozen=True)
class Disk:
    """A gateway on a disk that can be filled, and room made on it."""

    gateway: Gateway
    fill: Callable[[], None]
    make_room: Callable[[], None]


@contextmanager
def mounted_disk() -> Iterator[Path]:
    """A file system of 48 MiB in memory, which root alone can mount."""
    with small_disk(48) as folder:
        if folder is None:
            pytest.skip("no small disk can be mounted here, so none was filled; SQLite's own limit of pages was")
        yield folder


def filling(folder: Path) -> tuple[Callable[[], None], Callable[[], None]]:
    """How to take all the room on a disk, and how to give it back."""
    filler = folder / "filler"

    def fill() -> None:
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return

    return fill, filler.unlink


@pytest.fixture(params=["sqlite", "sqlite by its pages", "postgresql"])
def disk(request: pytest.FixtureRequest, tmp_path: Path, veil: Veil, issuer: Issuer) -> Iterator[Disk]:
    """The same for a SQLite file, for one that may take no more pages, and for a PostgreSQL database."""
    if request.param == "sqlite by its pages":
        path = shutil.copy(request.getfixturevalue("seeded_sqlite"), tmp_path / "register.sqlite3")
        with a_gateway(f"sqlite:///{path}", veil, issuer, tmp_path / "clock") as gateway:
            yield Disk(gateway, lambda: limit_pages(gateway, 1), lambda: limit_pages(gateway, 2**30))
        return
    with mounted_disk() as folder:
        fill, make_room = filling(folder)
        if request.param == "sqlite":
            path = shutil.copy(request.getfixturevalue("seeded_sqlite"), folder / "register.sqlite3")
            with a_gateway(f"sqlite:///{path}", veil, issuer, tmp_path / "clock") as gateway:
                yield Disk(gateway, fill, make_room)
            return
        server, template = request.getfixturevalue("seeded_postgresql")
        with database_on(server, template, folder) as url, a_gateway(url, veil, issuer, tmp_path / "clock") as gateway:
            yield Disk(gateway, fill, make_room)


def limit_pages(gateway: Gateway, count: int) -> None:
    """Let SQLite's file take no more than so many pages, or as many as it has."""
    store = gateway.context.store
    store._engine.dispose()
    event.listen(store._engine, "connect", lambda one, _: one.execute(f"PRAGMA max_page_count = {count}"))


@contextmanager
def database_on(server: str, template: str, folder: Path) -> Iterator[str]:
    """A copy of a database whose tables lie on a disk of their own; the journal does not."""
    name, place = f"full_{uuid4().hex[:8]}", folder / "tables"
    place.mkdir()
    owner = pwd.getpwnam("nobody")
    os.chown(place, owner.pw_uid, owner.pw_gid)
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE TABLESPACE {name} LOCATION '{place}'".encode())
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} TABLESPACE {name}".encode())
        yield server.rsplit("/", 1)[0] + f"/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
        connection.execute(f"DROP TABLESPACE {name}".encode())


def test_full_disk_refuses_writes_without_effect_and_goes_on_giving_figures(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "FRESH_SECONDS", 0.0)
    gateway = disk.gateway
    made = gateway.include()
    gateway.at("2022-03-01T09:00:00+00:00").act()
    gateway.at("2022-04-10T09:00:00+00:00")
    assert gateway.send("POST", "/sandbox/release", {"month": "2022-02"}).status_code == 200
    question = f"/v1/aggregates?by=month&project={PROJECT}&from=2022-02&to=2022-02"
    figures = gateway.send("GET", question, role="coordinator")

    disk.fill()
    ssin, key = until_refused(gateway)

    before = gateway.counts()
    refused = include(gateway, ssin, key)
    assert_problem(refused, 503, "store-unavailable")
    assert refused.headers["Retry-After"] == "5"
    assert gateway.counts() == before
    assert gateway.send("GET", question, role="coordinator").data == figures.data
    assert gateway.send("GET", "/v1/projects", role="provider").status_code == 200
    assert gateway.send("GET", "/live").status_code == 200

    disk.make_room()

    assert include(gateway, ssin, key).status_code == 201
    assert gateway.counts()["inclusion"] == before["inclusion"] + 1
    assert gateway.send("GET", f"/v1/inclusions/{made['id']}", role="provider").status_code == 200
    assert gateway.send("GET", "/ready").status_code == 200


def until_refused(gateway: Gateway) -> tuple[str, str]:
    """Include people as long as there is room; the SSIN and the key of the first who found none."""
    for number in range(MOST_INCLUSIONS):
        ssin, key = synthetic_ssin(number), str(uuid4())
        answer = include(gateway, ssin, key)
        if answer.status_code != 201:
            assert_problem(answer, 503, "store-unavailable")
            return ssin, key
    raise AssertionError("the disk is not full")


def include(gateway: Gateway, ssin: str, key: str) -> TestResponse:
    return gateway.send("POST", "/v1/inclusions", an_inclusion_request(ssin=ssin), role="provider", key=key)
