"""Three PostgreSQL nodes under Patroni, which agree through etcd and commit on two of them or not at all.

    gateways, workers ─ db0 ─┐            ┌─ node0 ─ the other nodes' replication
                             ├ PostgreSQL ┤
                             └── Patroni ─┴─ api0 ─ the other nodes' Patroni; dcs0 ─ etcd

Every way of a node is a line of the rig's relay, so that a node can be cut off from its peers alone, or from everybody.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.debian import TOOLS, program
from tests.faults.relay import Route
from tests.faults.sessions import DATABASE, Asked
from tests.postgres import client_program, free_port, unprivileged
from tests.sandboxes import await_that, children_of

NODES = 3
START_SECONDS = 120.0
FAILOVER_SECONDS = 60.0
PATRONI = TOOLS / "patroni" / "bin" / "patroni"
TTL_SECONDS, LOOP_SECONDS, RETRY_SECONDS = 20, 3, 5
WATCHDOG = """
import os, shutil, signal, sys, time
parent, home = int(sys.argv[1]), sys.argv[2]
while os.getppid() == parent:
    time.sleep(0.5)
for _ in range(20):
    found = [entry for entry in os.listdir("/proc") if entry.isdigit() and int(entry) != os.getpid()]
    for entry in found:
        try:
            line = open(f"/proc/{entry}/cmdline", "rb").read()
            if home.encode() in line:
                os.kill(int(entry), signal.SIGKILL)
        except OSError:
            pass
    time.sleep(0.1)
shutil.rmtree(home, ignore_errors=True)
"""


@dataclass(frozen=True, slots=True)
class Node:
    """One node: its number, its folder, and where its PostgreSQL and its Patroni listen themselves."""

    number: int
    home: Path
    sql_port: int
    api_port: int

    @property
    def name(self) -> str:
        """Its name in the cluster."""
        return f"node{self.number}"

    @property
    def lines(self) -> dict[str, int]:
        """The lines that lead to it, each with the port behind it."""
        return {
            f"db{self.number}": self.sql_port,
            f"node{self.number}": self.sql_port,
            f"api{self.number}": self.api_port,
        }

    @property
    def peer_lines(self) -> list[str]:
        """The lines between it and the other nodes and etcd."""
        return [f"node{self.number}", f"api{self.number}", f"dcs{self.number}"]


class Cluster(Asked):
    """The cluster: started, broken and asked."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.nodes = [Node(number, home / f"node{number}", free_port(), free_port()) for number in range(NODES)]
        self.etcd_port = free_port()
        self.routes: dict[str, Route] = {}
        for node in self.nodes:
            for line, port in node.lines.items():
                self.routes[line] = (free_port(), "127.0.0.1", port)
            self.routes[f"dcs{node.number}"] = (free_port(), "127.0.0.1", self.etcd_port)
        self._etcd_program = program("etcd-server", "etcd")
        self._as_user = unprivileged(home)
        self._patronis: dict[int, subprocess.Popen[bytes]] = {}
        self._etcd: subprocess.Popen[bytes] | None = None

    @property
    def folders(self) -> list[Path]:
        """Where the nodes keep their files."""
        return [self.home]

    def url(self) -> str:
        """The address of the register's database: whichever node takes writes."""
        hosts = "&".join(f"host=127.0.0.1:{self.routes[f'db{node.number}'][0]}" for node in self.nodes)
        return f"postgresql+psycopg://postgres@/{DATABASE}?{hosts}&target_session_attrs=read-write"

    def asked_at(self) -> int:
        """The leader's own port; waits until there is one."""
        return self.leader().sql_port

    def start(self) -> None:
        """Start everything that does not run, and wait until there is a leader and two that follow."""
        self.start_etcd()
        for node in self.nodes:
            self.start_node(node)
        self.await_whole()

    def start_etcd(self) -> None:
        """Start etcd, unless it runs."""
        if self._etcd is None or self._etcd.poll() is not None:
            url, peers = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{free_port()}"
            options: dict[str, str | Path] = {
                "data-dir": self.home / "etcd",
                "listen-client-urls": url,
                "advertise-client-urls": url,
                "listen-peer-urls": peers,
                "initial-advertise-peer-urls": peers,
                "initial-cluster": f"default={peers}",
            }
            command: list[str | Path] = [self._etcd_program, *(f"--{name}={value}" for name, value in options.items())]
            self._etcd = self._begin(command, self.home / "etcd.log")

    def start_node(self, node: Node) -> None:
        """Start a node, unless it runs."""
        running = self._patronis.get(node.number)
        if running is None or running.poll() is not None:
            node.home.mkdir(exist_ok=True)
            if user := self._as_user.get("user"):
                os.chown(node.home, user, self._as_user["group"])
            written = node.home / "patroni.yml"
            written.write_text(yaml.safe_dump(self._configuration(node)), encoding="utf-8")
            self._patronis[node.number] = self._begin([PATRONI, written], node.home / "patroni.log")

    def kill_node(self, node: Node) -> None:
        """kill -9 of everything on a node at once, as when its machine goes."""
        self._signal_node(node, signal.SIGKILL)
        self._patronis[node.number].wait()

    def kill_server(self, node: Node) -> None:
        """kill -9 of a node's PostgreSQL alone; its Patroni sees it."""
        self._signal(self._servers(node), signal.SIGKILL)

    def freeze_node(self, node: Node) -> None:
        """Stop everything on a node where it stands."""
        self._signal_node(node, signal.SIGSTOP)

    def wake_node(self, node: Node) -> None:
        """Let it go on."""
        self._signal_node(node, signal.SIGCONT)

    def freeze_etcd(self) -> None:
        """Stop etcd where it stands."""
        assert self._etcd is not None
        self._signal([self._etcd.pid], signal.SIGSTOP)

    def wake_etcd(self) -> None:
        """Let it go on."""
        assert self._etcd is not None
        self._signal([self._etcd.pid], signal.SIGCONT)

    def switch_over(self) -> None:
        """Ask for another leader, as an operator does."""
        leader, candidate = self.leader(), self.standby()
        asked = {"leader": leader.name, "candidate": candidate.name}
        requests.post(f"http://127.0.0.1:{leader.api_port}/switchover", json=asked, timeout=60)

    def leader(self) -> Node:
        """The node that takes writes; waits until there is one."""
        await_that(lambda: self._leading() is not None, "a node leads", FAILOVER_SECONDS)
        found = self._leading()
        assert found is not None
        return found

    def standby(self) -> Node:
        """The node that has to have a commit before it is answered."""
        return self.nodes[next(number for number, role in self.roles().items() if role == "sync_standby")]

    def await_other_leader(self, old: Node) -> None:
        """Wait until another node leads."""
        await_that(lambda: self._leading(old) is not None, "another node leads", FAILOVER_SECONDS)

    def await_whole(self) -> None:
        """Wait until one leads, and both others follow it, one of them synchronously."""
        whole = {"leader", "sync_standby", "replica"}
        await_that(lambda: set(self.roles().values()) == whole, f"all nodes are well: {self.roles()}", START_SECONDS)

    def roles(self) -> dict[int, str]:
        """The role of each node that is well, by number, as those who answer see it."""
        for node in self.nodes:
            with suppress(requests.RequestException, ValueError, KeyError):
                answer = requests.get(f"http://127.0.0.1:{node.api_port}/cluster", timeout=3).json()
                return {
                    int(one["name"].removeprefix("node")): one["role"]
                    for one in answer["members"]
                    if one["state"] in ("running", "streaming")
                }
        return {}

    def stop(self) -> None:
        """End everything."""
        for node in self.nodes:
            with suppress(KeyError):
                self.kill_node(node)
        if self._etcd is not None:
            self._etcd.kill()
            self._etcd.wait()

    def _leading(self, other_than: Node | None = None) -> Node | None:
        for node in self.nodes:
            if node != other_than:
                with suppress(requests.RequestException):
                    if requests.get(f"http://127.0.0.1:{node.api_port}/primary", timeout=3).status_code == 200:
                        return node
        return None

    def _begin(self, command: Sequence[str | Path], log: Path) -> subprocess.Popen[bytes]:
        """Begin a process as the user that PostgreSQL agrees to be."""
        as_user: list[str] = []
        if self._as_user:  # it has to read programs in root's folders
            user, group = self._as_user["user"], self._as_user["group"]
            as_user = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
            as_user += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
        with log.open("ab") as file:
            return subprocess.Popen([*as_user, *command], stdout=file, stderr=file, start_new_session=True, cwd="/")

    def _configuration(self, node: Node) -> dict[str, Any]:
        number = node.number
        return {
            "scope": "register",
            "name": node.name,
            "restapi": {
                "listen": f"127.0.0.1:{node.api_port}",
                "connect_address": f"127.0.0.1:{self.routes[f'api{number}'][0]}",
            },
            "etcd3": {"hosts": f"127.0.0.1:{self.routes[f'dcs{number}'][0]}", "use_proxies": True},
            "bootstrap": {
                "dcs": {
                    "ttl": TTL_SECONDS,
                    "loop_wait": LOOP_SECONDS,
                    "retry_timeout": RETRY_SECONDS,
                    "primary_start_timeout": 0,
                    "synchronous_mode": True,
                    "synchronous_mode_strict": True,
                    "postgresql": {"use_pg_rewind": True, "use_slots": True},
                },
                "initdb": [{"encoding": "UTF8"}, {"auth": "trust"}],
            },
            "postgresql": {
                "listen": f"127.0.0.1:{node.sql_port}",
                "connect_address": f"127.0.0.1:{self.routes[f'node{number}'][0]}",
                "data_dir": str(node.home / "data"),
                "bin_dir": str(client_program("postgres").parent),
                "authentication": {
                    "superuser": {"username": "postgres"},
                    "replication": {"username": "postgres"},
                },
                "pg_hba": ["host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"],
                "parameters": {
                    "unix_socket_directories": "",
                    "shared_buffers": "32MB",
                    "max_connections": 120,
                    "log_min_messages": "fatal",
                },
            },
        }

    def _signal_node(self, node: Node, number: int) -> None:
        running = self._patronis[node.number]
        self._signal([*([running.pid] if running.poll() is None else []), *self._servers(node)], number)

    def _servers(self, node: Node) -> list[int]:
        """The processes of a node's PostgreSQL, the first one first."""
        try:
            first = int((node.home / "data" / "postmaster.pid").read_text(encoding="ascii").split("\n", 1)[0])
        except (OSError, ValueError):
            return []
        return [first, *children_of(first)]

    @staticmethod
    def _signal(pids: Sequence[int], number: int) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A cluster that was not started yet; nothing of it is left afterwards, nor when this process is killed.

    Raises: NotToBeHad without etcd.
    """
    home = Path(tempfile.mkdtemp(prefix="chroniccare-patroni-", dir="/tmp"))
    watchdog = subprocess.Popen([sys.executable, "-c", WATCHDOG, str(os.getpid()), str(home)], start_new_session=True)
    try:
        made = Cluster(home)
        try:
            yield made
        finally:
            made.stop()
    finally:
        watchdog.kill()
        watchdog.wait()
        shutil.rmtree(home, ignore_errors=True)
