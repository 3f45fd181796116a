"""P-521 by x-coordinates alone: a value as a point, and a point times a scalar.

A point and its opposite share their x-coordinate, and stay each other's opposite whatever both are multiplied by. So
y-coordinates never matter here, and OpenSSL's key agreement, which gives the x-coordinate of a product in constant
time, is all the arithmetic that is needed.
Stage: identified where a point stands for a value, pseudonymous where it was multiplied by a service's secret.
Source: FIPS 186-5, SP 800-186 §3.2.1.5 (P-521); SEC 1 §2.3 (points as bytes). How a value becomes a point is eHealth's,
as its cookbook's examples in https://github.com/smals-belgium/shared-pseudo-helper-java show it.
"""

from __future__ import annotations

import secrets
from itertools import count

from cryptography.hazmat.primitives.asymmetric import ec

CURVE = ec.SECP521R1()
ORDER = 2**521 - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7
COORDINATE_BYTES = 66
LONGEST_VALUE = 32


def point_of(value: bytes, buffer_bytes: int) -> bytes:
    """The point that stands for a value: the value, its length, and a count up to the first that is on the curve.

    Shape: 66 bytes, the x-coordinate; a value of 32 bytes at most.
    Cost: two tries on average, whose number depends on the value.
    Raises: ValueError for a longer value.
    """
    if len(value) > LONGEST_VALUE:
        raise ValueError("the value is too long for a point")
    first = int.from_bytes(value + bytes([len(value), *bytes(buffer_bytes)]), "big")
    tried = (number.to_bytes(COORDINATE_BYTES, "big") for number in count(first))
    return next(x for x in tried if _is_on_curve(x))


def y_of(x: bytes) -> bytes:
    """One of the two y-coordinates of a point.

    Raises: ValueError where there is none: the point is not on the curve.
    """
    return _point(x).public_numbers().y.to_bytes(COORDINATE_BYTES, "big")


def multiply(x: bytes, scalar: int) -> bytes:
    """The x-coordinate of a point times a scalar of 1 to `ORDER` - 1.

    Raises: ValueError for a point that is not on the curve, or another scalar.
    """
    return ec.derive_private_key(scalar, CURVE).exchange(ec.ECDH(), _point(x))


def new_scalar() -> int:
    """A random scalar, uniform over 1 to `ORDER` - 1."""
    return secrets.randbelow(ORDER - 1) + 1


def inverse(scalar: int) -> int:
    """What undoes a multiplication. Not in constant time: for scalars that are used once."""
    return pow(scalar, -1, ORDER)


def _point(x: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(CURVE, b"\x02" + x)


def _is_on_curve(x: bytes) -> bool:
    try:
        _point(x)
    except ValueError:
        return False
    return True
