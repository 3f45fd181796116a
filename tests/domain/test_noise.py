"""The discrete Gaussian: exact grid, published vectors, distribution, symmetry."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.noise import draw, grid, reach, thresholds

VECTORS = json.loads(Path(__file__).with_name("noise_vectors.json").read_text(encoding="utf-8"))
UNIFORMS = st.integers(0, 2**64 - 1)
NORMAL_AT_ONE_IN_A_MILLION = 4.7534


@cache
def plain_cdf(j: int) -> tuple[int, list[Decimal]]:
    """Support and cumulative probabilities with one exp per point: slow, simple, and shares nothing with the code."""
    with localcontext() as context:
        context.prec = 60
        s = Decimal(2) ** (Decimal(j) / 8)
        last = int(Decimal("6.5") * s)
        weights = [(-(Decimal(k) ** 2) / (2 * s * s)).exp() for k in range(-last, last + 1)]
        total = sum(weights, Decimal(0))
        cumulative, running = [], Decimal(0)
        for weight in weights:
            running += weight
            cumulative.append(running / total)
        return last, cumulative


def plain_draw(j: int, uniform: int) -> int:
    """The first k whose whole share of the 2^64 uniforms lies above this one; the upper half mirrors the lower."""
    if uniform >= 2**63:
        return -plain_draw(j, 2**64 - 1 - uniform)
    last, cumulative = plain_cdf(j)
    with localcontext() as context:
        context.prec = 60
        return next((k - last for k in range(last) if int(cumulative[k] * 2**64) > uniform), 0)


@pytest.mark.parametrize(
    ("sigma", "j"),
    [
        (Fraction(1), 0),
        (Fraction(2), 8),
        (Fraction(1, 2), -8),
        (Fraction(2**40), 320),
        (Fraction(2**40 * 10**30 + 1, 10**30), 321),
        (Fraction(2**40 * 10**30 - 1, 10**30), 320),
        (Fraction(3), 13),
        (Fraction(3, 4), -3),
        (Fraction(13, 2), 22),
        (Fraction(39), 43),
        (Fraction(10**4), 107),
        (Fraction(1, 10), -26),
    ],
)
def test_sigma_is_rounded_up_to_the_grid_without_a_slip_at_exact_powers(sigma: Fraction, j: int) -> None:
    assert grid(sigma) == j


@given(st.fractions(min_value=Fraction(1, 10**6), max_value=10**9))
def test_grid_is_the_smallest_point_that_reaches_sigma(sigma: Fraction) -> None:
    assert Fraction(2) ** (grid(sigma) - 1) < sigma**8 <= Fraction(2) ** grid(sigma)


@given(st.fractions(min_value=Fraction(1, 10**6), max_value=10**9))
def test_a_quarter_of_sigma_lies_sixteen_points_lower(sigma: Fraction) -> None:
    assert grid(sigma / 4) == grid(sigma) - 16


@pytest.mark.parametrize("sigma", [Fraction(0), Fraction(-1)])
def test_no_grid_point_for_no_sigma(sigma: Fraction) -> None:
    with pytest.raises(ValueError, match="above zero"):
        grid(sigma)


@pytest.mark.parametrize("j", range(-60, 121))
def test_reach_is_six_and_a_half_s_rounded_down(j: int) -> None:
    with localcontext() as context:
        context.prec = 60
        assert reach(j) == int(Decimal("6.5") * Decimal(2) ** (Decimal(j) / 8))


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: f"j={vector['j']}")
def test_published_vectors(vector: dict[str, int | dict[str, int]]) -> None:
    j, draws = vector["j"], vector["draws"]
    assert isinstance(j, int)
    assert isinstance(draws, dict)
    for uniform, value in draws.items():
        assert draw(j, int(uniform, 16)) == value, (j, uniform)
        assert plain_draw(j, int(uniform, 16)) == value, (j, uniform)


@pytest.mark.parametrize("j", [-21, -16, -3, 0, 1, 7, 13, 22, 43, 61])
def test_thresholds_are_those_of_a_plain_computation(j: int) -> None:
    last, cumulative = plain_cdf(j)

    table = thresholds(j)

    with localcontext() as context:
        context.prec = 60
        below = [int(reached * 2**64) for reached in cumulative[:last]]
    assert list(table[:last]) == below
    assert list(table[last:]) == [2**64 - count for count in reversed(below)]


def test_a_tiny_s_draws_only_zero() -> None:
    assert thresholds(-22) == ()
    assert {draw(-22, uniform) for uniform in (0, 2**63, 2**64 - 1)} == {0}
    assert thresholds(-1000) == ()


def test_a_huge_s_builds_and_reaches_its_ends() -> None:
    j = grid(Fraction(10_000))

    assert len(thresholds(j)) == 2 * reach(j)
    assert (draw(j, 0), draw(j, 2**63), draw(j, 2**64 - 1)) == (-reach(j), 0, reach(j))


@pytest.mark.parametrize("uniform", [-1, 2**64])
def test_a_uniform_has_64_bits(uniform: int) -> None:
    with pytest.raises(ValueError, match="64 bits"):
        draw(13, uniform)


@settings(deadline=None)
@given(st.integers(-40, 60), UNIFORMS, UNIFORMS)
def test_noise_rises_with_the_uniform_within_its_reach(j: int, one: int, other: int) -> None:
    low, high = sorted((one, other))

    assert -reach(j) <= draw(j, low) <= draw(j, high) <= reach(j)


@settings(deadline=None)
@given(st.integers(-40, 60), UNIFORMS)
def test_noise_is_symmetric_to_the_last_bit(j: int, uniform: int) -> None:
    assert draw(j, 2**64 - 1 - uniform) == -draw(j, uniform)


@pytest.mark.parametrize("j", [-16, 0, 13, 22, 43])
def test_draws_follow_the_exact_distribution(j: int) -> None:
    """Chi-square with a fixed seed, at p = 1e-6 (Wilson and Hilferty's approximation of the quantile)."""
    size, random = 40_000, Random(20220214 + j)
    last, cumulative = plain_cdf(j)
    shares = [float(high - low) for low, high in zip([Decimal(0), *cumulative], cumulative, strict=False)]

    seen = Counter(draw(j, random.getrandbits(64)) for _ in range(size))

    common = [k for k in range(-last, last + 1) if shares[k + last] * size >= 5]
    expected = [shares[k + last] * size for k in common]
    observed = [float(seen[k]) for k in common]
    rest = (size - sum(observed), size - sum(expected))
    statistic = sum((o - e) ** 2 / e for o, e in zip(observed, expected, strict=True)) + (rest[0] - rest[1]) ** 2 / max(
        rest[1], 1.0
    )
    freedom = len(common)
    spread = 2 / (9 * freedom)
    assert statistic < freedom * (1 - spread + NORMAL_AT_ONE_IN_A_MILLION * spread**0.5) ** 3
