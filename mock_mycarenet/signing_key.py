"""The key with which the identity provider signs: made once, kept in a file only its owner may read."""

import os
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)


def signing_key(path: Path) -> EllipticCurvePrivateKey:
    """The P-256 key in the file at `path`, which is made when it is missing.

    Not: a key of another kind in that file is not looked for; the file is ours alone.
    """
    if not path.exists():
        _make(path)
    key = load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, EllipticCurvePrivateKey)  # noqa: S101  # narrows the type
    return key


def _make(path: Path) -> None:
    """Write a new key so that the file is there whole or not at all, whatever instant the process is killed at.

    A link, not a rename: of two processes that start at once one makes the key and both read it.
    """
    pem = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor, temporary = mkstemp(dir=path.parent, prefix=path.name)  # mode 0600
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        Path(path).hardlink_to(temporary)
    Path(temporary).unlink()
    directory = os.open(path.parent, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)
