"""Rates: of each caller and project, on all gateways together; whoever is over it is told when to come again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.app import ROUTES, limit_of, rates_of
from gateway.domain.errors import StoreUnavailable, TooManyRequests
from gateway.domain.rate import Limit
from gateway.http import rates
from gateway.http.callers import Callers
from gateway.http.factory import create_flask
from gateway.http.metrics import Metrics
from gateway.http.rates import Rates
from gateway.http.tokens import TokenGuard
from gateway.settings import Settings
from gateway.upstream.jwks import IssuerKeys
from tests.http.issuer import AUDIENCE
from tests.http.wire import Gateway

BURST = 40
LIMIT = Limit(per_second=2, burst=BURST)


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Real time as the rates see it, moved by hand."""
    clock = SimpleNamespace(now=1_700_000_000.0)
    monkeypatch.setattr(rates, "time", SimpleNamespace(time=lambda: clock.now))
    return clock


def limited(gateway: Gateway, caller: Limit | None = LIMIT, project: Limit | None = None) -> Gateway:
    """A further gateway on the same register, with limits."""
    guard = TokenGuard(IssuerKeys(gateway.issuer.url), gateway.issuer.url, AUDIENCE, gateway.real_clock)
    counted = Rates(gateway.context, caller, project)
    hosts = ("127.0.0.1", "localhost")
    app = create_flask(gateway.context, Callers(guard), ROUTES, hosts, Metrics(), counted)
    return Gateway(
        app,
        gateway.context,
        gateway.issuer,
        gateway.database_url,
        gateway.clock_path,
        gateway.real_clock,
        gateway.listed,
        gateway.tokens,
    )


def ask(gateway: Gateway, role: str = "auditor", **claims: Any) -> TestResponse:
    return gateway.send("GET", "/v1/projects", role=role, **claims)


def statuses(gateway: Gateway, count: int, role: str = "auditor") -> list[int]:
    return [ask(gateway, role).status_code for _ in range(count)]


def test_caller_over_the_rate_is_429_with_when_to_come_again_and_no_effect(
    gateway: Gateway, ticks: SimpleNamespace
) -> None:
    one = limited(gateway)

    assert statuses(one, BURST) == [200] * BURST
    before = gateway.counts()
    refused = ask(one)

    assert (refused.status_code, refused.get_json()["code"]) == (429, "too-many-requests")
    assert refused.headers["Retry-After"] == "1"
    assert gateway.counts() == before
    assert ask(one, "policy_maker").status_code == 200
    ticks.now += 1
    assert statuses(one, 3) == [200, 200, 429]


def test_rate_holds_for_all_gateways_together(gateway: Gateway, ticks: SimpleNamespace) -> None:
    first, second = limited(gateway), limited(gateway)

    passed = [ask(one).status_code for _ in range(BURST) for one in (first, second)].count(200)

    assert BURST <= passed <= BURST + 2 * BURST // rates.SHARED_EVERY


def test_answer_tells_how_many_are_left(light_gateway: Gateway, ticks: SimpleNamespace) -> None:
    one = limited(light_gateway)

    first, second = ask(one), ask(one)

    assert first.headers["RateLimit-Policy"] == f'"caller";q={BURST};w=20'
    assert [answer.headers["RateLimit"] for answer in (first, second)] == ['"caller";r=39;t=0', '"caller";r=38;t=1']
    assert "RateLimit" not in ask(light_gateway).headers


def test_callers_of_one_project_share_its_rate_and_others_do_not(
    light_gateway: Gateway, ticks: SimpleNamespace
) -> None:
    one = limited(light_gateway, caller=None, project=LIMIT)

    passed = [ask(one, role).status_code for _ in range(BURST) for role in ("project_admin", "coordinator")].count(200)

    assert passed == BURST
    assert ask(one, "coordinator", project="demo-sud").status_code == 200
    assert ask(one, "provider").status_code == 200


def test_clock_that_was_wrong_shuts_nobody_out_for_longer_than_a_window(
    gateway: Gateway, ticks: SimpleNamespace
) -> None:
    one = limited(gateway)
    ticks.now += 7200
    statuses(one, BURST)

    ticks.now -= 7200
    back = [ask(limited(gateway)).status_code, ask(one).headers["Retry-After"]]
    ticks.now += 1

    assert back == [200, "1"]
    assert ask(one).status_code == 200


def test_register_that_is_away_leaves_each_gateway_with_what_it_knows(
    light_gateway: Gateway, ticks: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Rates(light_gateway.context, LIMIT)
    caller = Callers(
        TokenGuard(IssuerKeys(light_gateway.issuer.url), light_gateway.issuer.url, AUDIENCE, light_gateway.real_clock)
    )._caller(light_gateway.token("auditor"))

    def away(*_: object) -> None:
        raise StoreUnavailable

    monkeypatch.setattr("gateway.store.rates.Rates.spend", away)
    for _ in range(BURST):
        counted.take(caller)

    with pytest.raises(TooManyRequests):
        counted.take(caller)


def test_only_so_many_askers_are_remembered(
    light_gateway: Gateway, ticks: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "REMEMBERED", 1)
    one = limited(light_gateway)

    assert [ask(one, role).status_code for role in ("auditor", "registrar", "auditor")] == [200] * 3


def test_rate_of_zero_is_none_and_a_minute_may_come_at_once() -> None:
    assert limit_of(0) is None
    assert limit_of(0.001) == Limit(0.001, 1)
    assert limit_of(50) == Limit(50, 3000)


def test_sandbox_has_no_limit_unless_one_is_set(light_gateway: Gateway) -> None:
    sandbox, usual, own = (
        rates_of(settings, light_gateway.context)
        for settings in (Settings(sandbox=True), Settings(), Settings(sandbox=True, caller_rate=1.0))
    )

    assert (sandbox._caller, sandbox._project) == (None, None)
    assert (usual._caller, usual._project) == (Limit(50, 3000), Limit(200, 12000))
    assert (own._caller, own._project) == (Limit(1, 60), None)
