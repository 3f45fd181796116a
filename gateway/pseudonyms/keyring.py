"""The key ring: a file of versioned secrets, one purpose each.

Stage: none; this is what makes the stages.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

FORMAT = 1


class Purpose(StrEnum):
    """What a key is for; a key of one purpose is never used for another."""

    PSEUDONYM = "pseudonym"
    BUCKET = "bucket"
    IDENTIFIER = "identifier"
    SEALING = "sealing"
    RECEIPT = "receipt"
    FINGERPRINT = "fingerprint"


class KeyringError(Exception):
    """The key ring cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Key:
    """One version of one secret: 32 random bytes, or for receipts a P-256 private key in PEM."""

    purpose: Purpose
    version: int
    secret: bytes = field(repr=False)

    @property
    def kid(self) -> str:
        """The key's public name, e.g. `receipt-1`."""
        return f"{self.purpose}-{self.version}"


class Keyring:
    """All keys, by purpose and version.

    Shape: every purpose has at least one key; the newest is used for what is new.
    """

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = {(key.purpose, key.version): key for key in keys}
        missing = [purpose for purpose in Purpose if not self.versions(purpose)]
        if missing:
            raise KeyringError(f"the key ring lacks keys for {', '.join(missing)}: chroniccare keys create")

    def versions(self, purpose: Purpose) -> list[Key]:
        """Every version of a purpose, oldest first."""
        return sorted((key for key in self._keys.values() if key.purpose is purpose), key=lambda key: key.version)

    def newest(self, purpose: Purpose) -> Key:
        """The version used for what is new."""
        return self.versions(purpose)[-1]

    def get(self, purpose: Purpose, version: int) -> Key:
        """One version.

        Raises: KeyringError when the ring has none such.
        """
        try:
            return self._keys[purpose, version]
        except KeyError:
            raise KeyringError(f"the key ring has no {purpose} key of version {version}: restore it") from None


def new_keys() -> Keyring:
    """A ring with a first, fresh key for every purpose."""
    return Keyring(Key(purpose, 1, _new_secret(purpose)) for purpose in Purpose)


def _new_secret(purpose: Purpose) -> bytes:
    if purpose is not Purpose.RECEIPT:
        return secrets.token_bytes(32)
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write_keyring(keyring: Keyring, path: Path) -> None:
    """Write a ring to a new file, readable by its owner alone, whole or not at all.

    Raises: KeyringError when the file exists: keys are never overwritten.
    """
    document = {
        "format": FORMAT,
        "keys": [
            {"purpose": key.purpose, "version": key.version, "secret": base64.b64encode(key.secret).decode()}
            for purpose in Purpose
            for key in keyring.versions(purpose)
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".keys-")
    with os.fdopen(handle, "w", encoding="ascii") as file:
        json.dump(document, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(temporary, 0o400)
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise KeyringError(f"{path} exists and is never overwritten: choose another file") from None
    finally:
        os.unlink(temporary)


def read_keyring(path: Path) -> Keyring:
    """Read a ring from its file.

    Raises: KeyringError when the file is missing, ill-formed, or open to others than its owner.
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
        if document["format"] != FORMAT:
            raise ValueError
        return Keyring(
            Key(Purpose(entry["purpose"]), int(entry["version"]), base64.b64decode(entry["secret"], validate=True))
            for entry in document["keys"]
        )
    except (KeyError, TypeError, ValueError):
        raise KeyringError(f"the key ring at {path} is ill-formed: restore it from its backup") from None
