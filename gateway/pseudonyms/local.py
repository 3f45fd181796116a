"""The pseudonymiser of the house: a keyed HMAC, one derived key per project.

Stage: identified in, pseudonymous out.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.domain.identity import Ssin
from gateway.pseudonyms.keyring import Keyring, Purpose
from gateway.pseudonyms.port import Person

BUCKETS = 4096


class LocalPseudonymiser:
    """Pseudonyms of 32 bytes, different in every project, and the bucket of each.

    Source: RFC 2104 (HMAC), RFC 5869 (HKDF); SCALE 1.
    """

    def __init__(self, keyring: Keyring) -> None:
        newest = keyring.newest(Purpose.PSEUDONYM)
        self._keys = [newest, *(key for key in keyring.versions(Purpose.PSEUDONYM) if key != newest)]
        self._bucket_secret = keyring.newest(Purpose.BUCKET).secret
        self._project_keys = lru_cache(maxsize=1024)(self._derive)

    def _derive(self, project: str) -> Sequence[bytes]:
        """The project's key of each version, that in use first."""
        infos = [(key.secret, f"chroniccare pseudonym v{key.version} {project}".encode()) for key in self._keys]
        return [HKDF(hashes.SHA256(), 32, salt=None, info=info).derive(secret) for secret, info in infos]

    def pseudonymise(self, ssin: Ssin, project: str) -> bytes:
        """The pseudonym that stands for a person in a project, and nowhere else."""
        return self.candidates(ssin, project)[0]

    def candidates(self, ssin: Ssin, project: str) -> Sequence[bytes]:
        """Every pseudonym under which a person may be found; more than one while keys are rotated."""
        return self.stand_ins(ssin.reveal().encode("ascii"), project)

    def stand_ins(self, known_as: bytes, project: str) -> Sequence[bytes]:
        """The pseudonyms of whoever is known by these bytes, one for each version of the key, that in use first.

        Shape: they are known by an SSIN's 11 bytes, or a point's 66.
        """
        return [hmac.digest(key, known_as, "sha256") for key in self._project_keys(project)]

    def ahead(self, people: Collection[Person]) -> Self:
        """Itself: it knows everybody."""
        return self

    def bucket(self, pseudonym: bytes) -> int:
        """Where everything about a person lives.

        Shape: 0 to 4095.
        """
        return int.from_bytes(hmac.digest(self._bucket_secret, pseudonym, "sha256")[:2], "big") % BUCKETS
