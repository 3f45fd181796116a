"""`/ready` says need by need whether this gateway can take registrations."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from gateway.app import watch_of
from gateway.clock import real_now
from gateway.domain.errors import Finding
from gateway.http import watch as watching
from gateway.http.watch import SLOW, Watch
from gateway.services.check_readiness import Looked
from gateway.settings import Settings
from gateway.store.dialects import open_engine
from tests.http.test_bodies import assert_problem
from tests.http.wire import Gateway
from tests.store.away import away

ROOM = Settings(free_mib=0)


@pytest.fixture(autouse=True)
def looking_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "FRESH_SECONDS", 0.0)


def lacking(gateway: Gateway) -> dict[str, str]:
    """What a gateway that is not ready lacks, and why."""
    answer = gateway.send("GET", "/ready")
    assert_problem(answer, 503, "not-ready")
    assert answer.headers["Retry-After"] == "5"
    return {one["check"]: one["why"] for one in answer.get_json()["checks"] if not one["ok"]}


def is_ready(gateway: Gateway) -> bool:
    return gateway.send("GET", "/ready").status_code == 200


def test_gateway_without_its_register_is_live_and_not_ready_and_ready_again(gateway: Gateway) -> None:
    assert is_ready(gateway)

    with away(gateway.database_url):
        assert lacking(gateway) == {"database": "no-answer"}
        assert gateway.send("GET", "/live").status_code == 200

    assert is_ready(gateway)


def test_gateway_that_looked_leaves_nothing_behind(gateway: Gateway) -> None:
    before = gateway.counts()

    assert is_ready(gateway)

    assert gateway.counts() == before


def test_register_that_only_answers_is_not_enough(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    url, store = gateway.database_url, gateway.context.store
    if url.startswith("sqlite"):
        readable = open_engine(f"sqlite:///file:{url.removeprefix('sqlite:///')}?mode=ro&uri=true", 1)
        monkeypatch.setattr(store._group, "_engine", readable)
    else:
        readable = open_engine(url, 1)
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            name = connection.info.dbname
            connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
        monkeypatch.setattr(store, "_engine", readable)

    assert lacking(gateway) == {"database": "read-only"}
    readable.dispose()


def test_register_without_its_audit_is_not_ready(gateway: Gateway) -> None:
    with gateway.context.store.transaction() as tx:
        tx.audit._connection.exec_driver_sql("ALTER TABLE audit_entry RENAME TO elsewhere")

    assert lacking(gateway) == {"audit": "schema-missing"}


def test_gateway_whose_key_ring_is_gone_would_not_start_again(light_gateway: Gateway) -> None:
    (light_gateway.clock_path.parent / "keys.json").unlink()

    assert lacking(light_gateway) == {"keys": "key-ring-unusable"}


def test_gateway_with_too_little_room_says_so(light_gateway: Gateway) -> None:
    folder = light_gateway.clock_path.parent

    looked = watch_of(Settings(data_dir=folder, free_mib=1e9), light_gateway.context)()

    assert [one for one in looked.findings if not one.ok] == [Finding("disk", False, "room-short")]


def test_messages_that_wait_are_told_and_are_no_reason(gateway: Gateway) -> None:
    gateway.include()

    answer = gateway.send("GET", "/ready")

    assert answer.status_code == 200
    assert answer.get_json()["outbox"]["oldest_seconds"] >= 0


def test_clock_beside_the_databases_is_told_and_is_no_reason(gateway: Gateway) -> None:
    """B23 of the attacks on tokens: a clock two hours ahead."""
    ahead = replace(gateway.context, real_now=lambda: real_now() + timedelta(hours=2))

    looked = watch_of(Settings(data_dir=gateway.clock_path.parent, free_mib=0), ahead)()

    assert [one for one in looked.findings if not one.ok] == []
    if gateway.database_url.startswith("postgresql"):
        assert looked.ahead_seconds == pytest.approx(7200, abs=60)
    else:
        assert looked.ahead_seconds is None


def test_standby_that_is_demanded_and_not_there_is_named(gateway: Gateway) -> None:
    settings = Settings(data_dir=gateway.clock_path.parent, free_mib=0, standby=True)

    findings = watch_of(settings, gateway.context)().findings

    assert findings[-1] == Finding("standby", False, "no-standby-named")


def test_look_is_shared_for_a_second_and_hangs_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    looks, let_go = [], threading.Event()

    def look() -> Looked:
        looks.append(1)
        let_go.wait(10)
        return Looked([])

    monkeypatch.setattr(watching, "FRESH_SECONDS", 60.0)
    monkeypatch.setattr(watching, "PATIENCE_SECONDS", 0.05)
    watch = Watch(look)

    assert [watch(), watch()] == [SLOW, SLOW]
    let_go.set()
    monkeypatch.setattr(watching, "PATIENCE_SECONDS", 5.0)
    assert [watch(), watch()] == [Looked([])] * 2
    assert looks == [1]


def test_look_that_fails_is_no_readiness(monkeypatch: pytest.MonkeyPatch) -> None:
    def look() -> Looked:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Watch(look)()
