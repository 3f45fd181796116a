"""The hunt itself: a canary that is there is found in every form, one that is not is never seen."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from pathlib import Path

import pytest

from tests.privacy.hunt import Sighting, encodings, files_under, forms_of_secret, forms_of_ssin, hunt, values_of

SSIN = "85073003328"
OTHER = "85073003427"

PLANTED = {
    "plain": b'{"ssin": "85073003328"}',
    "dotted": b"NISS 85.07.30-033.28, moved",
    "dashed": b"850730-033-28",
    "spaced": b"85 07 30 033 28",
    "in two": b"850730 03328",
    "backwards": b"82330037058",
    "hex": b"\\x" + SSIN.encode().hex().encode(),
    "HEX": SSIN.encode().hex().upper().encode(),
    "hex of the dotted one": b"85.07.30-033.28".hex().encode(),
    "base64": b64encode(SSIN.encode()),
    "base64 after one byte": b64encode(b"x" + SSIN.encode() + b"y"),
    "base64 after two bytes": b64encode(b"xx" + SSIN.encode() + b"yy"),
    "base64url in JSON": urlsafe_b64encode(b'{"id":"1","ssin":"85073003328"}').rstrip(b"="),
    "base64 of the dotted one": b64encode(b"NISS: 85.07.30-033.28"),
    "packed, filled left": b"\x08\x50\x73\x00\x33\x28",
    "packed, filled right": b"\x85\x07\x30\x03\x32\x80",
    "packed decimal": b"\x85\x07\x30\x03\x32\x8c",
    "packed, in hex": b"085073003328",
    "packed, in base64": b64encode(b"\x08\x50\x73\x00\x33\x28"),
    "number": (85073003328).to_bytes(8, "big"),
    "number, little end first": (85073003328).to_bytes(8, "little"),
    "utf-16": SSIN.encode("utf-16"),
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_a_canary_in_a_file_is_found(tmp_path: Path, planted: bytes) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "register.sqlite3-journal").write_bytes(b"\x00before " + planted + b"\n\xff after")

    assert hunt(forms_of_ssin(SSIN), files_under(tmp_path))
    assert not hunt(forms_of_ssin(OTHER), files_under(tmp_path))


@pytest.mark.parametrize("form", forms_of_ssin(SSIN).items(), ids=lambda form: form[0])
def test_each_form_is_found_by_itself(tmp_path: Path, form: tuple[str, bytes]) -> None:
    (tmp_path / "log").write_bytes(b"[" + form[1] + b"]")

    assert Sighting(str(tmp_path / "log"), form[0]) in hunt(forms_of_ssin(SSIN), files_under(tmp_path))


def test_a_canary_in_the_name_of_a_file_is_found(tmp_path: Path) -> None:
    (tmp_path / f"{SSIN}.csv").touch()

    assert hunt(forms_of_ssin(SSIN), files_under(tmp_path))


@pytest.mark.parametrize("value", [SSIN, SSIN.encode(), {"ref": SSIN}, [SSIN], int(SSIN)], ids=str)
def test_a_canary_in_a_value_of_a_database_is_found(value: object) -> None:
    assert hunt(forms_of_ssin(SSIN), values_of([("outbox.content", value)]))


def test_a_secret_is_found_as_it_is_and_encoded() -> None:
    secret = bytes(range(32))

    for _, encoded in encodings(secret):
        assert hunt(forms_of_secret(secret), [("log", b"key=" + encoded)])
    assert not hunt(forms_of_secret(secret), [("log", b"key=" + bytes(range(1, 33)).hex().encode())])
