"""The key-encryption key: without it a ring's file is of no use, wherever it lies: file, mounted secret or module."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.pseudonyms.kek import open_kek
from gateway.pseudonyms.keyring import (
    Kek,
    Keyring,
    KeyringError,
    Purpose,
    change_keyring,
    new_keys,
    read_keyring,
    write_keyring,
)
from gateway.pseudonyms.rotation import announced
from tests.debian import NotToBeHad, program, unpacked

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
PIN = "482915"
KEY, OTHER = bytes(range(32)), bytes(range(1, 33))


def a_file(tmp_path: Path, content: bytes = KEY, mode: int = 0o400, name: str = "kek") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    path.chmod(mode)
    return path


def opened(spec: str) -> Kek:
    kek = open_kek(spec)
    assert kek is not None
    return kek


def softhsm() -> tuple[str, str]:
    """What makes tokens, and the module: the machine's own, or Debian's, which are fetched once.

    Raises: NotToBeHad.
    """
    library = next((path for path in MODULES if Path(path).exists()), None)
    if library is None:
        library = str(unpacked("libsofthsm2") / MODULES[0].removeprefix("/"))
    return str(program("softhsm2", "softhsm2-util")), library


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URI of an AES key in a fresh token of SoftHSM; one that cannot be read out."""
    try:
        tool, library = softhsm()
    except NotToBeHad as why:
        pytest.skip(f"SoftHSM is not to be had, so no key in a PKCS#11 module was used: {why}")
    import pkcs11  # noqa: PLC0415 - where there is a module

    (tmp_path / "tokens").mkdir()
    conf = tmp_path / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {tmp_path}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(conf))
    init = [tool, "--module", library, "--init-token", "--free", "--label", "care", "--pin", PIN, "--so-pin", "5678"]
    subprocess.run(init, check=True, capture_output=True)
    loaded = pkcs11.lib(library)
    loaded.reinitialize()
    hidden = {pkcs11.Attribute.SENSITIVE: True, pkcs11.Attribute.EXTRACTABLE: False}
    with loaded.get_token(token_label="care").open(user_pin=PIN, rw=True) as session:
        session.generate_key(pkcs11.KeyType.AES, 256, label="kek", store=True, template=hidden)
    pin = a_file(tmp_path, PIN.encode(), name="pin")
    yield f"pkcs11:token=care;object=kek?module-path={library}&pin-source=file:{pin}"
    loaded.finalize()


def spec_of(kind: str, tmp_path: Path) -> str:
    path = a_file(tmp_path, base64.encodebytes(KEY), 0o400 if kind == "file" else 0o444)
    return f"{kind}:{path}"


def comes_back(spec: str, keyring: Keyring, tmp_path: Path) -> None:
    """A ring is wrapped, read, changed and of no use without its key."""
    kek, path = opened(spec), tmp_path / "keys.json"
    write_keyring(keyring, path, kek)
    written = path.read_text(encoding="ascii")

    assert read_keyring(path, kek).keys == keyring.keys
    assert not any(base64.b64encode(key.secret).decode() in written for key in keyring.keys)
    assert [key.version for key in change_keyring(path, _announced, kek).versions(Purpose.SEALING)] == [1, 2]
    assert len(read_keyring(path, opened(spec)).versions(Purpose.SEALING)) == 2
    with pytest.raises(KeyringError, match=r"wrapped by .*CHRONICCARE_KEK is missing"):
        read_keyring(path)


def _announced(keyring: Keyring) -> Keyring:
    return announced(keyring, Purpose.SEALING)


@pytest.mark.parametrize("kind", ["file", "mounted"])
def test_ring_is_of_no_use_without_the_key_in_a_file(kind: str, tmp_path: Path, keyring: Keyring) -> None:
    comes_back(spec_of(kind, tmp_path), keyring, tmp_path)


def test_ring_is_of_no_use_without_the_key_in_a_module(module: str, tmp_path: Path, keyring: Keyring) -> None:
    comes_back(module, keyring, tmp_path)


def test_key_in_a_module_is_used_by_a_process_that_was_forked(module: str, tmp_path: Path, keyring: Keyring) -> None:
    path = tmp_path / "keys.json"
    write_keyring(keyring, path, opened(module))

    child = os.fork()
    if child == 0:
        os._exit(0 if read_keyring(path, opened(module)).keys == keyring.keys else 1)

    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (f"file:{PIN}", "file:nowhere", "the PIN at nowhere cannot be read"),
        ("token=care", "token=other", "the PKCS#11 module refuses pkcs11:token=other;object=kek"),
        ("object=kek", "object=none", "the PKCS#11 module refuses pkcs11:token=care;object=none"),
        ("object=kek?", "?", "the pkcs11: URI of CHRONICCARE_KEK lacks object"),
    ],
)
def test_module_that_cannot_be_used_says_why(
    module: str, tmp_path: Path, keyring: Keyring, before: str, after: str, said: str
) -> None:
    spec = module.replace(before, after) if before in module else f"{module.partition('file:')[0]}{after}"

    with pytest.raises(KeyringError) as refused:
        write_keyring(keyring, tmp_path / "keys.json", opened(spec))

    assert str(refused.value).startswith(said)
    assert PIN not in str(refused.value)


def test_wrapped_secret_opens_at_its_own_place_alone(tmp_path: Path, module: str) -> None:
    for spec in (spec_of("file", tmp_path), module):
        kek = opened(spec)
        wrapped = kek.wrap(b"secret", "sealing-1")

        assert kek.unwrap(wrapped, "sealing-1") == b"secret"
        with pytest.raises(KeyringError):
            kek.unwrap(wrapped, "sealing-2")
        with pytest.raises(KeyringError):
            kek.unwrap(wrapped[:20], "sealing-1")


def test_ring_under_another_key_is_told_from_one_that_was_changed(tmp_path: Path, keyring: Keyring) -> None:
    first = opened(f"file:{a_file(tmp_path)}")
    second = opened(f"file:{a_file(tmp_path, OTHER, name='other')}")
    path = tmp_path / "keys.json"
    write_keyring(keyring, path, first)

    with pytest.raises(KeyringError, match=f"wrapped by {first.name}, and CHRONICCARE_KEK is {second.name}"):
        read_keyring(path, second)
    document = json.loads(path.read_text(encoding="ascii"))
    document["keys"][0], document["keys"][1] = (
        {**document["keys"][0], "secret": document["keys"][1]["secret"]},
        document["keys"][1],
    )
    path.chmod(0o600)
    path.write_text(json.dumps(document), encoding="ascii")
    with pytest.raises(KeyringError, match="pseudonym-1 in the key ring was wrapped by another key, or changed"):
        read_keyring(path, first)
    assert first.name != second.name
    assert KEY.hex()[:8] not in first.name


def test_ring_that_is_not_wrapped_is_refused_where_it_should_be(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    write_keyring(new_keys(), path)

    with pytest.raises(KeyringError, match="not wrapped, and CHRONICCARE_KEK is set: chroniccare keys wrap"):
        read_keyring(path, opened(f"file:{a_file(tmp_path)}"))


@pytest.mark.parametrize(
    ("kind", "content", "mode", "said"),
    [
        ("file", KEY, 0o440, "chmod 400"),
        ("mounted", KEY, 0o446, "others than the owner may change it"),
        ("file", KEY[:16], 0o400, "is not 32 bytes"),
        ("file", b"not base64 at all, and not thirty-two", 0o400, "is not 32 bytes"),
        ("mounted", b"", 0o400, "is not 32 bytes"),
    ],
)
def test_key_that_is_none_or_not_safe_is_refused(
    tmp_path: Path, kind: str, content: bytes, mode: int, said: str
) -> None:
    with pytest.raises(KeyringError, match=said):
        open_kek(f"{kind}:{a_file(tmp_path, content, mode)}")


@pytest.mark.parametrize("spec", ["file", "file:", "env:KEK", "/run/secrets/kek"])
def test_setting_that_names_no_key_is_refused(spec: str) -> None:
    with pytest.raises(KeyringError, match="file:PATH, mounted:PATH or a pkcs11: URI"):
        open_kek(spec)


def test_key_that_is_not_there_is_refused_and_none_is_none(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="cannot be read"):
        open_kek(f"file:{tmp_path / 'nowhere'}")
    assert open_kek("") is None
