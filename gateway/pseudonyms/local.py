"""The pseudonymiser of the house: a keyed HMAC, one derived key per project.

Stage: identified in, pseudonymous out.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
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
        self._key = keyring.newest(Purpose.PSEUDONYM)
        self._bucket_secret = keyring.newest(Purpose.BUCKET).secret
        self._project_key = lru_cache(maxsize=1024)(self._derive)

    def _derive(self, project: str) -> bytes:
        info = f"chroniccare pseudonym v{self._key.version} {project}".encode()
        return HKDF(hashes.SHA256(), 32, salt=None, info=info).derive(self._key.secret)

    def pseudonymise(self, ssin: Ssin, project: str) -> bytes:
        """The pseudonym that stands for a person in a project, and nowhere else."""
        return self.stand_in(ssin.reveal().encode("ascii"), project)

    def stand_in(self, known_as: bytes, project: str) -> bytes:
        """The pseudonym of whoever is known by these bytes: an SSIN's 11, or a point's 66."""
        return hmac.digest(self._project_key(project), known_as, "sha256")

    def ahead(self, people: Collection[Person]) -> Self:
        """Itself: it knows everybody."""
        return self

    def bucket(self, pseudonym: bytes) -> int:
        """Where everything about a person lives.

        Shape: 0 to 4095.
        """
        return int.from_bytes(hmac.digest(self._bucket_secret, pseudonym, "sha256")[:2], "big") % BUCKETS
