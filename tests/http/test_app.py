"""The composition root: the whole gateway from its settings, with and without its sandbox."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from flask import Flask

from gateway import app as composition
from gateway.app import build_app, build_context, build_way_out, legal_clock
from gateway.clock import SandboxClock, real_now
from gateway.http.server import Server, configure_logging
from gateway.pseudonyms.blind import BlindPseudonymiser
from gateway.pseudonyms.keyring import Keyring, KeyringError, new_keys, write_keyring
from gateway.services.context import Context
from gateway.settings import Settings, SettingsError
from gateway.spans import NO_SPANS, Spans
from gateway.store.dialects import WORKER
from tests.http.issuer import Issuer, an_rsa_key
from tests.http.test_access import rules_of
from tests.http.truth import OPEN, SANDBOX, TRUTH
from tests.pseudonyms.services import pem


@pytest.fixture
def settings(tmp_path: Path, seeded_sqlite: Path, keyring: Keyring, issuer: Issuer) -> Settings:
    """A data directory with a key ring and a seeded register."""
    write_keyring(keyring, tmp_path / "keys.json")
    shutil.copy(seeded_sqlite, tmp_path / "register.sqlite3")
    return Settings(data_dir=tmp_path, issuer=issuer.url)


@pytest.fixture(autouse=True)
def closing_their_stores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever is composed here is closed at the end of its test."""
    opened: list[Context] = []

    def build(settings: Settings, spans: Spans, role: str = WORKER) -> Context:
        opened.append(build_context(settings, spans, role))
        return opened[-1]

    monkeypatch.setattr(composition, "build_context", build)
    yield
    for context in opened:
        context.store.close()


def get(app: Flask, path: str, token: str | None = None) -> Any:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return app.test_client().get(path, headers=headers)


def test_gateway_of_its_settings_serves(settings: Settings, issuer: Issuer) -> None:
    app = build_app(settings)

    assert get(app, "/ready").status_code == 200
    assert len(get(app, "/v1/projects", issuer.token("auditor")).get_json()["items"]) == 2
    assert get(app, "/v1/projects", issuer.token("auditor", aud="other")).status_code == 401


def test_audience_and_hosts_are_those_of_the_settings(settings: Settings, issuer: Issuer) -> None:
    app = build_app(replace(settings, audience="chroniccare-acc", trusted_hosts=("gateway.example",)))
    token = issuer.token("auditor", aud="chroniccare-acc")

    assert app.test_client().get("/v1/projects", headers={"Authorization": f"Bearer {token}"}).status_code == 400
    answer = app.test_client().get(
        "/v1/projects", headers={"Authorization": f"Bearer {token}"}, base_url="http://gateway.example"
    )
    assert answer.status_code == 200


def test_sandbox_doors_are_404_without_the_sandbox(settings: Settings, issuer: Issuer) -> None:
    app, sandbox = build_app(settings), build_app(replace(settings, sandbox=True))

    assert rules_of(app) == {*TRUTH, *OPEN}
    assert rules_of(sandbox) == {*TRUTH, *OPEN, *SANDBOX}
    for route, (path, body, _) in SANDBOX.items():
        method = route.partition(" ")[0]
        answer = app.test_client().open(path, method=method, json=body)
        assert (answer.status_code, answer.get_json()["code"]) == (404, "not-found")
        assert get(app, path, issuer.token("registrar")).status_code == 404
    assert get(sandbox, "/sandbox/clock").get_json() == {"now": "2021-08-31T22:00:00Z"}


def test_legal_clock_is_the_machines_but_in_the_sandbox(settings: Settings) -> None:
    assert legal_clock(settings) is real_now
    assert abs(real_now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert isinstance(legal_clock(replace(settings, sandbox=True)), SandboxClock)


def test_gateway_without_an_issuer_does_not_start(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="CHRONICCARE_ISSUER is missing"):
        build_app(replace(settings, issuer=""))


def test_pseudonyms_come_from_where_the_key_ring_says(settings: Settings, tmp_path: Path) -> None:
    write_keyring(new_keys("x"), tmp_path / "x.json")
    owner_key = tmp_path / "owner.pem"
    owner_key.write_bytes(pem(an_rsa_key()))
    owner_key.chmod(0o400)
    url = "https://ehealth.example/pseudo/v1/domains/x"
    blind = replace(settings, keys=tmp_path / "x.json", pseudonym_domain=url, pseudonym_key=owner_key)

    assert isinstance(composition.build_context(blind, NO_SPANS).veil.pseudonymiser, BlindPseudonymiser)
    for wrong, why in (
        (replace(settings, pseudonym_domain=url), "pseudonyms made by this gateway alone"),
        (replace(blind, pseudonym_domain=""), "pseudonyms made by the domain x"),
        (replace(blind, pseudonym_domain=f"{url}/"), None),
        (replace(blind, pseudonym_domain=f"{url}y"), "pseudonyms made by the domain x"),
        (replace(blind, pseudonym_key=None), "CHRONICCARE_PSEUDONYM_KEY is missing"),
    ):
        with nullcontext() if why is None else pytest.raises(SettingsError, match=why):
            composition.build_context(wrong, NO_SPANS)


def test_gateway_without_keys_does_not_start(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="there is no key ring"):
        build_app(replace(settings, keys=tmp_path / "absent.json"))


def test_worker_needs_the_address_of_mycarenet(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="CHRONICCARE_MYCARENET_URL is missing"):
        build_way_out(settings)

    _, pace = build_way_out(replace(settings, mycarenet_url="http://127.0.0.1:9", lease_seconds=7, backoff_seconds=3))

    assert pace.lease == timedelta(seconds=7)


def test_server_takes_its_options_and_builds_after_the_fork(settings: Settings) -> None:
    built: list[Flask] = []

    def build() -> Flask:
        built.append(build_app(settings))
        return built[-1]

    server = Server(build, {"threads": 3, "bind": "127.0.0.1:0"})

    assert (server.cfg.threads, built) == (3, [])
    assert server.load() is built[0]


def test_log_is_one_json_object_per_line(
    settings: Settings, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = structlog.get_config()
    configure_logging()
    try:
        structlog.get_logger("test").info("answered", status=200)
    finally:
        structlog.configure(**before)

    line = json.loads(capfd.readouterr().err)
    assert (line["event"], line["status"], line["level"]) == ("answered", 200, "info")
    assert datetime.fromisoformat(line["timestamp"]).tzinfo is not None
