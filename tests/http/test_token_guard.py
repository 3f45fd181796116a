"""The guard of tokens alone: what it refuses and why, whom it names, and when a token's life ends."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from gateway.clock import real_now
from gateway.domain.access import Caller, Role
from gateway.domain.errors import ExpiredToken, InvalidToken, IssuerUnavailable
from gateway.http.tokens import LARGEST_TOKEN_BYTES, LEEWAY_SECONDS, LONGEST_LIFE_SECONDS, TokenGuard
from gateway.upstream.jwks import IssuerKeys
from tests.builders import PROJECT, PROVIDER
from tests.http.issuer import AUDIENCE, Issuer, an_ec_key, an_rsa_key, signed
from tests.http.test_claims import RAW, REFUSED
from tests.http.test_tokens import FORGED


@pytest.fixture(scope="module")
def guard(issuer: Issuer) -> TokenGuard:
    return TokenGuard(IssuerKeys(issuer.url), issuer.url, AUDIENCE, real_now, {"rsa-1"})


def why(guard: TokenGuard, token: str) -> str:
    """Why a token is refused."""
    try:
        guard.verify(token)
    except (InvalidToken, ExpiredToken) as refused:
        return refused.reason
    return "taken"


def all_refused(issuer: Issuer) -> Iterator[tuple[str, str]]:
    """Every token that the other tests send to the gateway, by what is wrong with it."""
    for attack, forge in FORGED.items():
        yield attack, forge(issuer)
    for case, (role, change) in REFUSED.items():
        good = issuer.claims(role)
        changed = {**good, **(change(good) if callable(change) else change)}
        claims = {name: value for name, value in changed.items() if value is not None}
        yield case, signed(issuer.header(), claims, an_ec_key(), "ES256")
    for case, spoil in RAW.items():
        yield case, signed(issuer.header(), spoil(json.dumps(issuer.claims())).encode(), an_ec_key(), "ES256")


REASONS: Mapping[str, str] = {
    "A01": "shape algorithm",
    "A02": "shape",
    "A03": "algorithm",
    "A04": "algorithm",
    "A05": "denied key signature",
    "A06": "algorithm denied signature",
    "A08": "header",
    "A10": "header",
    "A11": "header",
    "A12": "header key",
    "A14": "header",
    "A15": "header",
    "A16": "header",
    "A17": "header",
    "A18": "header",
    "A24": "signature",
    "A26": "json",
    "A27": "header algorithm",
    "A28": "json base64 shape",
    "A29": "shape",
    "B03": "times",
    "B04": "times",
    "B05": "life json",
    "B06": "life",
    "B07": "times name",
    "B08": "early",
    "B09": "early times json",
    "B10": "issuer or audience",
    "B11": "issuer or audience",
    "B12": "issuer or audience",
    "B13": "name",
    "B15": "json",
    "B17": "json shape",
    "B18": "name json",
    "B20": "role",
    "B21": "nihii project insurer",
    "C06": "issuer or audience",
    "C10": "issuer or audience",
}


def test_token_is_refused_for_what_is_wrong_with_it(guard: TokenGuard, issuer: Issuer) -> None:
    found = {case: why(guard, token) for case, token in all_refused(issuer)}

    assert {case: reason for case, reason in found.items() if reason not in REASONS[case[:3]]} == {}
    assert all(
        reason in found.values() for reasons in REASONS.values() for reason in reasons.split(" ") if "or" not in reasons
    )


def test_token_of_each_role_names_its_caller_and_the_end_of_its_life(guard: TokenGuard, issuer: Issuer) -> None:
    found = {role: guard.verify(issuer.token(role, sub="somebody", exp=int(time.time()) + 60)) for role in Role}

    own = {
        Role.PROVIDER: {"nihii": PROVIDER},
        Role.PROJECT_ADMIN: {"project": PROJECT},
        Role.COORDINATOR: {"project": PROJECT},
        Role.INSURER: {"insurer": "100"},
    }
    assert {role: caller for role, (caller, _) in found.items()} == {
        role: Caller(issuer.url, "somebody", role, **own.get(role, {})) for role in Role
    }
    assert all(0 <= time.time() + 60 - ends_at <= 10 for _, ends_at in found.values())


NOW = datetime(2022, 1, 15, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("issued", "life", "nbf", "reason"),
    [
        (0, 1, None, ""),
        (-5, LONGEST_LIFE_SECONDS, None, ""),
        (-5, LONGEST_LIFE_SECONDS + 1, None, "life"),
        (-5, 0, None, "life"),
        (LEEWAY_SECONDS, 60, None, ""),
        (LEEWAY_SECONDS + 1, 60, None, "early"),
        (0, 60, LEEWAY_SECONDS, ""),
        (0, 60, LEEWAY_SECONDS + 1, "early"),
        (LEEWAY_SECONDS + 1, 60, 0, "early"),
        (-60, 60 - LEEWAY_SECONDS + 1, None, ""),
        (-60, 60 - LEEWAY_SECONDS, None, "expired"),
    ],
)
def test_times_have_their_edges(issuer: Issuer, issued: int, life: int, nbf: int | None, reason: str) -> None:
    guard = TokenGuard(IssuerKeys(issuer.url), issuer.url, AUDIENCE, lambda: NOW)
    at = int(NOW.timestamp())
    token = issuer.token(iat=at + issued, exp=at + issued + life, nbf=None if nbf is None else at + nbf)

    if reason:
        assert why(guard, token) == reason
    else:
        assert guard.verify(token)[1] == at + issued + life


def test_age_is_checked_to_the_second(issuer: Issuer) -> None:
    times = iter([NOW + timedelta(seconds=LEEWAY_SECONDS - 1), NOW + timedelta(seconds=LEEWAY_SECONDS)])
    guard = TokenGuard(IssuerKeys(issuer.url), issuer.url, AUDIENCE, lambda: next(times))

    guard.check_age(int(NOW.timestamp()))
    with pytest.raises(ExpiredToken):
        guard.check_age(int(NOW.timestamp()))


@pytest.mark.parametrize("at", ["2022-03-27T01:00:00", "2022-10-30T00:00:00", "2022-10-30T01:00:00"])
def test_night_in_which_the_clocks_change_moves_no_end_of_a_life(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """B23: the machine's zone has no say."""
    monkeypatch.setenv("TZ", "Europe/Brussels")
    time.tzset()
    now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    ends_at = now + timedelta(seconds=60 + LEEWAY_SECONDS)
    token = issuer.token(iat=int(now.timestamp()) - 1, exp=int(now.timestamp()) + 60)

    found = []
    for shown in (now - timedelta(seconds=1), ends_at - timedelta(seconds=1), ends_at):
        guard = TokenGuard(
            IssuerKeys(issuer.url), issuer.url, AUDIENCE, partial(datetime.fromtimestamp, shown.timestamp(), UTC)
        )
        found.append(why(guard, token))
    monkeypatch.undo()
    time.tzset()

    assert found == ["taken", "taken", "expired"]


def test_longest_token_and_longest_names_are_taken(issuer: Issuer, guard: TokenGuard) -> None:
    def padded(length: int) -> str:
        return issuer.token(sub="s" * 255, jti="~" * 255, padding="p" * length)

    exact = next(token for length in range(4000, 6500) if len(token := padded(length)) >= LARGEST_TOKEN_BYTES)

    assert len(exact) == LARGEST_TOKEN_BYTES
    assert guard.verify(exact)[0].subject == "s" * 255
    assert why(guard, exact + "A") == "shape"


def test_key_of_a_token_is_that_of_its_header_whatever_it_claims(issuer: Issuer) -> None:
    guard = TokenGuard(IssuerKeys(issuer.url), issuer.url, AUDIENCE, real_now)
    token = signed(issuer.header(kid="rsa-1", alg="PS256"), {"kid": "ec-1"}, an_rsa_key(), "PS256")

    assert (guard.key_of(token).key_id, guard.key_of(token).algorithm_name) == ("rsa-1", "PS256")


def test_issuer_that_never_answered_is_unavailable(issuer: Issuer) -> None:
    guard = TokenGuard(IssuerKeys("http://127.0.0.1:9"), issuer.url, AUDIENCE, real_now)

    with pytest.raises(IssuerUnavailable):
        guard.verify(issuer.token())


def a_hash(name: str, value: str) -> str:
    return f"{name}:{len(value)}"


def test_of_a_refused_token_a_log_may_tell_what_is_known_and_hashes_of_the_rest(
    guard: TokenGuard, issuer: Issuer
) -> None:
    guard.verify(issuer.token())
    claims = issuer.claims(jti="one")

    def told(header: Any, payload: Any) -> dict[str, str]:
        return guard.told_of(signed(header, payload, an_ec_key(), "ES256"), a_hash)

    assert told(issuer.header(), claims) == {"iss": issuer.url, "kid": "ec-1", "jti": "jti:3"}
    assert told(issuer.header(kid="rsa-1"), {"iss": "other"}) == {"iss": "iss:5", "kid": "rsa-1"}
    assert told(issuer.header(kid="unknown"), {**claims, "iss": 7}) == {"kid": "kid:7", "jti": "jti:3"}
    assert told(issuer.header(kid=None), {**claims, "jti": ["one"]}) == {"iss": issuer.url}
    assert told(b"[]", claims) == {"iss": issuer.url, "jti": "jti:3"}
    assert told(issuer.header(), b"{") == {"kid": "ec-1"}


def test_of_a_token_of_another_shape_or_size_a_log_tells_nothing(guard: TokenGuard, issuer: Issuer) -> None:
    def longest(spare: int) -> str:
        text = issuer.token(padding="")
        return issuer.token(padding="p" * ((LARGEST_TOKEN_BYTES - len(text) - spare) * 3 // 4))

    fits = next(one for spare in range(40) if len(one := longest(spare)) <= LARGEST_TOKEN_BYTES)

    assert guard.told_of(fits, a_hash).keys() == {"iss", "kid", "jti"}
    assert guard.told_of(fits + "A" * (LARGEST_TOKEN_BYTES - len(fits)), a_hash).keys() == {"iss", "kid", "jti"}
    assert guard.told_of(fits + "A" * (LARGEST_TOKEN_BYTES - len(fits) + 1), a_hash) == {}
    assert guard.told_of(issuer.token() + ".", a_hash) == {}
    assert guard.told_of(f"a.{issuer.token().partition('.')[2]}", a_hash).keys() == {"iss", "jti"}
