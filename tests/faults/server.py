"""A PostgreSQL server to be broken: killed, restarted, its backends ended, its locks and connections taken."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.faults.sessions import DATABASE, Asked
from tests.postgres import SETTINGS, WATCHDOG, free_port, server_programs, unprivileged
from tests.sandboxes import children_of

WAIT_SECONDS = 60.0


class Server(Asked):
    """A server on its own data directory; with a `disk`, its journal is there."""

    def __init__(
        self,
        home: Path,
        settings: Mapping[str, str] | None = None,
        disk: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.port = free_port()
        self.data = home / "data"
        self._environment = environment or {}
        self._bin = server_programs(home)
        self._as_user = unprivileged(home)
        self._settings = {**SETTINGS, "max_connections": "120", **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None
        journal = self._journal_on(disk) if disk is not None else []
        subprocess.run(
            [
                self._bin / "initdb",
                "-D",
                self.data,
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
                *journal,
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            **self._as_user,
        )

    @property
    def folders(self) -> list[Path]:
        """Where it keeps its files."""
        return [self.data]

    def url(self, port: int | None = None) -> str:
        """The address of the register's database; at another port, as behind a relay."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{port or self.port}/{DATABASE}"

    def asked_at(self) -> int:
        """Its own port."""
        return self.port

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers; one that gives up meanwhile is started again."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            self._begin()
            try:
                self.run("SELECT 1", "postgres")
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def _begin(self) -> None:
        if self._process is None or self._process.poll() is not None:
            options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self.data, "-p", str(self.port), *options],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, **self._environment},
                **self._as_user,
            )
            self._watch(self._process.pid)

    def use_up_the_journal(self) -> None:
        """Write on until the journal needs a new file, which there may be no room for."""
        with suppress(psycopg.OperationalError), self.session() as session:
            for _ in range(70):
                session.execute("SELECT pg_logical_emit_message(false, 'rig', 'full'), pg_switch_wal()")

    def kill(self) -> None:
        """kill -9 of the server and of every backend at once, as when its machine goes."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._unwatch()

    def freeze(self) -> None:
        """Stop it where it stands, with every backend; its connections stay open."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        """Signal the server and then every backend that it has by then."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, number)
        for pid in children_of(self._process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill_backend(self) -> None:
        """kill -9 of one backend that works for a gateway: the server throws everybody out and recovers."""
        with self.session() as session:
            found = session.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'chroniccare-gateway' LIMIT 1"
            ).fetchone()
        if found is not None:
            with suppress(ProcessLookupError):
                os.kill(int(found[0]), signal.SIGKILL)

    def stop(self, number: int = signal.SIGINT) -> None:
        """End it: fast, or with SIGQUIT at once, which the next start has to recover from."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
            self._unwatch()

    def _watch(self, pid: int) -> None:
        """Let the server end with the rig, however that ends."""
        self._unwatch()
        self._watchdog = subprocess.Popen(
            [sys.executable, "-c", WATCHDOG, str(os.getpid()), str(pid)], start_new_session=True
        )

    def _unwatch(self) -> None:
        if self._watchdog is not None:
            self._watchdog.kill()
            self._watchdog.wait()
            self._watchdog = None

    def _journal_on(self, disk: Path) -> list[str]:
        """How to make the journal on a disk: of small files, so that there is soon no room for the next one."""
        place = disk / "journal"
        place.mkdir()
        if user := self._as_user.get("user"):
            os.chown(place, user, self._as_user["group"])
        self._settings |= {"min_wal_size": "2MB", "max_wal_size": "64MB"}
        return ["--waldir", str(place), "--wal-segsize", "1"]


@contextmanager
def server(
    settings: Mapping[str, str] | None = None, disk: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A running server with an empty database for the register; nothing of it is left afterwards."""
    home = Path(tempfile.mkdtemp(prefix="chroniccare-campaign-", dir="/tmp"))
    made = Server(home, settings, disk, environment)
    try:
        made.start()
        made.create()
        yield made
    finally:
        made.stop()
        shutil.rmtree(home, ignore_errors=True)
