"""The key ring's file: its owner's alone, whole or not at all, never overwritten; each failure says what to do."""

from __future__ import annotations

import base64
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from gateway.pseudonyms import watched
from gateway.pseudonyms.kek import open_kek
from gateway.pseudonyms.keyring import (
    Kek,
    Key,
    Keyring,
    KeyringError,
    Phase,
    Purpose,
    change_keyring,
    new_keys,
    read_keyring,
    write_keyring,
)
from gateway.pseudonyms.rotation import announced, is_rotating, retired, used
from gateway.pseudonyms.veil import veil_of
from gateway.pseudonyms.watched import WatchedVeil
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
    "another format": {"format": 3, "keys": []},
    "no keys": {"format": 1},
    "keys that are none": {"format": 1, "keys": [1]},
    "unknown purpose": {"format": 1, "keys": [{"purpose": "other", "version": 1, "secret": ""}]},
    "version in words": {"format": 1, "keys": [{"purpose": "sealing", "version": "one", "secret": ""}]},
    "unknown phase": {"format": 2, "keys": [{"purpose": "sealing", "version": 1, "secret": "", "phase": "new"}]},
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


def _replaced(keyring: Keyring, key: Key) -> Keyring:
    return Keyring([*(one for one in keyring.keys if one.purpose is not key.purpose), key])


@pytest.mark.parametrize(
    "purpose", [purpose for purpose in Purpose if purpose not in (Purpose.RECEIPT, Purpose.ERASURE)]
)
@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_secret_of_another_length_is_refused(keyring: Keyring, purpose: Purpose, length: int) -> None:
    with pytest.raises(KeyringError, match=f"{purpose}-1 in the key ring is no key"):
        _replaced(keyring, Key(purpose, 1, bytes(length)))


@pytest.mark.parametrize("version", [-1, 0, 0x8000])
def test_version_that_no_seal_can_bear_is_refused(keyring: Keyring, version: int) -> None:
    with pytest.raises(KeyringError, match="no key of its purpose"):
        _replaced(keyring, Key(Purpose.SEALING, version, bytes(32)))


RECEIPT_KEYS: dict[str, Any] = {
    "of another kind": Ed25519PrivateKey.generate(),
    "of another curve": ec.generate_private_key(ec.SECP384R1()),
}


@pytest.mark.parametrize("case", RECEIPT_KEYS)
def test_receipt_key_of_another_kind_is_refused(keyring: Keyring, case: str) -> None:
    pem = RECEIPT_KEYS[case].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    shown = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo

    for one in (pem, RECEIPT_KEYS[case].public_key().public_bytes(*shown)):
        with pytest.raises(KeyringError, match="receipt-1 in the key ring is no key"):
            _replaced(keyring, Key(Purpose.RECEIPT, 1, one))


NO_KEYS = [b"", b"-----BEGIN PRIVATE KEY-----", bytes(32)]  # pragma: allowlist secret - a header and nothing in it


@pytest.mark.parametrize("secret", NO_KEYS)
def test_receipt_key_that_is_none_is_refused(keyring: Keyring, secret: bytes) -> None:
    with pytest.raises(KeyringError, match="receipt-1 in the key ring is no key"):
        _replaced(keyring, Key(Purpose.RECEIPT, 1, secret))


def test_ring_of_the_first_format_is_read_with_every_key_in_use(tmp_path: Path, keyring: Keyring) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"format": 1, "keys": _entries(keyring)}))
    path.chmod(0o400)

    assert read_keyring(path).keys == keyring.keys


def test_announced_key_is_known_and_not_used_until_it_is_told_to_be(path: Path, keyring: Keyring) -> None:
    known = change_keyring(path, lambda ring: announced(ring, Purpose.SEALING))
    again = change_keyring(path, lambda ring: announced(ring, Purpose.SEALING))
    in_use = change_keyring(path, lambda ring: used(ring, Purpose.SEALING))

    assert [key.version for key in known.versions(Purpose.SEALING)] == [1, 2]
    assert known.newest(Purpose.SEALING) == keyring.newest(Purpose.SEALING)
    assert again.keys == known.keys
    assert in_use.newest(Purpose.SEALING).version == 2
    assert in_use.keys == read_keyring(path).keys
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert list(path.parent.iterdir()) == [path]


def test_retired_keys_are_gone_but_for_the_public_halves_of_receipts(path: Path, keyring: Keyring) -> None:
    both = with_another(with_another(keyring, Purpose.SEALING), Purpose.RECEIPT)
    kept = change_keyring(path, lambda _: retired(both, Purpose.RECEIPT)).versions(Purpose.RECEIPT)

    assert [key.version for key in retired(both, Purpose.SEALING).versions(Purpose.SEALING)] == [2]
    assert retired(keyring, Purpose.SEALING).keys == keyring.keys
    assert [(key.is_public, key.standing) for key in kept] == [(True, "public half"), (False, "used")]
    assert kept == retired(read_keyring(path), Purpose.RECEIPT).versions(Purpose.RECEIPT)
    assert kept[1] == both.newest(Purpose.RECEIPT)
    with pytest.raises(KeyringError, match="public half alone: restore the ring"):
        _replaced(keyring, kept[0])


def test_announced_key_alone_is_no_ring(keyring: Keyring) -> None:
    with pytest.raises(KeyringError, match="lacks keys for sealing"):
        _replaced(keyring, Key(Purpose.SEALING, 1, bytes(32), Phase.KNOWN))


def test_changes_by_several_processes_follow_each_other(path: Path) -> None:
    def change(ring: Keyring) -> Keyring:
        return used(announced(ring, Purpose.SEALING), Purpose.SEALING)

    with ThreadPoolExecutor(4) as pool:
        for _ in range(8):
            pool.submit(change_keyring, path, change)

    assert [key.version for key in read_keyring(path).versions(Purpose.SEALING)] == list(range(1, 10))


def test_veil_follows_the_ring_and_keeps_the_last_one_that_could_be_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "LOOK_SECONDS", 0.0)
    newest_veil = WatchedVeil(path, veil_of)
    first = newest_veil()

    same = newest_veil()
    change_keyring(path, lambda ring: used(announced(ring, Purpose.SEALING), Purpose.SEALING))
    second = newest_veil()
    path.chmod(0o444)
    open_to_all = newest_veil()
    path.chmod(0o400)
    mended = newest_veil()
    path.unlink()
    gone = newest_veil()

    assert same is first
    assert (first.sealer.mark, second.sealer.mark) == (b"\x00\x01", b"\x00\x02")
    assert open_to_all is second
    assert mended.sealer.mark == b"\x00\x02"
    assert gone is mended


def test_ring_is_looked_at_once_a_second(path: Path) -> None:
    newest_veil = WatchedVeil(path, veil_of)
    change_keyring(path, lambda ring: used(announced(ring, Purpose.SEALING), Purpose.SEALING))

    assert newest_veil().sealer.mark == b"\x00\x01"


def a_kek(tmp_path: Path, byte: int) -> Kek:
    file = tmp_path / f"kek-{byte}"
    file.write_bytes(bytes([byte]) * 32)
    file.chmod(0o400)
    kek = open_kek(f"file:{file}")
    assert kek is not None
    return kek


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_file_says_its_format_domain_and_each_key_and_secrets_only_wrapped(
    tmp_path: Path, keyring: Keyring, is_wrapped: bool
) -> None:
    file, kek = tmp_path / "keys.json", a_kek(tmp_path, 1) if is_wrapped else None
    ring = Keyring(keyring.keys, "a domain")

    write_keyring(ring, file, kek)

    document = json.loads(file.read_text(encoding="ascii"))
    assert {name: value for name, value in document.items() if name != "keys"} == {
        "format": 2,
        "domain": "a domain",
        "wrapped_by": None if kek is None else kek.name,
    }
    assert [(one["purpose"], one["version"], one["phase"]) for one in document["keys"]] == [
        (key.purpose.value, key.version, key.phase.value) for key in ring.keys
    ]
    kept = [base64.b64decode(one["secret"], validate=True) for one in document["keys"]]
    opened = [
        secret if kek is None else kek.unwrap(secret, key.kid) for secret, key in zip(kept, ring.keys, strict=True)
    ]
    assert opened == [key.secret for key in ring.keys]
    assert (kept == opened) is not is_wrapped
    assert (read_keyring(file, kek).keys, read_keyring(file, kek).domain) == (ring.keys, "a domain")


def test_ring_is_read_with_the_key_that_it_was_wrapped_by_alone(tmp_path: Path, keyring: Keyring) -> None:
    first, second = a_kek(tmp_path, 1), a_kek(tmp_path, 2)
    wrapped, plain = tmp_path / "wrapped.json", tmp_path / "plain.json"
    write_keyring(keyring, wrapped, first)
    write_keyring(keyring, plain)

    for file, kek, said in (
        (wrapped, None, f"the key ring is wrapped by {first.name}, and CHRONICCARE_KEK is missing"),
        (wrapped, second, f"the key ring is wrapped by {first.name}, and CHRONICCARE_KEK is {second.name}"),
        (plain, first, "the key ring is not wrapped, and CHRONICCARE_KEK is set: chroniccare keys wrap"),
    ):
        with pytest.raises(KeyringError) as refused:
            read_keyring(file, kek)
        assert str(refused.value) == said


def test_changed_ring_stays_wrapped_as_it_was_or_is_wrapped_anew(tmp_path: Path, keyring: Keyring) -> None:
    first, second, file = a_kek(tmp_path, 1), a_kek(tmp_path, 2), tmp_path / "keys.json"
    write_keyring(keyring, file, first)

    announced_one = change_keyring(file, lambda ring: announced(ring, Purpose.SEALING), first)
    assert read_keyring(file, first).keys == announced_one.keys
    change_keyring(file, lambda ring: ring, first, wrap_with=second)
    assert read_keyring(file, second).keys == announced_one.keys
    assert stat.S_IMODE(file.stat().st_mode) == 0o400
    assert sorted(one.name for one in tmp_path.iterdir()) == ["kek-1", "kek-2", "keys.json"]


def test_purpose_rotates_while_older_keys_than_the_one_in_use_are_there(keyring: Keyring) -> None:
    known = announced(keyring, Purpose.PSEUDONYM)
    in_use = used(known, Purpose.PSEUDONYM)

    found = [is_rotating(ring, Purpose.PSEUDONYM) for ring in (keyring, known, in_use)]

    assert found == [False, False, True]
    assert not is_rotating(in_use, Purpose.SEALING)
    assert not is_rotating(retired(in_use, Purpose.PSEUDONYM), Purpose.PSEUDONYM)


def test_key_that_is_announced_of_another_purpose_stays_announced(keyring: Keyring) -> None:
    both = announced(announced(keyring, Purpose.SEALING), Purpose.PSEUDONYM)

    found = used(both, Purpose.SEALING)

    assert [key.phase for key in found.versions(Purpose.SEALING)] == [Phase.USED, Phase.USED]
    assert [key.phase for key in found.versions(Purpose.PSEUDONYM)] == [Phase.USED, Phase.KNOWN]


def test_log_says_when_a_ring_was_read_anew_and_why_one_is_not_used(
    tmp_path: Path, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    kek, file = a_kek(tmp_path, 1), tmp_path / "keys.json"
    write_keyring(keyring, file, kek)
    newest_veil = WatchedVeil(file, veil_of, kek)
    monkeypatch.setattr(watched, "LOOK_SECONDS", 0.0)

    with capture_logs() as said:
        newest_veil()
        change_keyring(file, lambda ring: used(announced(ring, Purpose.SEALING), Purpose.SEALING), kek)
        changed = newest_veil()
        newest_veil()
        file.chmod(0o444)
        newest_veil()
        newest_veil()

    assert changed.sealer.mark == b"\x00\x02"
    assert said == [
        {"event": "key_ring_read", "log_level": "info"},
        {
            "event": "key_ring_unusable",
            "log_level": "warning",
            "reason": f"others than the owner may read {file}: chmod 400 {file}",
        },
    ]
