"""A gateway on a synthetic register, its periods closed by one mechanism, and a client that only does HTTP."""

from __future__ import annotations

import csv
import io
import resource
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from werkzeug.serving import make_server

from gateway.domain.calendar import STANDARD
from gateway.domain.lattice import Measure, Period, PeriodKind, measures_of
from gateway.pseudonyms.veil import Veil
from gateway.services.close_period import Closed, Reason, _close, _say_nothing
from gateway.store.migrate import migrate
from tests.attacks.mechanisms import Planted
from tests.attacks.planting import plant, plant_late
from tests.attacks.register import YEAR, Register
from tests.attacks.truth import label
from tests.http.issuer import Issuer
from tests.http.wire import Gateway, a_gateway

AFTER_ALL = f"{YEAR + 1}-06-01T08:00:00+00:00"
Row = dict[str, str]
Ask = Callable[[str, str, dict[str, Any]], str]
"""A question as a path, a role and its claims; the answer's text."""


@dataclass
class Closing:
    """What one close cost."""

    period: str
    seconds: float
    cells: int
    peak_mib: int


@dataclass
class World:
    """A register behind a gateway. `ask` is all that an attacker has."""

    register: Register
    planted: Planted
    gateway: Gateway
    send: Ask
    closings: list[Closing] = field(default_factory=list)
    asked: int = 0

    def ask(self, query: str, role: str, **claims: Any) -> list[Row]:
        """The cells of an answer."""
        self.asked += 1
        return list(csv.DictReader(io.StringIO(self.send(f"/v1/aggregates?{query}", role, claims))))

    def close(self, kinds: Sequence[PeriodKind] = tuple(PeriodKind)) -> None:
        """Close months, let the late facts arrive, close the rest."""
        self.gateway.at(AFTER_ALL)
        for kind in kinds:
            self._close_all(kind)
            if kind is PeriodKind.MONTH:
                plant_late(self.register, self.gateway.database_url)

    def _close_all(self, kind: PeriodKind) -> None:
        for period in periods(self.register, kind):
            begun = time.perf_counter()
            closed = self._draw(period, measures_of(kind))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            published = sum(one.published for one in closed)
            self.closings.append(Closing(f"{kind} {period}", time.perf_counter() - begun, published, peak))

    def revise_months(self) -> None:
        """Draw the actions of every month anew, on the register as it is now."""
        for month in periods(self.register, PeriodKind.MONTH):
            self._draw(month, [Measure.ACTIONS], Reason.COUNTING_FAULT)

    def _draw(self, period: Period, measures: Sequence[Measure], reason: Reason | None = None) -> list[Closed]:
        """All measures of one copy of the facts, as the gateway's own jobs do it, by the mechanism of this world."""
        mechanism = self.planted.mechanism
        return _close(self.gateway.context, period, measures, STANDARD, reason, mechanism, _say_nothing)


def periods(register: Register, kind: PeriodKind) -> list[Period]:
    """Every period of a kind that the register fills."""
    months = register.size.months
    if kind is PeriodKind.CONVENTION:
        return [Period(kind, project) for project in register.projects]
    count = {PeriodKind.MONTH: months, PeriodKind.QUARTER: (months + 2) // 3, PeriodKind.YEAR: 1}[kind]
    first = 1 if kind is PeriodKind.MONTH else 0
    return [Period(kind, label(kind, number)) for number in range(first, first + count)]


@contextmanager
def a_world(
    register: Register, planted: Planted, home: Path, veil: Veil, issuer: Issuer, *, served: bool = False
) -> Iterator[World]:
    """A gateway on the register; in this process, or served on 127.0.0.1 and asked over real HTTP."""
    path = home / "register.sqlite3"
    migrate(f"sqlite:///{path}")
    plant(register, f"sqlite:///{path}")
    with a_gateway(f"sqlite:///{path}", veil, issuer, home / "clock") as gateway:
        if served:
            with _served(gateway) as send:
                yield World(register, planted, gateway, send)
        else:
            yield World(register, planted, gateway, _in_process(gateway))


def _in_process(gateway: Gateway) -> Ask:
    def send(path: str, role: str, claims: dict[str, Any]) -> str:
        answer = gateway.send("GET", path, role=role, headers={"Accept": "text/csv"}, **claims)
        assert answer.status_code == 200, answer.text
        return answer.text

    return send


@contextmanager
def _served(gateway: Gateway) -> Iterator[Ask]:
    server = make_server("127.0.0.1", 0, gateway.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with requests.Session() as session:
            yield _over_http(gateway, session, f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _over_http(gateway: Gateway, session: requests.Session, base: str) -> Ask:
    def send(path: str, role: str, claims: dict[str, Any]) -> str:
        bearer = {"Authorization": f"Bearer {gateway.token(role, **claims)}", "Accept": "text/csv"}
        answer = session.get(base + path, headers=bearer, timeout=600)
        answer.raise_for_status()
        return answer.text

    return send
