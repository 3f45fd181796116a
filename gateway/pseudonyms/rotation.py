"""How a key ring changes: a key is announced, then used, then gone; each step on a ring, in memory.

Stage: none.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.pseudonyms.keyring import Keyring, KeyringError, Phase, Purpose, new_key


def announced(keyring: Keyring, purpose: Purpose) -> Keyring:
    """The ring with one more key of a purpose, which nobody uses yet; the ring as it is where there is one already."""
    if known_of(keyring, purpose):
        return keyring
    version = keyring.versions(purpose)[-1].version + 1
    return keyring.with_keys([*keyring.keys, new_key(purpose, version, Phase.KNOWN)])


def used(keyring: Keyring, purpose: Purpose) -> Keyring:
    """The ring with the announced key of a purpose in use; the ring as it is where none is announced."""
    return keyring.with_keys(replace(key, phase=Phase.USED) if key.purpose is purpose else key for key in keyring.keys)


def retired(keyring: Keyring, purpose: Purpose) -> Keyring:
    """The ring without the keys of a purpose that are older than the one in use.

    Raises: KeyringError for receipts, which have to be verified for good.
    """
    if purpose is Purpose.RECEIPT:
        raise KeyringError("old keys of receipts stay in the ring, so that old receipts can be verified")
    newest = keyring.newest(purpose).version
    return keyring.with_keys(key for key in keyring.keys if key.purpose is not purpose or key.version >= newest)


def known_of(keyring: Keyring, purpose: Purpose) -> bool:
    """Whether a key of a purpose is announced and not used yet."""
    return any(key.phase is Phase.KNOWN for key in keyring.versions(purpose))


def is_rotating(keyring: Keyring, purpose: Purpose) -> bool:
    """Whether there are older keys of a purpose beside the one in use."""
    return keyring.versions(purpose)[0].version < keyring.newest(purpose).version
