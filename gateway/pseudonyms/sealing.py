"""Sealing: authenticated encryption of identities for the vault, and of what holds them while it waits.

Stage: identified in, sealed bytes out, and back for the way out alone.
"""

from __future__ import annotations

import hmac
import secrets
import threading

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.domain.identity import Ssin
from gateway.pseudonyms.keyring import Key, Keyring, KeyringError, Phase, Purpose
from gateway.pseudonyms.shredding import LABEL_BYTES, Destroyed, Tree, tree_of

_VERSION_BYTES = 2
_NONCE_BYTES = 12
_OWN = 0x8000


class BrokenSeal(Exception):
    """Sealed bytes were changed, moved to another row, or sealed with another key."""


class Sealer:
    """AES-256-GCM with 96 random bits of nonce per seal.

    Shape: two bytes of key version, the nonce, the ciphertext with its tag. The associated data bind the seal to
    its table, row, column and key version, so that bytes moved elsewhere do not open. An identity has a key of its own,
    made of the sealing key and of what the ring can destroy alone; its seal has the highest bit of the version set, and
    the key's label behind the version.
    Source: NIST SP 800-38D.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._newest = keyring.newest(Purpose.SEALING)
        self._secrets = {key.version: key.secret for key in keyring.versions(Purpose.SEALING)}
        self._ciphers = {version: AESGCM(secret) for version, secret in self._secrets.items()}
        trees = keyring.versions(Purpose.ERASURE)
        self._tree = tree_of(trees[0].secret) if trees else None
        self._is_own = bool(trees) and trees[0].phase is Phase.USED
        self._count, self._counting = 0, threading.Lock()

    @property
    def kid(self) -> str:
        """The public name of the key in use."""
        return self._newest.kid

    def add_count(self, seals: int) -> None:
        """Count seals that were made with the key in use."""
        with self._counting:
            self._count += seals

    def take_count(self, at_least: int) -> int:
        """How many seals were counted since they were last taken; 0 while they are fewer than so many."""
        if self._count < at_least:
            return 0
        with self._counting:
            taken, self._count = self._count, 0
        return taken

    def seal(self, ssin: Ssin, project: str, pseudonym: bytes) -> bytes:
        """Seal an identity for the vault's row of a pseudonym."""
        plain, place = ssin.reveal().encode("ascii"), row_place(project, pseudonym)
        if self._tree is None or not self._is_own:
            return self.seal_bytes(plain, place)
        version, label = self._newest.version, self._tree.label_of(f"{project}|".encode() + plain)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        cipher = self._own(self._tree, version, label)
        self.add_count(1)
        head = (version | _OWN).to_bytes(_VERSION_BYTES, "big") + label
        return head + nonce + cipher.encrypt(nonce, plain, _associated(place, version))

    def unseal(self, sealed: bytes, project: str, pseudonym: bytes) -> Ssin:
        """Open what was sealed for a row.

        Raises: BrokenSeal, also when the person was erased; KeyringError when the ring lacks the key's version.
        """
        place, label = row_place(project, pseudonym), self.label(sealed)
        if label is None:
            return Ssin(self.unseal_bytes(sealed, place).decode("ascii"))
        version, rest = int.from_bytes(sealed[:_VERSION_BYTES], "big") & ~_OWN, sealed[_VERSION_BYTES + LABEL_BYTES :]
        if version not in self._secrets:
            raise KeyringError(f"the key ring has no sealing key of version {version}: restore it")
        if self._tree is None:
            raise KeyringError("the key ring has no key of erasures: restore it")
        try:
            cipher = self._own(self._tree, version, label)
            plain = cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _associated(place, version))
        except (Destroyed, InvalidTag, ValueError):
            raise BrokenSeal from None
        return Ssin(plain.decode("ascii"))

    def label(self, sealed: bytes) -> bytes | None:
        """The label of the key that an identity was sealed with, of its own; None where it has none."""
        is_own = int.from_bytes(sealed[:_VERSION_BYTES], "big") & _OWN and len(sealed) > _VERSION_BYTES + LABEL_BYTES
        return sealed[_VERSION_BYTES : _VERSION_BYTES + LABEL_BYTES] if is_own else None

    def is_shredded(self, sealed: bytes) -> bool:
        """Whether the key of its own that an identity was sealed with was destroyed."""
        label = self.label(sealed)
        if label is None or self._tree is None:
            return False
        try:
            self._tree.key(label)
        except Destroyed:
            return True
        return False

    def _own(self, tree: Tree, version: int, label: bytes) -> AESGCM:
        return AESGCM(hmac.digest(self._secrets[version], b"person" + tree.key(label), "sha256"))

    def seal_bytes(self, plain: bytes, place: str) -> bytes:
        """Seal bytes for one place: its table, row and column."""
        key: Key = self._newest
        self.add_count(1)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        ciphertext = self._ciphers[key.version].encrypt(nonce, plain, _associated(place, key.version))
        return key.version.to_bytes(_VERSION_BYTES, "big") + nonce + ciphertext

    @property
    def mark(self) -> bytes:
        """What everything begins with that is sealed with the key in use."""
        return self._newest.version.to_bytes(_VERSION_BYTES, "big")

    @property
    def mark_of_identities(self) -> bytes:
        """The same of identities."""
        return (self._newest.version | (_OWN if self._is_own else 0)).to_bytes(_VERSION_BYTES, "big")

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
