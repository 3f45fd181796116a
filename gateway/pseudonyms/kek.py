"""The key-encryption key: what the key ring's secrets are wrapped with, and what the ring's file never holds.

file:PATH      32 bytes, as they are or in base64, in a file that its owner alone may read
mounted:PATH   the same, where whoever mounts the secret says who may read it
pkcs11:…       an AES key that never leaves its module (RFC 7512)
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.pseudonyms.keyring import Kek, KeyringError

KEY_BYTES = 32
NONCE_BYTES = 12


class LocalKek:
    """A key that this process holds: AES-256-GCM, the place as associated data.

    Source: NIST SP 800-38D; a ring has a few dozen secrets, and each is wrapped anew whenever the ring is written.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self.name = "local-" + hmac.digest(key, b"chroniccare kek name", hashlib.sha256).hex()[:16]

    def wrap(self, secret: bytes, place: str) -> bytes:
        """A secret, wrapped for a place."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, place.encode())

    def unwrap(self, wrapped: bytes, place: str) -> bytes:
        """What was wrapped for a place.

        Raises: KeyringError.
        """
        try:
            return self._cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError):
            raise KeyringError(f"{place} in the key ring was wrapped by another key, or changed") from None


def open_kek(spec: str) -> Kek | None:
    """The key-encryption key that a setting names; None where it is empty: the ring is not wrapped.

    Raises: KeyringError.
    """
    kind, _, rest = spec.partition(":")
    if not spec:
        return None
    if kind == "pkcs11":
        from gateway.pseudonyms.hsm import HsmKek  # noqa: PLC0415 - the library is there only where it is used

        return HsmKek(spec)
    if kind not in ("file", "mounted") or not rest:
        raise KeyringError("CHRONICCARE_KEK is file:PATH, mounted:PATH or a pkcs11: URI")
    return LocalKek(_read(Path(rest), is_ours=kind == "file"))


def _read(path: Path, *, is_ours: bool) -> bytes:
    """The 32 bytes in a file, as they are or in base64.

    Raises: KeyringError.
    """
    try:
        mode, content = path.stat().st_mode, path.read_bytes()
    except OSError:
        raise KeyringError(f"the key-encryption key at {path} cannot be read") from None
    if mode & (0o077 if is_ours else 0o022):
        said = "others than the owner may read it: chmod 400" if is_ours else "others than the owner may change it"
        raise KeyringError(f"the key-encryption key at {path} is not safe, {said}")
    if len(content) != KEY_BYTES:
        try:
            content = base64.b64decode(content.strip(), validate=True)
        except (binascii.Error, ValueError):
            content = b""
    if len(content) != KEY_BYTES:
        raise KeyringError(f"the key-encryption key at {path} is not {KEY_BYTES} bytes, as they are or in base64")
    return content
