"""Valid tokens, changed at random: the guard takes none, the door answers none with 5xx, and nobody is asked."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Callable
from typing import Any

import pytest

from gateway.clock import real_now
from gateway.domain.errors import InvalidToken
from gateway.http.tokens import TokenGuard
from gateway.upstream import jwks
from gateway.upstream.jwks import IssuerKeys
from tests.http.issuer import AUDIENCE, ROLES, Issuer, an_rsa_key, base64url, from_base64url, signed
from tests.http.wire import Gateway

MUTATIONS = 100_000
OVER_HTTP = 2_000
SEED = 20220115
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
ODD = "=+/ \"'{}%~.é"
VALUES: tuple[object, ...] = ("registrar", "none", "ec-2", "rsa-1", "at+jwt", 0, None, [], {}, 2**40, True, 1.5)
Mutate = Callable[[random.Random, str, str], str]


def _flip(dice: random.Random, token: str, _other: str) -> str:
    """One character for another of the alphabet."""
    place = dice.randrange(len(token))
    return token[:place] + dice.choice(ALPHABET) + token[place + 1 :]


def _insert(dice: random.Random, token: str, _other: str) -> str:
    place = dice.randrange(len(token) + 1)
    return token[:place] + dice.choice(ALPHABET + ODD) + token[place:]


def _cut(dice: random.Random, token: str, _other: str) -> str:
    place = dice.randrange(len(token))
    return token[:place] + token[place + dice.randrange(1, 40) :]


def _swap(dice: random.Random, token: str, other: str) -> str:
    """A segment of another valid token."""
    parts, others = token.split("."), other.split(".")
    place = dice.randrange(3)
    parts[place] = others[place]
    return ".".join(parts)


def _bits(dice: random.Random, token: str, _other: str) -> str:
    """Some bits of what a segment says."""
    parts = token.split(".")
    place = dice.randrange(3)
    raw = bytearray(from_base64url(parts[place]))
    for _ in range(dice.choice((1, 1, 1, 2, 8))):
        raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
    parts[place] = base64url(bytes(raw))
    return ".".join(parts)


def _rewrite(dice: random.Random, token: str, _other: str) -> str:
    """A member of header or claims that says something else, comes in addition, or is gone."""
    parts = token.split(".")
    place = dice.randrange(2)
    members = json.loads(from_base64url(parts[place]))
    name = dice.choice([*members, "scope", "jku", "crit"])
    if dice.random() < 0.2:
        members.pop(name, None)
    else:
        members[name] = dice.choice(VALUES)
    parts[place] = base64url(json.dumps(members).encode())
    return ".".join(parts)


def _double(dice: random.Random, token: str, _other: str) -> str:
    """A member of header or claims twice."""
    parts = token.split(".")
    place = dice.randrange(2)
    text = from_base64url(parts[place]).decode()
    name = dice.choice([*json.loads(text)])
    parts[place] = base64url(text.replace(f'"{name}"', f'"{name}": 1, "{name}"', 1).encode())
    return ".".join(parts)


WAYS: tuple[Mutate, ...] = (_flip, _insert, _cut, _swap, _bits, _rewrite, _double)


def valid_tokens(issuer: Issuer) -> list[str]:
    """A token of each role and of each algorithm."""
    by_rsa = [
        signed(issuer.header(alg=algorithm, kid="rsa-1"), issuer.claims(), an_rsa_key(), algorithm)
        for algorithm in ("RS256", "PS256")
    ]
    return [*(issuer.token(role) for role in ROLES), *by_rsa]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The addresses that this process connects to from now on; the issuer is not asked again."""
    addresses: list[Any] = []
    connect = socket.socket.connect

    def noted(self: socket.socket, address: Any) -> None:
        addresses.append(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", noted)
    monkeypatch.setattr(jwks, "COOL_DOWN_SECONDS", 3600.0)
    return addresses


@pytest.mark.repetitive
def test_no_mutation_of_a_valid_token_passes_the_guard_or_makes_it_ask_anybody(
    issuer: Issuer, asked: list[Any]
) -> None:
    dice, valid = random.Random(SEED), valid_tokens(issuer)
    guard = TokenGuard(IssuerKeys(issuer.url), issuer.url, AUDIENCE, real_now)
    assert all(guard.verify(token) for token in valid)
    asked.clear()

    accepted = [token for token in _mutated(dice, valid, MUTATIONS) if _passes(guard, token)]

    assert accepted == []
    assert asked == []


def _mutated(dice: random.Random, valid: list[str], count: int) -> list[str]:
    """Mutations that are none of the valid tokens."""
    found: list[str] = []
    while len(found) < count:
        token, other = dice.sample(valid, 2)
        changed = dice.choice(WAYS)(dice, token, other)
        if changed not in valid:
            found.append(changed)
    return found


def _passes(guard: TokenGuard, token: str) -> bool:
    try:
        guard.verify(token)
    except InvalidToken:
        return False
    return True


def test_mutation_of_a_valid_token_is_401_at_the_door_and_stores_nothing(
    shared_gateway: Gateway, issuer: Issuer, asked: list[Any]
) -> None:
    dice, valid = random.Random(SEED + 1), valid_tokens(issuer)
    before, client = shared_gateway.counts(), shared_gateway.app.test_client()
    asked.clear()

    statuses = {
        client.get("/v1/projects", headers={"Authorization": f"Bearer {token}"}).status_code
        for token in _mutated(dice, valid, OVER_HTTP)
    }

    assert statuses == {401}
    assert shared_gateway.counts() == before
    assert [address for address in asked if f":{address[1]}" not in issuer.url] == []
