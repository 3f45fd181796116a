"""A gateway in this process, on both stores, with an issuer of its own and a catalogue seeded through the API."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from gateway.pseudonyms.veil import Veil
from tests.databases import Databases, named, run
from tests.http.issuer import Issuer, an_issuer
from tests.http.wire import Gateway, a_gateway, seed

STORES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    """An issuer over real HTTP."""
    with an_issuer() as opened:
        yield opened


@pytest.fixture(autouse=True)
def serving_its_own_keys(issuer: Issuer) -> None:
    """Whatever a test made the issuer serve, the next one starts with its own keys."""
    issuer.answers.clear()
    issuer.serve_own_keys()
    issuer.asked.clear()


@pytest.fixture(scope="session")
def seeded_sqlite(sqlite_template: Path, veil: Veil, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the catalogue, to copy."""
    home = tmp_path_factory.mktemp("seeded")
    path = home / "register.sqlite3"
    shutil.copy(sqlite_template, path)
    with a_gateway(f"sqlite:///{path}", veil, issuer, home / "clock") as gateway:
        seed(gateway)
    return path


@pytest.fixture(scope="session")
def seeded_postgresql(
    postgres_url: str, veil: Veil, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, str]:
    """A PostgreSQL database with the catalogue, to copy: the server, and its name."""
    name = f"seeded_{uuid4().hex[:8]}"
    run(postgres_url, f"CREATE DATABASE {name} TEMPLATE migrated")
    clock = tmp_path_factory.mktemp("seeded") / "clock"
    with a_gateway(named(postgres_url, name), veil, issuer, clock) as gateway:
        seed(gateway)
    return postgres_url, name


@contextmanager
def _copy(kind: str, request: pytest.FixtureRequest, home: Path) -> Iterator[str]:
    if kind == "sqlite":
        path = home / "register.sqlite3"
        shutil.copy(request.getfixturevalue("seeded_sqlite"), path)
        yield f"sqlite:///{path}"
        return
    databases: Databases = request.getfixturevalue("databases")
    _, template = request.getfixturevalue("seeded_postgresql")
    with databases.lent(template) as url:
        yield url


@pytest.fixture(params=STORES)
def gateway(request: pytest.FixtureRequest, tmp_path: Path, veil: Veil, issuer: Issuer) -> Iterator[Gateway]:
    """A gateway on a fresh seeded register; the test runs once on each engine."""
    with _copy(request.param, request, tmp_path) as url, a_gateway(url, veil, issuer, tmp_path / "clock") as opened:
        yield opened


@pytest.fixture
def light_gateway(request: pytest.FixtureRequest, tmp_path: Path, veil: Veil, issuer: Issuer) -> Iterator[Gateway]:
    """The same on SQLite alone."""
    with _copy("sqlite", request, tmp_path) as url, a_gateway(url, veil, issuer, tmp_path / "clock") as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, veil: Veil, issuer: Issuer
) -> Iterator[Gateway]:
    """One gateway on SQLite for all tests of a module: for those that only look, or are refused."""
    home = tmp_path_factory.mktemp("shared")
    with _copy("sqlite", request, home) as url, a_gateway(url, veil, issuer, home / "clock") as opened:
        yield opened
