"""How a key ring changes: a key is announced, then used, then gone; each step on a ring, in memory.

Stage: none.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.pseudonyms.keyring import Keyring, KeyringError, Phase, Purpose, new_key, public_half
from gateway.pseudonyms.shredding import tree_of


def announced(keyring: Keyring, purpose: Purpose) -> Keyring:
    """The ring with one more key of a purpose, which nobody uses yet; the ring as it is where there is one already."""
    if known_of(keyring, purpose):
        return keyring
    version = max((key.version for key in keyring.versions(purpose)), default=0) + 1
    if purpose is Purpose.ERASURE and version > 1:
        raise KeyringError("the key of erasures is never rotated: keys that were destroyed could be made again")
    return keyring.with_keys([*keyring.keys, new_key(purpose, version, Phase.KNOWN)])


def used(keyring: Keyring, purpose: Purpose) -> Keyring:
    """The ring with the announced key of a purpose in use; the ring as it is where none is announced."""
    return keyring.with_keys(replace(key, phase=Phase.USED) if key.purpose is purpose else key for key in keyring.keys)


def retired(keyring: Keyring, purpose: Purpose) -> Keyring:
    """The ring without the keys of a purpose that are older than the one in use; of receipts their public halves stay.

    Raises: KeyringError for erasures.
    """
    if purpose is Purpose.ERASURE:
        raise KeyringError("there is one key of erasures, and every identity needs it")
    newest = keyring.newest(purpose).version
    if purpose is Purpose.RECEIPT:
        olds = {key.kid for key in keyring.versions(purpose) if key.version < newest}
        return keyring.with_keys(public_half(key) if key.kid in olds else key for key in keyring.keys)
    return keyring.with_keys(key for key in keyring.keys if key.purpose is not purpose or key.version >= newest)


def known_of(keyring: Keyring, purpose: Purpose) -> bool:
    """Whether a key of a purpose is announced and not used yet."""
    return any(key.phase is Phase.KNOWN for key in keyring.versions(purpose))


def is_rotating(keyring: Keyring, purpose: Purpose) -> bool:
    """Whether there are older keys of a purpose beside the one in use."""
    return keyring.versions(purpose)[0].version < keyring.newest(purpose).version


def shredded(keyring: Keyring, label: bytes) -> Keyring:
    """The ring without the key of one person."""
    (key,) = keyring.versions(Purpose.ERASURE)
    punctured = replace(key, secret=tree_of(key.secret).without(label).to_bytes())
    return keyring.with_keys(punctured if one is key else one for one in keyring.keys)
