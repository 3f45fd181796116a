"""The stage: one PostgreSQL, a register with a catalogue, an issuer of tokens, and whatever is measured on it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any

import psycopg
import requests

from bench.speed.load import request
from gateway.pseudonyms.keyring import new_keys, write_keyring
from gateway.store.migrate import migrate
from tests.http.issuer import Issuer
from tests.live.catalogue import CODE, NIHII, a_project, a_pseudocode, an_inclusion
from tests.sandboxes import children_of, synthetic_ssin

ROOT = Path(__file__).parents[2]
PROJECT = "demo-bench"
WORKERS, THREADS = 2, 16
CONVENTION = {"effective_from": "2021-09-01", "last_day": "2035-12-31"}
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "max_connections": "200",
    "logging_collector": "on",
    "log_destination": "jsonlog",
    "log_filename": "bench.log",
    "log_min_messages": "log",
    "log_checkpoints": "off",
    "log_autovacuum_min_duration": "-1",
}


@dataclass
class Stage:
    """What every system under test shares."""

    folder: Path
    url: str
    issuer: Issuer
    people: Iterator[int] = field(default_factory=count)
    secret: str = field(default_factory=lambda: token_hex(32))

    @property
    def dsn(self) -> str:
        """The register's address for programs of PostgreSQL."""
        return self.url.replace("+psycopg", "")

    @property
    def keyring(self) -> Path:
        """The key ring of gateways."""
        return self.folder / "keys.json"

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """One statement, past every gateway; its rows."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            ran = connection.execute(statement.encode())
            return ran.fetchall() if ran.description else []

    def another(self, name: str) -> Stage:
        """Another register on the same server, with keys of its own."""
        self.run(f"CREATE DATABASE {name}")
        folder = self.folder / name
        folder.mkdir()
        return prepared(folder, f"{self.url.rpartition('/')[0]}/{name}", self.issuer)

    def server(self) -> list[int]:
        """The processes of PostgreSQL."""
        folder = Path(self.run("SHOW data_directory")[0][0])
        leader = int((folder / "postmaster.pid").read_text(encoding="ascii").splitlines()[0])
        return [leader, *children_of(leader)]

    def log(self) -> Path:
        """What PostgreSQL logged."""
        return Path(self.run("SHOW data_directory")[0][0]) / "log" / "bench.json"

    def environment(self, url: str | None = None) -> dict[str, str]:
        """The settings of a gateway: those of production, without a limit of rates."""
        named = {
            "DATA_DIR": self.folder,
            "DATABASE_URL": self.url if url is None else url,
            "KEYS": self.keyring,
            "ISSUER": self.issuer.url,
            "CALLER_RATE": 0,
            "PROJECT_RATE": 0,
            "THREADS": THREADS,
        }
        return {f"CHRONICCARE_{name}": str(value) for name, value in named.items()}

    def registrations(self, port: int) -> Iterator[bytes]:
        """Requests that register one inclusion after another, each of somebody new."""
        token = self.issuer.token("provider", nihii=NIHII)
        for number in self.people:
            body = json.dumps(an_inclusion(PROJECT, synthetic_ssin(number)), separators=(",", ":")).encode()
            key = {"Authorization": f"Bearer {token}", "Idempotency-Key": f"bench-{number}"}
            yield request("POST", "/v1/inclusions", port, key, body)

    def ask(self, port: int, method: str, path: str, body: Any, role: str = "registrar", **claims: str) -> Any:
        """A request that has to succeed, past the load; its answer."""
        headers = {"Authorization": f"Bearer {self.issuer.token(role, **claims)}"}
        if method == "POST":
            headers["Idempotency-Key"] = f"bench-{time.monotonic_ns()}"
        answer = requests.request(method, f"http://127.0.0.1:{port}{path}", json=body, headers=headers, timeout=60)
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer


def prepared(folder: Path, url: str, issuer: Issuer) -> Stage:
    """A stage whose register has its schema and the keys to it."""
    stage = Stage(folder, url, issuer)
    migrate(url)
    write_keyring(new_keys(), stage.keyring)
    return stage


def enter_catalogue(stage: Stage, port: int) -> None:
    """Enter one convention with one partner and one pseudocode, as the registrar does."""
    stage.ask(port, "POST", "/v1/pseudocodes", a_pseudocode(CODE))
    stage.ask(port, "POST", "/v1/projects", a_project(PROJECT, convention=CONVENTION))
    days = {"valid_from": "2021-09-01", "valid_until": None}
    stage.ask(port, "PUT", f"/v1/projects/{PROJECT}/pseudocodes/{CODE}", days)
    partner = {"category": "first_line", "discipline": "nurse", "from": "2021-09-01", "until": None}
    stage.ask(port, "PUT", f"/v1/projects/{PROJECT}/partners/{NIHII}", partner)
