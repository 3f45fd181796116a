"""P-521 with plain integers: both coordinates, nothing hidden, for a service that is only played.

Source: SP 800-186 §3.2.1.5.
"""

from itertools import count
from typing import Final

FIELD: Final = 2**521 - 1
ORDER: Final = 2**521 - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7
B: Final = int(
    "51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f"
    "1ef451fd46b503f00",
    16,
)

Point = tuple[int, int]


def is_on_curve(point: Point) -> bool:
    """Whether y² = x³ - 3x + b."""
    x, y = point
    return max(x, y) < FIELD and (y * y - x**3 + 3 * x - B) % FIELD == 0


def times(scalar: int, point: Point) -> Point:
    """A point added to itself so many times.

    Shape: 1 to `ORDER` - 1 times; the curve's order is prime, so it never comes to the point at infinity.
    """
    total: Point | None = None
    for place in count():
        if scalar >> place & 1:
            total = point if total is None else _sum(total, point)
        if scalar >> place <= 1:
            break
        point = _sum(point, point)
    if total is None:
        raise AssertionError("zero times is no point")
    return total


def _sum(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    slope = (3 * (x1 * x1 - 1) * pow(2 * y1, -1, FIELD)) if one == other else ((y2 - y1) * pow(x2 - x1, -1, FIELD))
    x = (slope * slope - x1 - x2) % FIELD
    return x, (slope * (x1 - x) - y1) % FIELD
