"""What a register keeps under its keys, made once by hand from the definitions: a change of any would orphan it.

Each value follows from keys of one repeated byte by HMAC-SHA-256, HKDF and AES-GCM as another program computes them.
"""

from __future__ import annotations

import secrets
import time
from uuid import UUID

import pytest

from gateway.pseudonyms.curve import ORDER, new_scalar
from gateway.pseudonyms.fingerprints import Fingerprints
from gateway.pseudonyms.identifiers import Identifiers
from gateway.pseudonyms.keyring import Key, Keyring, Purpose, new_keys
from gateway.pseudonyms.local import LocalPseudonymiser
from gateway.pseudonyms.sealing import Sealer
from tests.builders import a_caller, an_ssin

BYTES = {
    Purpose.PSEUDONYM: 1,
    Purpose.BUCKET: 2,
    Purpose.IDENTIFIER: 3,
    Purpose.SEALING: 4,
    Purpose.FINGERPRINT: 5,
}
FIXED = Keyring(
    [Key(purpose, 1, bytes([byte]) * 32) for purpose, byte in BYTES.items()] + [new_keys().newest(Purpose.RECEIPT)]
)
PSEUDONYM = bytes.fromhex("2ba1d4d880839805c20e5d151f21d9bab20b613ac855227fadf3e3bcdd326e97")
SOMEBODY = a_caller(issuer="https://issuer.example", subject="somebody", nihii="10000007")


def test_a_pseudonym_and_its_bucket_are_those_of_their_definition() -> None:
    pseudonymiser = LocalPseudonymiser(FIXED)

    assert pseudonymiser.pseudonymise(an_ssin("85073003328"), "demo-nord") == PSEUDONYM
    assert pseudonymiser.bucket(PSEUDONYM) == 2071


def test_an_identifier_routes_as_its_definition_says() -> None:
    identifier = UUID("017e5cf7-0680-881c-aaaa-aaaaaaaaaaaa")

    assert Identifiers(FIXED).bucket_of(identifier) == 1234


def test_a_fresh_identifier_says_when_it_was_made_and_is_of_its_version_and_variant() -> None:
    for _ in range(50):
        before = time.time_ns() // 1_000_000
        number = Identifiers(FIXED).new(7).int
        assert before <= number >> 80 <= time.time_ns() // 1_000_000
        assert (number >> 76 & 0xF, number >> 62 & 3) == (8, 2)
    assert Identifiers(FIXED).at(7, 2**48 + 5).int >> 80 == 5


def test_fingerprints_are_those_of_their_definition() -> None:
    fingerprints = Fingerprints(FIXED)

    assert fingerprints.person(SOMEBODY) == "9cc300ff1251d12aca306b80bc3ee105"
    assert fingerprints.claim("jti", "one") == "f00b7fc52ef2d00a"
    asker = fingerprints.asker("issuer", "somebody")
    assert asker.hex() == "ed28e7fb60135dca0433a329ae8aa2e2cfaa2e28125fa7e644d8d36de54fb345"
    key = fingerprints.key(SOMEBODY, "POST /v1/inclusions", "key-1")
    assert key.hex() == "74baeebe2edae70d9d3f52e277aa0b34267d792b6f73f079f6e0fa345a0e05cb"
    request = fingerprints.request("/v1/inclusions", b"{}")
    assert request.hex() == "cd27aa5e950915727a29f36661c22812722c049dd46a1f523b1b226e6867e651"
    assert fingerprints.message(b"{}") == UUID("8412e72b-d4da-8ea9-8313-5afbca62d466")
    assert (
        fingerprints.line(SOMEBODY, b"{}").hex() == "1ccd74e658a63d22cbe0e6ea2f91ec39187abc8ac0ca75b3157b55433cd2db29"
    )


def test_what_was_sealed_is_opened() -> None:
    sealed = bytes.fromhex("0001000102030405060708090a0b03b12346a75062ab649500074fe22aa7662f10bb10fad474f9ab5f")

    assert Sealer(FIXED).unseal_bytes(sealed, "vault|demo-nord|00|sealed_ssin") == b"85073003328"


def test_a_scalar_is_drawn_from_1_to_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds: list[int] = []

    def least(bound: int) -> int:
        bounds.append(bound)
        return 0

    monkeypatch.setattr(secrets, "randbelow", least)

    assert new_scalar() == 1
    assert bounds == [ORDER - 1]
