"""The key ring's file: its owner's alone, whole or not at all, never overwritten; each failure says what to do."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.pseudonyms.keyring import Key, Keyring, KeyringError, Purpose, new_keys, read_keyring, write_keyring
from gateway.pseudonyms.receipts import Receipts
from tests.pseudonyms.test_veil import with_another, without


@pytest.fixture
def path(tmp_path: Path, keyring: Keyring) -> Path:
    path = tmp_path / "made" / "keys.json"
    write_keyring(keyring, path)
    return path


def test_ring_is_read_as_it_was_written(path: Path, keyring: Keyring) -> None:
    read = read_keyring(path)

    assert [read.versions(purpose) for purpose in Purpose] == [keyring.versions(purpose) for purpose in Purpose]


def test_file_is_its_owners_alone_and_leaves_no_other_behind(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert list(path.parent.iterdir()) == [path]


def test_file_is_never_overwritten(path: Path) -> None:
    before = path.read_bytes()

    with pytest.raises(KeyringError, match="never overwritten: choose another file"):
        write_keyring(new_keys(), path)

    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o600 | 0o040, 0o644, 0o410])
def test_file_that_others_may_read_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)

    with pytest.raises(KeyringError, match="chmod 400"):
        read_keyring(path)


def test_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="chroniccare keys create"):
        read_keyring(tmp_path / "keys.json")


def _entries(keyring: Keyring) -> list[dict[str, Any]]:
    return [
        {"purpose": key.purpose, "version": key.version, "secret": base64.b64encode(key.secret).decode()}
        for purpose in Purpose
        for key in keyring.versions(purpose)
    ]


ILL_FORMED: dict[str, Any] = {
    "a list": [],
    "no format": {"keys": []},
    "another format": {"format": 2, "keys": []},
    "no keys": {"format": 1},
    "keys that are none": {"format": 1, "keys": [1]},
    "unknown purpose": {"format": 1, "keys": [{"purpose": "other", "version": 1, "secret": ""}]},
    "version in words": {"format": 1, "keys": [{"purpose": "sealing", "version": "one", "secret": ""}]},
    "secret that is none": {"format": 1, "keys": [{"purpose": "sealing", "version": 1, "secret": "?"}]},
}


@pytest.mark.parametrize("case", ILL_FORMED)
def test_ill_formed_file_is_refused(tmp_path: Path, case: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(ILL_FORMED[case]))
    path.chmod(0o400)

    with pytest.raises(KeyringError, match="ill-formed: restore it from its backup"):
        read_keyring(path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"], ids=["empty", "cut", "no text"])
def test_file_that_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(content)
    path.chmod(0o400)

    with pytest.raises(KeyringError, match="cannot be read: restore it from its backup"):
        read_keyring(path)


def test_directory_in_the_files_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="restore it from its backup"):
        read_keyring(tmp_path)


def test_ring_that_lacks_a_purpose_names_it(tmp_path: Path, keyring: Keyring) -> None:
    path = tmp_path / "keys.json"
    entries = [entry for entry in _entries(keyring) if entry["purpose"] != "sealing"]
    path.write_text(json.dumps({"format": 1, "keys": entries}))
    path.chmod(0o400)

    with pytest.raises(KeyringError, match="lacks keys for sealing: chroniccare keys create"):
        read_keyring(path)


def test_newest_version_is_used_and_every_one_is_kept(keyring: Keyring) -> None:
    both = with_another(keyring, Purpose.SEALING, 12)

    assert [key.version for key in both.versions(Purpose.SEALING)] == [1, 12]
    assert both.newest(Purpose.SEALING).version == 12
    assert both.get(Purpose.SEALING, 1) == keyring.newest(Purpose.SEALING)
    assert both.newest(Purpose.SEALING).kid == "sealing-12"


def test_version_that_is_not_there_is_to_be_restored(keyring: Keyring) -> None:
    with pytest.raises(KeyringError, match="no sealing key of version 2: restore it"):
        keyring.get(Purpose.SEALING, 2)
    with pytest.raises(KeyringError, match="lacks keys for sealing"):
        without(keyring, Purpose.SEALING, 1)


def test_keys_of_one_ring_are_all_different_and_print_no_secret(keyring: Keyring) -> None:
    keys = [keyring.newest(purpose) for purpose in Purpose]

    assert len({key.secret for key in keys}) == len(Purpose)
    assert all(repr(key.secret) not in repr(key) for key in keys)


def test_receipt_key_of_another_kind_is_refused(keyring: Keyring) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    keys = [keyring.newest(purpose) for purpose in Purpose if purpose is not Purpose.RECEIPT]

    with pytest.raises(TypeError, match="P-256"):
        Receipts(Keyring([*keys, Key(Purpose.RECEIPT, 1, pem)]))
