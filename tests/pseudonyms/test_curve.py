"""Points of P-521: the cookbook's own examples, and another implementation that hides nothing."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from gateway.pseudonyms.curve import ORDER, inverse, multiply, new_scalar, point_of, y_of
from mock_mycarenet import curve as plain

COOKBOOK = json.loads((Path(__file__).parent / "cookbook.json").read_text(encoding="utf-8"))
SQUARE = (plain.FIELD - 1) // 2
OFF_THE_CURVE = next(x.to_bytes(66, "big") for x in range(100) if pow(x**3 - 3 * x + plain.B, SQUARE, plain.FIELD) != 1)


def decoded(text: str) -> bytes:
    return base64.b64decode(text).rjust(66, b"\0")


def number(text: str) -> int:
    return int.from_bytes(base64.b64decode(text), "big")


SCALAR = number(COOKBOOK["scalar"])
examples = pytest.mark.parametrize("example", COOKBOOK["points"], ids=lambda example: example["x"])


@examples
def test_a_value_becomes_the_point_of_the_cookbook(example: dict[str, Any]) -> None:
    x = point_of(base64.b64decode(example["value"]), example["buffer_bytes"])

    assert x == decoded(example["x"])
    y = int.from_bytes(y_of(x), "big")
    assert number(example["y"]) in (y, plain.FIELD - y)


@examples
def test_a_point_is_blinded_and_unblinded_as_in_the_cookbook(example: dict[str, Any]) -> None:
    blinded = multiply(decoded(example["x"]), SCALAR)

    assert blinded == decoded(example["blinded_x"])
    assert multiply(blinded, inverse(SCALAR)) == decoded(example["x"])


@examples
def test_the_stand_in_multiplies_both_coordinates_as_in_the_cookbook(example: dict[str, Any]) -> None:
    product = plain.times(SCALAR, (number(example["x"]), number(example["y"])))

    assert product == (number(example["blinded_x"]), number(example["blinded_y"]))


def test_two_implementations_agree_on_any_point_and_scalar() -> None:
    random = Random(521)  # numbers of a test, no secrets

    for scalar in (1, 2, 3, ORDER - 1, *(random.randrange(1, ORDER) for _ in range(4))):
        x = point_of(random.randbytes(random.randrange(33)), 8)
        y = y_of(x)
        point = int.from_bytes(x, "big"), int.from_bytes(y, "big")
        assert plain.is_on_curve(point)
        assert multiply(x, scalar) == plain.times(scalar, point)[0].to_bytes(66, "big")


def test_a_value_of_more_than_32_bytes_has_no_point() -> None:
    assert point_of(b"x" * 32, 8)[-41:-9] == b"x" * 32
    with pytest.raises(ValueError, match="too long"):
        point_of(b"x" * 33, 8)


@pytest.mark.parametrize("scalar", [0, ORDER, ORDER + 1, -1])
def test_a_scalar_that_gives_no_point_is_refused(scalar: int) -> None:
    with pytest.raises(ValueError, match=r"key|positive"):
        multiply(point_of(b"1", 8), scalar)


@pytest.mark.parametrize("x", [OFF_THE_CURVE, b"\xff" * 66, b"", b"\0" * 65], ids=["off", "long", "empty", "short"])
def test_what_is_not_on_the_curve_is_refused(x: bytes) -> None:
    with pytest.raises(ValueError, match="EC key"):
        multiply(x, 5)
    with pytest.raises(ValueError, match="EC key"):
        y_of(x)


def test_scalars_are_fresh_and_in_range() -> None:
    scalars = {new_scalar() for _ in range(20)}

    assert len(scalars) == 20
    assert all(0 < scalar < ORDER for scalar in scalars)
    assert max(scalars) > ORDER >> 8
