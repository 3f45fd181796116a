"""The gateway in this process, spoken to as a client would: by method, path, headers and bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from flask import Flask
from sqlalchemy import create_engine, func, select
from sqlalchemy.pool import NullPool
from werkzeug.test import TestResponse

from gateway.app import ROUTES, watch_of
from gateway.clock import SandboxClock, real_now
from gateway.domain.delivery import StatementLine
from gateway.http.api.docs import add_docs
from gateway.http.api.open import add_open_doors
from gateway.http.api.sandbox import add_sandbox_doors
from gateway.http.callers import Callers
from gateway.http.denied import Denied
from gateway.http.factory import create_flask
from gateway.http.metrics import Metrics
from gateway.http.tokens import TokenGuard
from gateway.pseudonyms.keyring import new_keys, write_keyring
from gateway.pseudonyms.veil import Veil
from gateway.services.context import Context
from gateway.services.deny_key import denied_keys
from gateway.services.statements import Statements
from gateway.settings import Settings
from gateway.spans import NO_SPANS, Spans
from gateway.store.tables import metadata
from gateway.store.transaction import Store
from gateway.upstream.client import MailboxUnavailable
from gateway.upstream.jwks import IssuerKeys
from tests.builders import COLLEAGUE, PROJECT, PROJECT_LEVEL_PSEUDOCODE, PROVIDER, PSEUDOCODE, SSIN
from tests.http.issuer import AUDIENCE, Issuer

FOREIGN_PROJECT = "demo-sud"
FOREIGN_PROVIDER = "30000318"
STRANGER = "40000424"
FOREIGN_PSEUDOCODE = "794021"
EARLY_PSEUDOCODE = "794032"
MUNICIPALITIES = {PROJECT: "25112", FOREIGN_PROJECT: "62063"}
NOW = "2022-01-15T09:00:00+00:00"
FRESH = "a fresh key"
JSON = "application/json"
Body = Mapping[str, Any] | Sequence[Any] | bytes | None


@dataclass
class RealClock:
    """Real time, moved forward by `ahead`."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Listed:
    """MyCareNet's statement, of whatever project and month; it cannot be had while it is away."""

    lines: list[StatementLine] = field(default_factory=list)
    is_away: bool = False

    def statement(self, project: str, month: str) -> Iterator[StatementLine]:
        if self.is_away:
            raise MailboxUnavailable
        yield from self.lines


@dataclass
class Gateway:
    """A gateway on a seeded register, with sandbox doors; `at` moves its legal clock either way."""

    app: Flask
    context: Context
    issuer: Issuer
    database_url: str
    clock_path: Path
    real_clock: RealClock
    listed: Listed
    tokens: dict[tuple[str, ...], str] = field(default_factory=dict, repr=False)

    def at(self, now: str) -> Gateway:
        self.clock_path.write_text(now, encoding="ascii")
        return self

    def token(self, role: str, **claims: Any) -> str:
        """A token for a role; the same one for the same claims, as real callers do."""
        name = (role, *(f"{claim}={value}" for claim, value in sorted(claims.items())))
        if name not in self.tokens:
            self.tokens[name] = self.issuer.token(role, **claims)
        return self.tokens[name]

    def send(
        self,
        method: str,
        path: str,
        body: Body = None,
        *,
        role: str | None = None,
        token: str | None = None,
        key: str | None = FRESH,
        headers: Mapping[str, str] | None = None,
        environ: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> TestResponse:
        """A request; a POST bears a fresh idempotency key unless one (or None) is given.

        `environ` is what the server says of the request where it says something else than the client would.
        """
        sent = {} if body is None else {"Content-Type": JSON}
        bearer = token if role is None else self.token(role, **claims)
        if bearer is not None:
            sent["Authorization"] = f"Bearer {bearer}"
        if method == "POST" and key is not None:
            sent["Idempotency-Key"] = str(uuid4()) if key == FRESH else key
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        return self.app.test_client().open(
            path,
            method=method,
            data=data,
            headers={**sent, **(headers or {})},
            environ_overrides=environ,
            buffered=True,  # a file is read to its end and closed
        )

    def counts(self) -> dict[str, int]:
        """How many rows every table has."""
        engine = create_engine(self.database_url, poolclass=NullPool)
        with engine.connect() as connection:
            return {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in metadata.sorted_tables
            }

    def include(self, ssin: str = SSIN, role: str = "provider", **changes: Any) -> dict[str, Any]:
        """An inclusion that is registered."""
        return self._done("/v1/inclusions", an_inclusion_request(ssin=ssin, **changes), role)

    def act(self, ssin: str = SSIN, role: str = "provider", **changes: Any) -> dict[str, Any]:
        """An action that is registered."""
        return self._done("/v1/actions", an_action_request(ssin=ssin, **changes), role)

    def _done(self, path: str, body: Body, role: str) -> dict[str, Any]:
        answer = self.send("POST", path, body, role=role)
        assert answer.status_code == 201, answer.text
        return dict(answer.get_json())


@contextmanager
def a_gateway(
    database_url: str,
    veil: Veil,
    issuer: Issuer,
    clock_path: Path,
    spans: Spans = NO_SPANS,
    connections: int = 8,
    role: str = "",
) -> Iterator[Gateway]:
    """The gateway as `build_app` composes it, with a clock of real time that can be moved."""
    legal, real, listed = SandboxClock(clock_path), RealClock(), Listed()
    store = Store(database_url, legal, connections, role)
    extracts = clock_path.parent / "extracts"
    context = Context(store, veil, real_now, extracts, statements=Statements(lambda: listed), spans=spans)
    denied = Denied(lambda: denied_keys(context))
    guard = TokenGuard(IssuerKeys(issuer.url), issuer.url, AUDIENCE, real, denied)
    metrics = Metrics()
    app = create_flask(context, Callers(guard), ROUTES, ("127.0.0.1", "localhost"), metrics)
    keys = clock_path.parent / "keys.json"
    if not keys.exists():
        write_keyring(new_keys(), keys)
    watch = watch_of(Settings(data_dir=clock_path.parent, free_mib=0), context)
    add_open_doors(app, context, metrics, watch)
    add_docs(app, ROUTES, is_sandbox=True)
    add_sandbox_doors(app, context, legal)
    try:
        yield Gateway(app, context, issuer, database_url, clock_path, real, listed).at(NOW)
    finally:
        store.close()


def an_inclusion_request(**changes: Any) -> dict[str, Any]:
    agreement = {"agreed_on": "2022-01-10", "informed": True, "in_target_group": True}
    return {"project": PROJECT, "ssin": SSIN, "agreement": agreement, **changes}


def an_action_request(**changes: Any) -> dict[str, Any]:
    return {"project": PROJECT, "ssin": SSIN, "pseudocode": PSEUDOCODE, "performed_on": "2022-02-14", **changes}


def a_project_request(**changes: Any) -> dict[str, Any]:
    """A project in a zone of its own: each id has its municipality."""
    nis = MUNICIPALITIES.get(changes.get("id", PROJECT), "63023")
    document = {
        "id": PROJECT,
        "name": {"fr": "Démo Nord", "nl": "Demo Noord"},
        "nihii": "12345625001",
        "contractor": {"name": "Demo Nord ASBL", "cbe": "0403019261"},
        "zone": [{"nis": nis, "population": 35000}],
        "convention": {"effective_from": "2021-09-01", "last_day": "2022-12-31"},
    }
    return {**document, **changes}


def a_pseudocode_request(**changes: Any) -> dict[str, Any]:
    label = {"fr": "Entretien de soutien", "nl": "Ondersteunend gesprek"}
    return {"code": PSEUDOCODE, "label": label, "level": "population", "components": [3, 6], **changes}


def an_assignment_request(**changes: Any) -> dict[str, Any]:
    return {"valid_from": "2021-09-01", "valid_until": None, **changes}


def a_partner_request(**changes: Any) -> dict[str, Any]:
    return {"category": "first_line", "discipline": "nurse", "from": "2021-09-01", "until": None, **changes}


def seed(gateway: Gateway) -> None:
    """Two projects with partners and pseudocodes, through the API."""

    def write(method: str, path: str, body: Body) -> None:
        answer = gateway.send(method, path, body, role="registrar")
        assert answer.status_code in (200, 201), answer.text

    write("POST", "/v1/projects", a_project_request())
    write("POST", "/v1/projects", a_project_request(id=FOREIGN_PROJECT))
    for code in (PSEUDOCODE, FOREIGN_PSEUDOCODE, EARLY_PSEUDOCODE):
        write("POST", "/v1/pseudocodes", a_pseudocode_request(code=code))
    write("POST", "/v1/pseudocodes", a_pseudocode_request(code=PROJECT_LEVEL_PSEUDOCODE, level="project"))
    for code in (PSEUDOCODE, PROJECT_LEVEL_PSEUDOCODE):
        write("PUT", f"/v1/projects/{PROJECT}/pseudocodes/{code}", an_assignment_request())
    early = an_assignment_request(valid_until="2022-02-10")
    write("PUT", f"/v1/projects/{PROJECT}/pseudocodes/{EARLY_PSEUDOCODE}", early)
    write("PUT", f"/v1/projects/{FOREIGN_PROJECT}/pseudocodes/{FOREIGN_PSEUDOCODE}", an_assignment_request())
    for project, partner in ((PROJECT, PROVIDER), (PROJECT, COLLEAGUE), (FOREIGN_PROJECT, FOREIGN_PROVIDER)):
        write("PUT", f"/v1/projects/{project}/partners/{partner}", a_partner_request())
