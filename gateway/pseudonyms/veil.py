"""The veil as the services hold it: every tool that needs a key, made once from one ring."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.pseudonyms.blind import BlindPseudonymiser, Owner
from gateway.pseudonyms.fingerprints import Fingerprints
from gateway.pseudonyms.identifiers import Identifiers
from gateway.pseudonyms.keyring import Keyring
from gateway.pseudonyms.local import LocalPseudonymiser
from gateway.pseudonyms.port import Pseudonymiser
from gateway.pseudonyms.receipts import Receipts
from gateway.pseudonyms.sealing import Sealer


@dataclass(frozen=True, slots=True)
class Veil:
    """Pseudonyms, seals, identifiers, fingerprints and receipts under one key ring."""

    pseudonymiser: Pseudonymiser
    sealer: Sealer
    identifiers: Identifiers
    fingerprints: Fingerprints
    receipts: Receipts


def veil_of(keyring: Keyring, owner: Owner | None = None) -> Veil:
    """The veil made of a key ring, and of the domain where a service makes the pseudonyms."""
    local = LocalPseudonymiser(keyring)
    pseudonymiser = local if owner is None else BlindPseudonymiser(owner, local)
    return Veil(pseudonymiser, Sealer(keyring), Identifiers(keyring), Fingerprints(keyring), Receipts(keyring))
