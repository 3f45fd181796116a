"""Sealing: authenticated encryption of identities for the vault.

Stage: identified in, sealed bytes out, and back for the way out alone.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.domain.identity import Ssin
from gateway.pseudonyms.keyring import Key, Keyring, KeyringError, Purpose

_VERSION_BYTES = 2
_NONCE_BYTES = 12


class BrokenSeal(Exception):
    """Sealed bytes were changed, moved to another row, or sealed with another key."""


class Sealer:
    """AES-256-GCM with 96 random bits of nonce per seal.

    Shape: two bytes of key version, the nonce, the ciphertext with its tag. The associated data bind the seal to
    its table, row, column and key version, so that bytes moved elsewhere do not open.
    Source: NIST SP 800-38D.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._newest = keyring.newest(Purpose.SEALING)
        self._ciphers = {key.version: AESGCM(key.secret) for key in keyring.versions(Purpose.SEALING)}

    def seal(self, ssin: Ssin, project: str, pseudonym: bytes) -> bytes:
        """Seal an identity for the vault's row of a pseudonym."""
        key: Key = self._newest
        nonce = secrets.token_bytes(_NONCE_BYTES)
        row = _row(key.version, project, pseudonym)
        ciphertext = self._ciphers[key.version].encrypt(nonce, ssin.reveal().encode("ascii"), row)
        return key.version.to_bytes(_VERSION_BYTES, "big") + nonce + ciphertext

    def unseal(self, sealed: bytes, project: str, pseudonym: bytes) -> Ssin:
        """Open what was sealed for a row.

        Raises: BrokenSeal; KeyringError when the ring lacks the key's version.
        """
        version = int.from_bytes(sealed[:_VERSION_BYTES], "big")
        nonce, ciphertext = sealed[_VERSION_BYTES:][:_NONCE_BYTES], sealed[_VERSION_BYTES + _NONCE_BYTES :]
        if version not in self._ciphers:
            raise KeyringError(f"the key ring has no sealing key of version {version}: restore it")
        try:
            plain = self._ciphers[version].decrypt(nonce, ciphertext, _row(version, project, pseudonym))
        except (InvalidTag, ValueError):
            raise BrokenSeal from None
        return Ssin(plain.decode("ascii"))


def _row(version: int, project: str, pseudonym: bytes) -> bytes:
    return f"vault|{project}|{pseudonym.hex()}|sealed_ssin|{version}".encode()
