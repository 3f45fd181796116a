"""Fixtures shared by all kinds of test: both stores, one key ring, clocks that are moved by hand."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from coverage import Coverage
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from gateway.clock import real_now
from gateway.pseudonyms.keyring import Keyring, new_keys
from gateway.pseudonyms.veil import Veil, veil_of
from gateway.services.context import Context
from gateway.store.migrate import migrate
from gateway.store.transaction import Store
from tests.citus import Cluster
from tests.compiled import share
from tests.databases import Databases, named, run
from tests.places import Listener
from tests.postgres import postgres
from tests.store.seeds import seed

STORES = ("sqlite", "postgresql")
LIVE = ("live", "journeys", "openapi", "privacy")
REPETITIVE = ("differential", "attacks")
OUTSIDE = ("live", "privacy", "faults")
"""Folders whose tests speak to processes of their own: what runs in this one is a client."""
LONG = (*LIVE, "attacks", "faults")
EVERY_CASE, FOLLOWED_CASES = ("domain", "rules"), 4
"""Folders whose tests are followed in each of their cases; elsewhere so many are in each process."""
WITH_CATALOGUE = {"desk", "register"}
"""The fixtures whose register has the catalogue of `tests/store/seeds.py` in it."""
_ON_CITUS = re.compile(r"[\[-]citus")
_cases = Counter[str]()
_ON_POSTGRESQL = re.compile(r"[\[-]postgresql")
settings.register_profile("untimed", deadline=None)  # how fast a machine is says nothing of what is true
settings.load_profile("untimed")
share()
placed = Listener()
placed.start()


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Keeps a file's tests on one worker, so that its fixtures are made once; those of a live file, store by store."""

    def _split_scope(self, nodeid: str) -> str:
        path, _, test = nodeid.partition("::")
        folder = Path(path).parent.name
        if _ON_CITUS.search(test):
            return "citus"
        if folder in REPETITIVE:
            return nodeid
        store = next((one for one in STORES if folder in LIVE and f"[{one}" in test), "")
        return f"{path} {store}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """The scheduler of every parallel run."""
    return ByFile(config, log)


def pytest_configure(config: pytest.Config) -> None:
    """Let a parallel process be followed once, by what pytest-cov begins for it later.

    Two others are at it: one that every child has, one that pytest-cov began before it knew that the process is a
    parallel one. Where one that is on top pauses, the next one below goes on.
    """
    while hasattr(config, "workerinput") and (begun := Coverage.current()) is not None:
        begun.stop()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what is long, and end with short pieces."""
    items.sort(key=lambda item: _turn(item.path.parent.name))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Do not follow what runs the same lines again and again, nor what it sets up and takes down."""
    followed = getattr(item.config.pluginmanager.getplugin("_cov"), "cov_controller", None)
    if followed is None or not _is_repetitive(item):
        return (yield)
    followed.pause()
    try:
        return (yield)
    finally:
        once = os._exit
        followed.resume()
        os._exit = once  # coverage wraps it at each start, and after a thousand it is too deep to be called


def _is_repetitive(item: pytest.Item) -> bool:
    """Whether others run the same lines: a test's first cases those of its later ones, and the embedded store's tests
    those of a database, but in its own folder.
    """
    folder, test = item.path.parent.name, item.nodeid.partition("[")[0]
    _cases[test] += 1
    is_marked = folder in (*REPETITIVE, *OUTSIDE) or item.get_closest_marker("repetitive") is not None
    is_another_case = folder not in EVERY_CASE and _cases[test] > FOLLOWED_CASES
    return is_marked or is_another_case or (folder != "store" and _ON_POSTGRESQL.search(item.name) is not None)


def _turn(folder: str) -> int:
    """When a folder's tests begin: the pieces of the differential ones keep every process busy to the end."""
    return 0 if folder in LONG else 2 if folder == "differential" else 1


@pytest.fixture(autouse=True)
def _in_one_place() -> Iterator[None]:
    """Every new statement that a test lets the store execute says in which place it looks."""
    placed.wrong = []
    yield
    assert not placed.wrong, "\n".join(placed.wrong)


@dataclass
class LegalClock:
    """A legal clock in memory."""

    now: datetime = datetime(2022, 1, 15, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server with two template databases, migrated and with a catalogue; the URL of its own, `postgres`.

    Not: durable; whoever kills a server starts one of their own.
    """
    with postgres(fsync="off", full_page_writes="off") as url:
        run(url, "CREATE DATABASE migrated")
        migrate(named(url, "migrated"))
        run(url, "CREATE DATABASE seeded TEMPLATE migrated")
        _seed(named(url, "seeded"))
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "register.sqlite3"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def seeded_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with a catalogue to copy."""
    path = tmp_path_factory.mktemp("template") / "register.sqlite3"
    shutil.copy(sqlite_template, path)
    _seed(f"sqlite:///{path}")
    return path


def _seed(url: str) -> None:
    with closing(Store(url, LegalClock())) as opened, opened.transaction() as tx:
        seed(tx)


@pytest.fixture(params=STORES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh database, migrated, with a catalogue where the test wants one; the test runs once on each engine."""
    yield from fresh(request, tmp_path)


def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh database on the engine that a fixture is asked for."""
    is_seeded = not WITH_CATALOGUE.isdisjoint(request.fixturenames)
    if request.param == "sqlite":
        path = tmp_path / "register.sqlite3"
        shutil.copy(request.getfixturevalue("seeded_template" if is_seeded else "sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    databases: Databases | Cluster = request.getfixturevalue("cluster" if request.param == "citus" else "databases")
    with databases.lent("seeded" if is_seeded else "migrated") as url:
        yield url


@pytest.fixture(scope="session")
def databases(postgres_url: str) -> Databases:
    """The databases of that server that tests take turns at."""
    return Databases(postgres_url)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The register on the cluster that was given."""
    given = Cluster(_seed)
    yield given
    given.empty()


@pytest.fixture(scope="session")
def keyring() -> Keyring:
    """One key ring for all tests."""
    return new_keys()


@pytest.fixture(scope="session")
def veil(keyring: Keyring) -> Veil:
    """The veil under that ring."""
    return veil_of(keyring)


@pytest.fixture
def legal_clock() -> LegalClock:
    """The legal clock, on 15 January 2022."""
    return LegalClock()


@pytest.fixture
def store(database_url: str, legal_clock: LegalClock) -> Iterator[Store]:
    """The register on a fresh database."""
    opened = Store(database_url, legal_clock, connections=24)
    yield opened
    opened.close()


@pytest.fixture
def context(store: Store, veil: Veil, tmp_path: Path) -> Context:
    """What every verb needs."""
    return Context(store, veil, real_now, tmp_path / "extracts")
