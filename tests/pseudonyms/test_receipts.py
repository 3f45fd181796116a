"""Receipts: checked by anybody with the published keys, and with nothing else."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest

from gateway.pseudonyms.keyring import Keyring, Purpose, new_keys
from gateway.pseudonyms.receipts import (
    BrokenReceipt,
    Receipts,
    verify_checkpoint,
    verify_manifest,
    verify_receipt,
)
from gateway.pseudonyms.rotation import retired
from tests.pseudonyms.test_veil import with_another

CLAIMS = {"id": "01a1f0c0-0000-8000-8000-000000000001", "kind": "inclusion", "valid_from": "2022-02-01"}


@pytest.fixture
def receipts(keyring: Keyring) -> Receipts:
    return Receipts(keyring)


def test_receipt_gives_its_claims_with_the_published_keys_alone(receipts: Receipts) -> None:
    receipt = receipts.sign(CLAIMS)

    published = json.loads(json.dumps(receipts.jwks()))

    assert verify_receipt(receipt, published) == CLAIMS


def test_published_keys_hold_no_secret(receipts: Receipts) -> None:
    (key,) = receipts.jwks()["keys"]

    assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert (key["kid"], key["alg"], key["use"]) == ("receipt-1", "ES256", "sig")


def test_old_receipt_and_new_one_verify_after_the_key_changed(keyring: Keyring) -> None:
    old = Receipts(keyring)
    new = Receipts(with_another(keyring, Purpose.RECEIPT))
    retired_old = Receipts(retired(with_another(keyring, Purpose.RECEIPT), Purpose.RECEIPT))

    assert retired_old.jwks()["keys"][0] == old.jwks()["keys"][0]
    assert verify_receipt(retired_old.sign(CLAIMS), retired_old.jwks()) == CLAIMS
    assert verify_receipt(old.sign(CLAIMS), new.jwks()) == CLAIMS
    assert verify_receipt(new.sign(CLAIMS), new.jwks()) == CLAIMS
    assert [key["kid"] for key in new.jwks()["keys"]] == ["receipt-1", "receipt-2"]
    with pytest.raises(BrokenReceipt):
        verify_receipt(new.sign(CLAIMS), old.jwks())


def _b64(document: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def test_receipt_that_was_changed_is_broken(receipts: Receipts) -> None:
    header, _, signature = receipts.sign(CLAIMS).split(".")

    with pytest.raises(BrokenReceipt):
        verify_receipt(f"{header}.{_b64({**CLAIMS, 'valid_from': '2022-01-01'})}.{signature}", receipts.jwks())


def test_receipt_under_a_foreign_key_is_broken(receipts: Receipts) -> None:
    foreign = Receipts(new_keys())

    with pytest.raises(BrokenReceipt):
        verify_receipt(foreign.sign(CLAIMS), receipts.jwks())


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "typ": "receipt+jws", "kid": "receipt-1"},
        {"alg": "HS256", "typ": "receipt+jws", "kid": "receipt-1"},
        {"alg": "ES256", "typ": "receipt+jws"},
        {"alg": "ES256", "typ": "receipt+jws", "kid": "receipt-9"},
        {"alg": "ES256", "typ": "receipt+jws", "kid": 1},
        {"alg": "ES256", "typ": "receipt+jws", "kid": "receipt-1"},
    ],
    ids=["none", "symmetric", "no kid", "unknown kid", "odd kid", "no signature"],
)
def test_receipt_with_another_header_is_broken(receipts: Receipts, header: dict[str, Any]) -> None:
    with pytest.raises(BrokenReceipt):
        verify_receipt(f"{_b64(header)}.{_b64(CLAIMS)}.", receipts.jwks())


def test_token_under_the_receipt_key_is_no_receipt(keyring: Keyring, receipts: Receipts) -> None:
    token = jwt.encode(CLAIMS, keyring.newest(Purpose.RECEIPT).secret, "ES256", headers={"kid": "receipt-1"})

    with pytest.raises(BrokenReceipt):
        verify_receipt(token, receipts.jwks())


@pytest.mark.parametrize("text", ["", "receipt", "a.b", "a.b.c", "a.b.c.d", "é.é.é"])
def test_text_that_is_no_receipt_is_broken(receipts: Receipts, text: str) -> None:
    with pytest.raises(BrokenReceipt):
        verify_receipt(text, receipts.jwks())


@pytest.mark.parametrize("jwks", [{}, {"keys": []}, {"keys": "x"}, {"keys": [{}]}, {"keys": ["x"]}, ["x"], [1], None])
def test_key_set_that_is_none_verifies_nothing(receipts: Receipts, jwks: Any) -> None:
    with pytest.raises(BrokenReceipt):
        verify_receipt(receipts.sign(CLAIMS), jwks)


def test_manifest_is_signed_detached_and_holds_for_its_bytes_alone(receipts: Receipts) -> None:
    signature = receipts.sign_manifest(b"{}")
    header, middle, rest = signature.split(".")
    jwks = receipts.jwks()

    assert middle == ""
    assert verify_manifest(signature, b"{}", jwks) == "receipt-1"
    for broken, manifest in (
        (signature, b"{} "),
        (f"{header}.e30.{rest}", b"{}"),
        (f"{header}.{rest}", b"{}"),
        (header, b"{}"),
        ("", b"{}"),
        (receipts.sign(CLAIMS), b"{}"),
        (f"{header}..{rest[:-4]}AAAA", b"{}"),
    ):
        with pytest.raises(BrokenReceipt):
            verify_manifest(broken, manifest, jwks)
    with pytest.raises(BrokenReceipt):
        verify_manifest(signature, b"{}", {"keys": [{**jwks["keys"][0], "kid": "receipt-2"}]})


def test_receipt_checkpoint_and_manifest_never_stand_for_each_other(receipts: Receipts) -> None:
    jwks, checkpoint = receipts.jwks(), receipts.sign_checkpoint({"ends": [1]})

    assert verify_checkpoint(checkpoint, jwks) == {"ends": [1]}
    assert jwt.get_unverified_header(checkpoint) == {
        "typ": "audit-checkpoint+jws",
        "alg": "ES256",
        "kid": "receipt-1",
    }
    assert jwt.get_unverified_header(receipts.sign(CLAIMS))["typ"] == "receipt+jws"
    assert jwt.get_unverified_header(f"{receipts.sign_manifest(b'').partition('.')[0]}.e30.")["typ"] == (
        "extract-manifest+jws"
    )
    with pytest.raises(BrokenReceipt):
        verify_receipt(checkpoint, jwks)
    with pytest.raises(BrokenReceipt):
        verify_checkpoint(receipts.sign({"ends": [1]}), jwks)


def test_what_is_signed_is_in_one_form_whatever_the_order(receipts: Receipts) -> None:
    payload = receipts.sign({"b": [1, 2], "a": {"d": 1, "c": "é"}}).split(".")[1]

    assert base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)) == b'{"a":{"c":"\\u00e9","d":1},"b":[1,2]}'
