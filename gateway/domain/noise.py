"""Keyed noise: the discrete Gaussian by inverse CDF, as integer thresholds on 64 bits.

A sigma is a `Fraction`; it is rounded up to the grid `s = 2^(j/8)`, so the whole distribution hangs on the integer `j`.
No floating point anywhere: the same `j` and the same 64 bits give the same noise on every machine.
"""

from __future__ import annotations

from bisect import bisect_right
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from functools import lru_cache
from math import isqrt

UNIFORM_BITS = 64
WEIGHT_BITS = 320  # 256 more than the thresholds have: 2^32 for the recurrence at s = 10 000, the rest is guard
EXACT = Context(prec=120, rounding=ROUND_HALF_EVEN, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])


@lru_cache(maxsize=4096)
def grid(sigma: Fraction) -> int:
    """The smallest integer `j` with `2^(j/8) >= sigma`: sigma rounded up to the grid.

    >>> grid(Fraction(1)), grid(Fraction(2)), grid(Fraction(3)), grid(Fraction(1, 4))
    (0, 8, 13, -16)
    >>> grid(Fraction(2) + Fraction(1, 10**30))
    9

    Raises: ValueError for a sigma that is not above zero.
    """
    if sigma <= 0:
        raise ValueError("sigma is above zero")
    power = sigma**8
    j = power.numerator.bit_length() - power.denominator.bit_length() - 1
    while Fraction(2) ** j < power:
        j += 1
    return j


def reach(j: int) -> int:
    """The largest noise either way: `floor(6.5 s)`.

    >>> reach(0), reach(13), reach(-22), reach(-21)
    (6, 20, 0, 1)
    """
    eighth_power = 13**8 << j if j >= 0 else 13**8 >> -j
    return isqrt(isqrt(isqrt(eighth_power))) // 2


def _weights(j: int, last: int) -> list[int]:
    """The weights `exp(-k^2 / 2 s^2)` of k = 0 .. `last`, as fixed-point integers of `WEIGHT_BITS`.

    Each is the one before times `q^(2k+1)`, with `q = exp(-1 / 2 s^2)`: one exp for the whole table.
    """
    one = 1 << WEIGHT_BITS
    exponent = isqrt(isqrt(1 << (4 * WEIGHT_BITS - j - 4)))  # 2^(-j/4 - 1)
    q = EXACT.exp(EXACT.divide(Decimal(-exponent), Decimal(one)))
    ratio = int(EXACT.multiply(q, Decimal(one)))
    step = ratio * ratio >> WEIGHT_BITS
    weights = [one]
    for _ in range(last):
        weights.append(weights[-1] * ratio >> WEIGHT_BITS)
        ratio = ratio * step >> WEIGHT_BITS
    return weights


@lru_cache(maxsize=256)
def thresholds(j: int) -> tuple[int, ...]:
    """How many of the 2^64 uniforms give at most k, for k = `-reach` .. `reach - 1`.

    Shape: ascending; as many above the middle as below, mirrored, so noise is symmetric to the last bit; empty where
    only 0 can be drawn.
    Cost: 13 s integers, once per `j`; 0.2 s for s = 10 000. All grid points up to one cost twelve times that one.

    >>> len(thresholds(13)), thresholds(-40)
    (40, ())
    >>> all(low + high == 2**64 for low, high in zip(thresholds(13), reversed(thresholds(13))))
    True
    """
    last = reach(j)
    if last == 0:
        return ()
    weights = _weights(j, last)
    total = 2 * sum(weights) - weights[0]
    below, running = [], 0
    for weight in reversed(weights[1:]):
        running += weight
        below.append((running << UNIFORM_BITS) // total)
    return (*below, *((1 << UNIFORM_BITS) - count for count in reversed(below)))


def draw(j: int, uniform: int) -> int:
    """The noise of `s = 2^(j/8)` at one uniform number of 64 bits.

    Shape: rises with `uniform`; `draw(j, 2^64 - 1 - u) == -draw(j, u)`; within `reach(j)`.

    >>> draw(13, 0), draw(13, 2**63), draw(13, 2**64 - 1)
    (-20, 0, 20)
    >>> draw(13, 0xE000000000000000), draw(-40, 0)
    (4, 0)

    Raises: ValueError for a uniform that does not fit 64 bits.
    """
    if not 0 <= uniform < 1 << UNIFORM_BITS:
        raise ValueError("a uniform has 64 bits")
    return bisect_right(thresholds(j), uniform) - reach(j)
