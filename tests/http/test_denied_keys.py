"""Keys of the issuer that an operator denied: on every gateway within a minute, also for tokens that are remembered."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.domain.errors import StoreUnavailable
from gateway.http import denied
from gateway.http.denied import OLDEST_SECONDS, READ_AGAIN_SECONDS, Denied
from gateway.pseudonyms.veil import Veil
from gateway.services.deny_key import deny_key, lift_denial
from gateway.store.tables import audit_entry
from tests.http.issuer import Issuer, an_rsa_key, signed
from tests.http.test_tokens import ask, assert_refused
from tests.http.wire import Gateway, a_gateway


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The machine's monotonic clock, moved by hand."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(denied, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_denied_key_ends_its_tokens_on_every_gateway_and_no_others(
    gateway: Gateway, issuer: Issuer, veil: Veil, ticks: SimpleNamespace, tmp_path: Path
) -> None:
    token = issuer.token()
    other = signed(issuer.header(alg="RS256", kid="rsa-1"), issuer.claims(), an_rsa_key(), "RS256")
    with ExitStack() as opened:
        second = opened.enter_context(a_gateway(gateway.database_url, veil, issuer, tmp_path / "second"))
        for one in (gateway, second):
            assert [ask(one, each).status_code for each in (token, other)] == [200, 200]

        deny_key(gateway.context, "ec-1")
        ticks.now += READ_AGAIN_SECONDS

        for one in (gateway, second):
            assert_refused(ask(one, token))
            assert ask(one, other).status_code == 200
        assert lift_denial(gateway.context, "ec-1")
        ticks.now += READ_AGAIN_SECONDS
        assert [ask(one, token).status_code for one in (gateway, second)] == [200, 200]


def test_denial_is_read_in_far_less_than_a_minute() -> None:
    assert READ_AGAIN_SECONDS < OLDEST_SECONDS <= 60


def test_key_may_be_denied_twice_and_each_is_audited(light_gateway: Gateway) -> None:
    before = light_gateway.counts()[audit_entry.name]

    deny_key(light_gateway.context, "ec-1")
    deny_key(light_gateway.context, "ec-1")
    lifted = [lift_denial(light_gateway.context, "ec-1") for _ in range(2)]

    assert lifted == [True, False]
    assert light_gateway.counts()[audit_entry.name] == before + 4


@dataclass
class Register:
    """A list of denied keys that may be out of reach."""

    kids: frozenset[str] = frozenset()
    is_away: bool = False
    reads: int = 0

    def __call__(self) -> frozenset[str]:
        self.reads += 1
        if self.is_away:
            raise StoreUnavailable
        return self.kids


def test_list_is_read_once_in_a_while_and_not_by_who_comes_while_another_reads(ticks: SimpleNamespace) -> None:
    register = Register(frozenset({"a"}))
    listed = Denied(register)

    assert ["a" in listed, "b" in listed, register.reads] == [True, False, 1]
    ticks.now += READ_AGAIN_SECONDS
    with listed._lock:
        assert "a" in listed
    assert register.reads == 1
    assert "a" in listed
    assert register.reads == 2


def test_old_list_serves_while_the_register_is_away_and_for_no_minute_longer(ticks: SimpleNamespace) -> None:
    register = Register(frozenset({"a"}))
    listed = Denied(register)
    assert "a" in listed

    register.is_away = True
    ticks.now += OLDEST_SECONDS - 1
    assert "a" in listed
    ticks.now += 1
    with pytest.raises(StoreUnavailable):
        "b" in listed  # noqa: B015 - asking is what fails
    register.is_away = False
    assert "b" not in listed
