"""What a domain's owner opens: transits and keys, each changed in one way."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.pseudonyms.curve import ORDER
from gateway.pseudonyms.transit import BrokenTransit, Domain, UnknownTransitKey, open_domain, scalar_of
from tests.http.issuer import an_rsa_key, base64url

NOW = datetime(2022, 1, 15, 9, tzinfo=UTC)
SECOND = int(NOW.timestamp())
KEY, IV = bytes(range(32)), bytes(12)
DOMAIN = Domain(8, "gateway", {"k1": KEY})
OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


def a_transit(header: object = None, payload: object = None, key: bytes = KEY) -> str:
    protected = base64url(json.dumps(header or a_header()).encode())
    sealed = AESGCM(key).encrypt(IV, json.dumps(payload or a_payload()).encode(), protected.encode())
    return f"{protected}..{base64url(IV)}.{base64url(sealed[:-16])}.{base64url(sealed[-16:])}"


def a_header(**changes: Any) -> dict[str, Any]:
    return {"alg": "dir", "enc": "A256GCM", "kid": "k1", "aud": "gateway", **changes}


def a_payload(scalar: int = 5, **changes: Any) -> dict[str, Any]:
    encoded = base64.b64encode(scalar.to_bytes(67, "big")).decode()
    return {"iat": SECOND, "exp": SECOND + 600, "scalar": encoded, **changes}


def an_encoded_key(protected: object = None, plain: object = None, aad: str = "", **changes: Any) -> dict[str, Any]:
    first = base64url(json.dumps(protected or {"enc": "A256GCM"}).encode())
    associated = f"{first}.{aad}" if aad else first
    sealed = AESGCM(KEY).encrypt(IV, json.dumps(plain or {"k": base64url(KEY)}).encode(), associated.encode())
    parts = {"ciphertext": base64url(sealed[:-16]), "tag": base64url(sealed[-16:]), "iv": base64url(IV)}
    own = {"encrypted_key": base64url(an_rsa_key().public_key().encrypt(KEY, OAEP))}
    return {"protected": first, "aad": aad, "recipients": [own], **parts, **changes}


def a_domain(*encoded: dict[str, Any]) -> dict[str, Any]:
    keys = [{"kid": f"k{number}", "encoded": one} for number, one in enumerate(encoded)]
    return {"buffer_bytes": 8, "audience": "gateway", "secret_keys": keys}


@pytest.mark.parametrize("scalar", [1, 5, ORDER - 1])
def test_a_transit_gives_its_scalar(scalar: int) -> None:
    assert scalar_of(a_transit(payload=a_payload(scalar)), DOMAIN, NOW) == scalar


@pytest.mark.parametrize("seconds", [-60, 0, 600, 660])
def test_a_transit_holds_with_a_minute_of_skew(seconds: int) -> None:
    assert scalar_of(a_transit(), DOMAIN, NOW + timedelta(seconds=seconds)) == 5


@pytest.mark.parametrize("seconds", [-61, 661])
def test_a_transit_does_not_hold_before_and_after(seconds: int) -> None:
    with pytest.raises(BrokenTransit, match="too old, or not valid yet"):
        scalar_of(a_transit(), DOMAIN, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("changes", [{"alg": "RSA-OAEP"}, {"enc": "A128GCM"}, {"aud": "another"}], ids=str)
def test_a_transit_of_another_kind_or_for_another_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(BrokenTransit, match="for somebody else"):
        scalar_of(a_transit(a_header(**changes)), DOMAIN, NOW)


def test_a_transit_under_an_unknown_key_says_so() -> None:
    with pytest.raises(UnknownTransitKey):
        scalar_of(a_transit(a_header(kid="k2")), DOMAIN, NOW)


@pytest.mark.parametrize("scalar", [0, ORDER])
def test_a_scalar_that_gives_no_point_is_refused(scalar: int) -> None:
    with pytest.raises(BrokenTransit, match="out of range"):
        scalar_of(a_transit(payload=a_payload(scalar)), DOMAIN, NOW)


@pytest.mark.parametrize(
    "transit",
    [
        "",
        "a.b.c",
        a_transit(key=bytes(32)),
        a_transit([1]),
        a_transit({"alg": "dir"}),
        a_transit(payload=[1]),
        a_transit(payload={"scalar": "AQ=="}),
        a_transit(payload=a_payload(iat="now")),
        a_transit(a_header(aud="gateway", kid=["k1"])),
        base64url(b"[" * 5000) + "....",
        *(
            ".".join(part[:-2] if place == cut else part for place, part in enumerate(a_transit().split(".")))
            for cut in (0, 2, 3, 4)
        ),
    ],
)
def test_a_transit_that_was_changed_is_refused(transit: str) -> None:
    with pytest.raises(BrokenTransit):
        scalar_of(transit, DOMAIN, NOW)


def test_a_domain_gives_the_keys_that_are_for_its_owner() -> None:
    foreign = {"encrypted_key": base64url(an_rsa_key(2048, 3).public_key().encrypt(KEY, OAEP))}
    own = an_encoded_key()["recipients"][0]
    document = a_domain(an_encoded_key(recipients=[foreign]), an_encoded_key(recipients=[foreign, own]))

    assert open_domain(document, an_rsa_key()) == Domain(8, "gateway", {"k1": KEY})


def test_what_a_key_authenticates_besides_is_checked() -> None:
    right, wrong = an_encoded_key(aad="eA"), {**an_encoded_key(aad="eA"), "aad": "eQ"}

    assert open_domain(a_domain(wrong, right), an_rsa_key()).keys == {"k1": KEY}


@pytest.mark.parametrize(
    "encoded",
    [
        {},
        an_encoded_key(recipients=[]),
        an_encoded_key(recipients=[{}]),
        an_encoded_key(recipients="x"),
        an_encoded_key(tag=base64url(bytes(16))),
        an_encoded_key(plain={"kty": "oct"}),
        an_encoded_key(plain=[1]),
        an_encoded_key(iv="x"),
    ],
)
def test_a_domain_without_a_usable_key_is_refused(encoded: dict[str, Any]) -> None:
    with pytest.raises(BrokenTransit, match="no key of the domain"):
        open_domain(a_domain(encoded), an_rsa_key())


def test_no_key_prints_itself() -> None:
    assert repr(KEY) not in repr(DOMAIN)
