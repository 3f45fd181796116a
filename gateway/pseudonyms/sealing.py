"""Sealing: authenticated encryption of identities for the vault, and of what holds them while it waits.

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
        return self.seal_bytes(ssin.reveal().encode("ascii"), row_place(project, pseudonym))

    def unseal(self, sealed: bytes, project: str, pseudonym: bytes) -> Ssin:
        """Open what was sealed for a row.

        Raises: BrokenSeal; KeyringError when the ring lacks the key's version.
        """
        return Ssin(self.unseal_bytes(sealed, row_place(project, pseudonym)).decode("ascii"))

    def seal_bytes(self, plain: bytes, place: str) -> bytes:
        """Seal bytes for one place: its table, row and column."""
        key: Key = self._newest
        nonce = secrets.token_bytes(_NONCE_BYTES)
        ciphertext = self._ciphers[key.version].encrypt(nonce, plain, _associated(place, key.version))
        return key.version.to_bytes(_VERSION_BYTES, "big") + nonce + ciphertext

    def is_current(self, sealed: bytes) -> bool:
        """Whether bytes were sealed with the key that is used for what is new."""
        return sealed.startswith(self.mark)

    @property
    def mark(self) -> bytes:
        """What everything begins with that is sealed with that key."""
        return self._newest.version.to_bytes(_VERSION_BYTES, "big")

    def renew(self, sealed: bytes, place: str) -> bytes:
        """Seal again, with the key that is used for what is new.

        Raises: BrokenSeal; KeyringError when the ring lacks the key's version.
        """
        return self.seal_bytes(self.unseal_bytes(sealed, place), place)

    def unseal_bytes(self, sealed: bytes, place: str) -> bytes:
        """Open what was sealed for a place.

        Raises: BrokenSeal; KeyringError when the ring lacks the key's version.
        """
        version = int.from_bytes(sealed[:_VERSION_BYTES], "big")
        nonce, ciphertext = sealed[_VERSION_BYTES:][:_NONCE_BYTES], sealed[_VERSION_BYTES + _NONCE_BYTES :]
        if version not in self._ciphers:
            raise KeyringError(f"the key ring has no sealing key of version {version}: restore it")
        try:
            return self._ciphers[version].decrypt(nonce, ciphertext, _associated(place, version))
        except (InvalidTag, ValueError):
            raise BrokenSeal from None


def row_place(project: str, pseudonym: bytes) -> str:
    """The place that an identity is sealed for: the vault's row of a pseudonym."""
    return f"vault|{project}|{pseudonym.hex()}|sealed_ssin"


def _associated(place: str, version: int) -> bytes:
    return f"{place}|{version}".encode()
