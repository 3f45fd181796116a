"""The key ring: a file of versioned secrets, one purpose each.

known ─ used ─ gone
  every process has read it, before any uses it; nothing needs it any more, before it is gone

Stage: none; this is what makes the stages.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

from gateway.pseudonyms.shredding import new_tree, tree_of

FORMAT = 2
READABLE = (1, FORMAT)
SECRET_BYTES = 32
LAST_VERSION = 0x7FFF
_PUBLIC = b"-----BEGIN PUBLIC KEY-----"


class Purpose(StrEnum):
    """What a key is for; a key of one purpose is never used for another."""

    PSEUDONYM = "pseudonym"
    BUCKET = "bucket"
    IDENTIFIER = "identifier"
    SEALING = "sealing"
    RECEIPT = "receipt"
    FINGERPRINT = "fingerprint"
    ERASURE = "erasure"


class Phase(StrEnum):
    """How far a key is: every process has to know it before any uses it for what is new."""

    KNOWN = "known"
    USED = "used"


class KeyringError(Exception):
    """The key ring cannot be used; the message says what to do."""


class Kek(Protocol):
    """A key-encryption key: what the secrets in a ring's file are wrapped with, each for its place."""

    @property
    def name(self) -> str:
        """What a ring calls it, so that another one is noticed; it tells nothing of the key."""
        ...

    def wrap(self, secret: bytes, place: str) -> bytes:
        """A secret, wrapped for a place. Raises: KeyringError."""
        ...

    def unwrap(self, wrapped: bytes, place: str) -> bytes:
        """What was wrapped for a place. Raises: KeyringError."""
        ...


@dataclass(frozen=True, slots=True)
class Key:
    """One version of one secret: 32 random bytes; for receipts a P-256 key in PEM, of a retired one the public half."""

    purpose: Purpose
    version: int
    secret: bytes = field(repr=False)
    phase: Phase = Phase.USED

    @property
    def kid(self) -> str:
        """The key's public name, e.g. `receipt-1`."""
        return f"{self.purpose}-{self.version}"

    @property
    def is_public(self) -> bool:
        """Whether nothing can be signed with it any more."""
        return self.secret.startswith(_PUBLIC)

    @property
    def standing(self) -> str:
        """How far it is, in words."""
        return "public half" if self.is_public else self.phase


class Keyring:
    """All keys, by purpose and version.

    Shape: every purpose has at least one key in use, but for erasure, which older rings lack; the newest of these is
    used for what is new. `domain` names the
    domain of the pseudonymisation service that the register's pseudonyms come from; empty: this ring alone makes them.
    A register keeps it for good, or everybody in it would look new.
    Raises: KeyringError for a purpose without one, and for a secret that is none of its purpose.
    """

    def __init__(self, keys: Iterable[Key], domain: str = "") -> None:
        self.domain = domain
        self._keys = {(key.purpose, key.version): key for key in map(_checked, keys)}
        used = {key.purpose for key in self._keys.values() if key.phase is Phase.USED}
        missing = [purpose for purpose in Purpose if purpose not in used and purpose is not Purpose.ERASURE]
        if missing:
            raise KeyringError(f"the key ring lacks keys for {', '.join(missing)}: chroniccare keys create")
        newest = self.newest(Purpose.RECEIPT).version
        if any(key.is_public for key in self.versions(Purpose.RECEIPT) if key.version >= newest):
            raise KeyringError("of the newest key of receipts the ring has the public half alone: restore the ring")

    @property
    def keys(self) -> list[Key]:
        """Every key, by purpose and version."""
        return [key for purpose in Purpose for key in self.versions(purpose)]

    def with_keys(self, keys: Iterable[Key]) -> Keyring:
        """The same ring with other keys."""
        return Keyring(keys, self.domain)

    def versions(self, purpose: Purpose) -> list[Key]:
        """Every version of a purpose, oldest first."""
        return sorted((key for key in self._keys.values() if key.purpose is purpose), key=lambda key: key.version)

    def newest(self, purpose: Purpose) -> Key:
        """The version used for what is new."""
        return [key for key in self.versions(purpose) if key.phase is Phase.USED][-1]

    def get(self, purpose: Purpose, version: int) -> Key:
        """One version.

        Raises: KeyringError when the ring has none such.
        """
        try:
            return self._keys[purpose, version]
        except KeyError:
            raise KeyringError(f"the key ring has no {purpose} key of version {version}: restore it") from None


def new_keys(domain: str = "") -> Keyring:
    """A ring with a first, fresh key for every purpose."""
    return Keyring((new_key(purpose, 1) for purpose in Purpose), domain)


def new_key(purpose: Purpose, version: int, phase: Phase = Phase.USED) -> Key:
    """A fresh key."""
    return Key(purpose, version, _new_secret(purpose), phase)


def _checked(key: Key) -> Key:
    """A key whose version can be written into a seal, and whose secret is one of its purpose."""
    match key.purpose:
        case Purpose.RECEIPT:
            is_right = _is_receipt_key(key.secret)
        case Purpose.ERASURE:
            is_right = _is_tree(key.secret)
        case _:
            is_right = len(key.secret) == SECRET_BYTES
    if not is_right or not 1 <= key.version <= LAST_VERSION:
        raise KeyringError(f"{key.kid} in the key ring is no key of its purpose: restore the ring from its backup")
    return key


def _is_tree(secret: bytes) -> bool:
    try:
        tree_of(secret)
    except ValueError:
        return False
    return True


def _is_receipt_key(secret: bytes) -> bool:
    try:
        loaded = receipt_key(secret)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    if not isinstance(loaded, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        return False
    return isinstance(loaded.curve, ec.SECP256R1)


def receipt_key(secret: bytes) -> PrivateKeyTypes | PublicKeyTypes:
    """A key in PEM, as the library has it.

    Raises: ValueError, TypeError, UnsupportedAlgorithm.
    """
    if secret.startswith(_PUBLIC):
        return serialization.load_pem_public_key(secret)
    return serialization.load_pem_private_key(secret, password=None)


def public_half(key: Key) -> Key:
    """A key of receipts that can verify and sign no more."""
    loaded = receipt_key(key.secret)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        return key
    shown = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return replace(key, secret=loaded.public_key().public_bytes(*shown))


def _new_secret(purpose: Purpose) -> bytes:
    if purpose is Purpose.ERASURE:
        return new_tree(secrets.token_bytes(SECRET_BYTES), secrets.token_bytes(SECRET_BYTES)).to_bytes()
    if purpose is not Purpose.RECEIPT:
        return secrets.token_bytes(32)
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write_keyring(keyring: Keyring, path: Path, kek: Kek | None = None) -> None:
    """Write a ring to a new file, readable by its owner alone, whole or not at all.

    Raises: KeyringError when the file exists: keys are never overwritten.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _written(keyring, path, kek)
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise KeyringError(f"{path} exists and is never overwritten: choose another file") from None
    finally:
        os.unlink(temporary)


def change_keyring(
    path: Path, change: Callable[[Keyring], Keyring], kek: Kek | None = None, wrap_with: Kek | None = None
) -> Keyring:
    """Put a changed ring in the place of the one that is there, at once and for good; nobody else changes it meanwhile.

    Shape: it is wrapped as it was, or with another key-encryption key.
    Raises: KeyringError.
    """
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        changed = change(read_keyring(path, kek))
        os.replace(_written(changed, path, wrap_with or kek), path)
        os.fsync(folder)
    finally:
        os.close(folder)
    return changed


def _written(keyring: Keyring, path: Path, kek: Kek | None) -> str:
    """A ring in a file of its own beside its place, safely on the disk."""
    document = {
        "format": FORMAT,
        "domain": keyring.domain,
        "wrapped_by": None if kek is None else kek.name,
        "keys": [
            {
                "purpose": key.purpose,
                "version": key.version,
                "phase": key.phase,
                "secret": base64.b64encode(key.secret if kek is None else kek.wrap(key.secret, key.kid)).decode(),
            }
            for key in keyring.keys
        ],
    }
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".keys-")
    with os.fdopen(handle, "w", encoding="ascii") as file:
        json.dump(document, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(temporary, 0o400)
    return temporary


def read_keyring(path: Path, kek: Kek | None = None) -> Keyring:
    """Read a ring from its file.

    Raises: KeyringError when the file is missing, ill-formed, open to others than its owner, or not wrapped by the
    key-encryption key at hand.
    """
    try:
        mode = path.stat().st_mode
        document = json.loads(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        raise KeyringError(f"there is no key ring at {path}: chroniccare keys create") from None
    except (OSError, ValueError):
        raise KeyringError(f"the key ring at {path} cannot be read: restore it from its backup") from None
    if mode & 0o077:
        raise KeyringError(f"others than the owner may read {path}: chmod 400 {path}")
    try:
        if document["format"] not in READABLE:
            raise ValueError
        _check_wrapped(document.get("wrapped_by"), kek)
        keys = [_key_of(entry, kek) for entry in document["keys"]]
        domain = str(document.get("domain", ""))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise KeyringError(f"the key ring at {path} is ill-formed: restore it from its backup") from None
    return Keyring(keys, domain)


def _check_wrapped(wrapped_by: str | None, kek: Kek | None) -> None:
    """Refuse a ring that is wrapped by another key-encryption key than the one at hand, or by none."""
    name = None if kek is None else kek.name
    if wrapped_by == name:
        return
    if wrapped_by is None:
        raise KeyringError("the key ring is not wrapped, and CHRONICCARE_KEK is set: chroniccare keys wrap")
    raise KeyringError(f"the key ring is wrapped by {wrapped_by}, and CHRONICCARE_KEK is {name or 'missing'}")


def _key_of(entry: Mapping[str, Any], kek: Kek | None) -> Key:
    """A key as the file has it; one of the first format is in use."""
    secret = base64.b64decode(entry["secret"], validate=True)
    key = Key(Purpose(entry["purpose"]), int(entry["version"]), secret, Phase(entry.get("phase", Phase.USED)))
    return key if kek is None else replace(key, secret=kek.unwrap(secret, key.kid))
