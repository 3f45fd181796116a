"""The kinds of faults: what each breaks, and how it is mended.

Shape: each is a context manager of a rig: broken on entering, lifted on leaving; it gives whose clients may notice.
"""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from random import Random

import psycopg

from schemas.mycarenet.stand_in import SCENARIOS
from tests.faults.breaking import ALL, BOTH, UPSTREAM, Break, Kind, Noticed
from tests.faults.cluster_kinds import CLUSTER_KINDS
from tests.faults.rig import Rig
from tests.faults.server import Server

REJECTING = frozenset({"accept", "reject-all"})
"""What is no fault, or changes what the register should hold at the end."""
PG = ("postgresql",)
EVERYWHERE = (*BOTH, "patroni")
"""Of the faults that need no particular store, those that also are played where nodes are broken."""


def _some(rig: Rig, dice: Random) -> int:
    return dice.randrange(len(rig.gateways))


@contextmanager
def gateway_killed(rig: Rig, dice: Random) -> Iterator[Noticed]:
    """kill -9 of a gateway with its workers; it is started again when the fault is lifted."""
    number = _some(rig, dice)
    rig.gateways[number].kill()
    yield Noticed((number,))
    rig.gateways[number].start()


@contextmanager
def gateway_worker_killed(rig: Rig, dice: Random) -> Iterator[Noticed]:
    """kill -9 of the process that serves, which its arbiter replaces."""
    number = _some(rig, dice)
    rig.gateways[number].kill_child()
    yield Noticed((number,))


@contextmanager
def gateway_frozen(rig: Rig, dice: Random) -> Iterator[Noticed]:
    """SIGSTOP, and SIGCONT. On SQLite it may hold the writers' queue meanwhile."""
    number = _some(rig, dice)
    rig.gateways[number].freeze()
    try:
        yield Noticed((number,))
    finally:
        rig.gateways[number].wake()


@contextmanager
def worker_killed(rig: Rig, dice: Random) -> Iterator[Noticed]:
    """kill -9 of a delivery worker."""
    part = dice.choice(rig.workers)
    part.kill()
    yield UPSTREAM
    part.start()


@contextmanager
def worker_frozen(rig: Rig, dice: Random) -> Iterator[Noticed]:
    """A worker stands still, perhaps for longer than its leases, and goes on as if nothing had been."""
    part = dice.choice(rig.workers)
    part.freeze()
    try:
        yield UPSTREAM
    finally:
        part.wake()


@contextmanager
def mock_killed(rig: Rig, _dice: Random) -> Iterator[Noticed]:
    """MyCareNet, which also is the token issuer, is gone; gateways have its keys."""
    rig.mock.kill()
    yield UPSTREAM
    rig.mock.start()


@contextmanager
def mock_frozen(rig: Rig, _dice: Random) -> Iterator[Noticed]:
    """MyCareNet takes connections and says nothing."""
    rig.mock.freeze()
    try:
        yield UPSTREAM
    finally:
        rig.mock.wake()


@contextmanager
def issuer_gone(rig: Rig, dice: Random) -> Iterator[Noticed]:
    """The issuer's keys cannot be had while a gateway starts."""
    number = _some(rig, dice)
    rig.mock.kill()
    rig.gateways[number].kill()
    rig.gateways[number].start()
    yield Noticed((number,), upstream=True)
    rig.mock.start()


@contextmanager
def keys_gone(rig: Rig, dice: Random) -> Iterator[Noticed]:
    """The key ring's file is away while a gateway starts, which it therefore does not."""
    number, away = _some(rig, dice), rig.keyring.with_name("keys.away")
    rig.gateways[number].kill()
    rig.keyring.rename(away)
    try:
        rig.gateways[number].start()
        rig.gateways[number].await_end()
        yield Noticed((number,))
    finally:
        away.rename(rig.keyring)
    rig.gateways[number].start()


@contextmanager
def clock_jumped(rig: Rig, dice: Random) -> Iterator[Noticed]:
    """Workers' clocks, and that of the last gateway, are two hours off."""
    rig.clocks.jump(dice.choice((-7200, 7200)))
    try:
        yield Noticed((len(rig.gateways) - 1,), upstream=True, clock=True)
    finally:
        rig.clocks.jump(0)


@contextmanager
def disk_full(rig: Rig, _dice: Random) -> Iterator[Noticed]:
    """No room beside SQLite's file or PostgreSQL's journal, and room again."""
    assert rig.disk is not None
    filler = rig.disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1 << 16))
    try:
        if isinstance(rig.server, Server):
            rig.server.use_up_the_journal()
        yield ALL
    finally:
        filler.unlink()
        _restart_server(rig)


@contextmanager
def flush_fails(rig: Rig, _dice: Random) -> Iterator[Noticed]:
    """The disk takes what is written and cannot flush it: EIO of every fsync. PostgreSQL stops itself upon it."""
    assert rig.flushing is not None
    rig.flushing.fail()
    try:
        yield ALL
    finally:
        rig.flushing.succeed()
        _restart_server(rig)


def _restart_server(rig: Rig) -> None:
    """Start PostgreSQL again where it gave up, or hangs in its recovery, as whoever watches over it would."""
    if isinstance(rig.server, Server):
        rig.server.kill()
        rig.server.start()


@contextmanager
def lock_held(rig: Rig, _dice: Random) -> Iterator[Noticed]:
    """Another session holds what a registration writes last: the audit on PostgreSQL, the file on SQLite."""
    with _lock(rig):
        yield ALL


@contextmanager
def killed_before_commit(rig: Rig, dice: Random) -> Iterator[Noticed]:
    """kill -9 of a gateway while its transactions have written everything but cannot commit."""
    number = _some(rig, dice)
    with _lock(rig):
        yield ALL
        rig.gateways[number].kill()
    rig.gateways[number].start()


@contextmanager
def _lock(rig: Rig) -> Iterator[None]:
    """Let nobody end a registration.

    Shape: on PostgreSQL nobody adds an audit entry, so transactions wait with their facts written; on SQLite a reader
    keeps the file, so the writer waits in the middle of its COMMIT, with its journal written.
    """
    if rig.server is not None:
        with rig.server.session() as session, session.transaction():
            session.execute("LOCK TABLE audit_entry IN EXCLUSIVE MODE")
            yield
        return
    path = rig.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT version FROM catalogue_version").fetchall()
        yield
        reader.execute("ROLLBACK")


@contextmanager
def server_killed(rig: Rig, _dice: Random) -> Iterator[Noticed]:
    """SIGKILL of PostgreSQL with every backend; started again, it recovers from its journal."""
    assert isinstance(rig.server, Server)
    rig.server.kill()
    yield ALL
    rig.server.start()


@contextmanager
def server_frozen(rig: Rig, _dice: Random) -> Iterator[Noticed]:
    """PostgreSQL stands still with every connection open, and goes on as if nothing had been."""
    assert isinstance(rig.server, Server)
    rig.server.freeze()
    try:
        yield ALL
    finally:
        rig.server.wake()


@contextmanager
def server_restarted(rig: Rig, _dice: Random) -> Iterator[Noticed]:
    """An immediate restart."""
    assert isinstance(rig.server, Server)
    rig.server.stop(signal.SIGQUIT)
    yield ALL
    rig.server.start()


@contextmanager
def backend_killed(rig: Rig, _dice: Random) -> Iterator[Noticed]:
    """SIGKILL of one backend, upon which PostgreSQL throws everybody out."""
    assert isinstance(rig.server, Server)
    rig.server.kill_backend()
    yield ALL


@contextmanager
def backends_terminated(rig: Rig, _dice: Random) -> Iterator[Noticed]:
    """Every connection of gateways and workers is ended."""
    assert rig.server is not None
    rig.server.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'chroniccare-gateway'"
    )
    yield ALL


@contextmanager
def connections_taken(rig: Rig, _dice: Random) -> Iterator[Noticed]:
    """Everybody's connections are ended, and somebody else takes all that there are."""
    assert rig.server is not None
    with ExitStack() as taken:
        with backends_terminated(rig, _dice), suppress(psycopg.OperationalError):
            for _ in range(200):
                taken.enter_context(rig.server.session())
        yield ALL


def on_the_way(line: str, mode: str) -> Break:
    """A relayed way that is broken in a mode."""
    notice = {"front": Noticed((0,)), "store": Noticed((0,)), "out": UPSTREAM}[line]

    @contextmanager
    def broken(rig: Rig, _dice: Random) -> Iterator[Noticed]:
        rig.relay.choose(line, mode)
        try:
            yield notice
        finally:
            rig.relay.choose(line, "pass")

    return broken


def played(scenario: str) -> Break:
    """MyCareNet behaves in a way of its own."""

    @contextmanager
    def broken(rig: Rig, _dice: Random) -> Iterator[Noticed]:
        rig.play(scenario)
        try:
            yield UPSTREAM
        finally:
            rig.play("accept")

    return broken


@contextmanager
def three_at_once(rig: Rig, dice: Random) -> Iterator[Noticed]:
    """A gateway, a worker and either the register or MyCareNet at the same time."""
    third = dice.choice([server_killed, mock_killed] if isinstance(rig.server, Server) else [mock_killed, mock_frozen])
    with ExitStack() as stack:
        seen = [stack.enter_context(one(rig, dice)) for one in (gateway_killed, worker_killed, third)]
        gateways = tuple(number for one in seen for number in one.gateways)
        yield Noticed(gateways, upstream=True)


@contextmanager
def night_passes(rig: Rig, _dice: Random) -> Iterator[Noticed]:
    """The legal clock passes from the last second of a month, or of winter time, to the next."""
    before, after = rig.nights.pop(0)
    rig.move_clock(before)
    yield Noticed()
    rig.move_clock(after)


def _no_night(rig: Rig) -> str | None:
    return None if rig.nights else "no night is left that comes before the close"


def _no_compiler(rig: Rig) -> str | None:
    return "there is no C compiler for what lets flushes fail" if rig.flushing is None else None


def _no_disk(rig: Rig) -> str | None:
    return "no small disk could be mounted: only root may" if rig.disk is None else None


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("gateway killed", gateway_killed, EVERYWHERE),
        Kind("serving process killed", gateway_worker_killed, EVERYWHERE),
        Kind("gateway frozen", gateway_frozen, shortest=1.0, longest=2.0, deep=30.0),
        Kind("killed before its commit", killed_before_commit, EVERYWHERE, shortest=0.3, longest=0.8, deep=3.0),
        Kind("worker killed", worker_killed, EVERYWHERE),
        Kind("worker frozen", worker_frozen, shortest=1.0, longest=2.0, deep=25.0),
        Kind("MyCareNet killed", mock_killed, longest=1.0, deep=5.0),
        Kind("MyCareNet frozen", mock_frozen, shortest=0.5, longest=1.0, deep=20.0),
        Kind("issuer's keys gone", issuer_gone, shortest=0.5, longest=1.0, deep=10.0),
        Kind("key ring's file gone", keys_gone),
        Kind("clock two hours off", clock_jumped, shortest=2.0, longest=3.0, deep=15.0),
        Kind("disk full", disk_full, shortest=0.5, longest=1.0, deep=10.0, needs=_no_disk),
        Kind("disk cannot flush", flush_fails, shortest=0.5, longest=1.0, deep=5.0, needs=_no_compiler),
        Kind("a night passes", night_passes, EVERYWHERE, shortest=0.5, longest=1.0, deep=1.0, needs=_no_night),
        Kind("lock held", lock_held, EVERYWHERE, shortest=0.5, longest=1.5, deep=8.0),
        Kind("PostgreSQL killed", server_killed, PG),
        Kind("PostgreSQL frozen", server_frozen, PG, shortest=1.0, longest=2.0, deep=30.0),
        Kind("PostgreSQL restarted at once", server_restarted, PG),
        Kind("backend killed", backend_killed, PG),
        Kind("backends terminated", backends_terminated, (*PG, "patroni")),
        Kind("connections taken", connections_taken, PG, shortest=0.5, longest=1.0, deep=8.0),
        Kind("three at once", three_at_once),
        *(Kind(f"clients' way: {mode}", on_the_way("front", mode), shortest=0.3, longest=0.8, deep=10.0)
          for mode in ("cut", "freeze", "slow", "deaf")),
        *(Kind(f"way to the register: {mode}", on_the_way("store", mode), PG, shortest=0.3, longest=0.8, deep=10.0)
          for mode in ("cut", "freeze", "slow", "deaf")),
        *(Kind(f"way to MyCareNet: {mode}", on_the_way("out", mode), shortest=0.3, longest=0.8, deep=10.0)
          for mode in ("cut", "freeze", "slow", "deaf")),
        *(Kind(f"MyCareNet: {name}", played(name), shortest=0.5, longest=1.0, deep=8.0)
          for name in sorted(set(SCENARIOS) - REJECTING)),
        *CLUSTER_KINDS,
    )
}  # fmt: skip
