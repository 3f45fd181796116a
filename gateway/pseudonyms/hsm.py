"""A key-encryption key in a PKCS#11 module: it is used there, and never leaves it.

Source: RFC 7512 (the URI), PKCS #11 3.0, 2.14.3 (AES-GCM).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from gateway.pseudonyms.keyring import KeyringError

NONCE_BYTES = 12
TAG_BITS = 128


class HsmKek:
    """An AES key in a module, named by a URI with `token`, `object`, `module-path` and `pin-source`, a file.

    Cost: a session for each secret; a ring is read at the start and when it changed.
    """

    def __init__(self, uri: str) -> None:
        path, _, query = uri.removeprefix("pkcs11:").partition("?")
        given = dict(part.partition("=")[::2] for part in path.split(";"))
        asked = dict(parse_qsl(query))
        try:
            self._token, self._object = unquote(given["token"]), unquote(given["object"])
            self._module, self._pin_file = asked["module-path"], Path(asked["pin-source"].removeprefix("file:"))
        except KeyError as missing:
            raise KeyringError(f"the pkcs11: URI of CHRONICCARE_KEK lacks {missing.args[0]}") from None
        self.name = f"pkcs11:token={given['token']};object={given['object']}"

    def wrap(self, secret: bytes, place: str) -> bytes:
        """A secret, wrapped for a place.

        Raises: KeyringError.
        """
        nonce = secrets.token_bytes(NONCE_BYTES)
        with self._key() as (key, how):
            wrapped: bytes = key.encrypt(secret, **how(nonce, place))
        return nonce + wrapped

    def unwrap(self, wrapped: bytes, place: str) -> bytes:
        """What was wrapped for a place.

        Raises: KeyringError.
        """
        with self._key() as (key, how):
            secret: bytes = key.decrypt(wrapped[NONCE_BYTES:], **how(wrapped[:NONCE_BYTES], place))
        return secret

    @contextmanager
    def _key(self) -> Iterator[tuple[Any, Any]]:
        """The key within a session, and how it is used."""
        try:
            import pkcs11  # noqa: PLC0415 - an extra
        except ImportError:
            raise KeyringError("a pkcs11: key needs the extra: pip install chroniccare-gateway[hsm]") from None

        def how(nonce: bytes, place: str) -> dict[str, Any]:
            mechanism = pkcs11.Mechanism.AES_GCM
            return {"mechanism": mechanism, "mechanism_param": pkcs11.GCMParams(nonce, place.encode(), TAG_BITS)}

        try:
            pin = self._pin_file.read_text(encoding="utf-8").strip()
            with _library(self._module, os.getpid()).get_token(token_label=self._token).open(user_pin=pin) as session:
                yield session.get_key(label=self._object, key_type=pkcs11.KeyType.AES), how
        except OSError:
            raise KeyringError(f"the PIN at {self._pin_file} cannot be read") from None
        except pkcs11.exceptions.PKCS11Error as problem:
            raise KeyringError(f"the PKCS#11 module refuses {self.name}: {type(problem).__name__}") from None


@lru_cache(maxsize=1)
def _library(module: str, pid: int) -> Any:
    """The module, started afresh in each process: one that was forked cannot use its parent's."""
    import pkcs11  # noqa: PLC0415 - an extra

    library = pkcs11.lib(module)
    library.reinitialize()
    return library
