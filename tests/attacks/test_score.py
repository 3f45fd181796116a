"""The attacker's arithmetic: bounds, verdicts and limits."""

from __future__ import annotations

import pytest

from tests.attacks.score import Tally, as_table, lower_bound, pooled


@pytest.mark.parametrize(("hits", "attempts", "expected"), [(0, 10, 0.0), (10, 10, 0.7411), (50, 100, 0.4136)])
def test_lower_bound_is_clopper_and_pearsons(hits: int, attempts: int, expected: float) -> None:
    assert lower_bound(hits, attempts) == pytest.approx(expected, abs=1e-4)


def test_registers_are_pooled_per_attack_and_actor() -> None:
    found = pooled(
        [Tally("a", "outsider", 60, 6, 3), Tally("a", "outsider", 60, 6, 3), Tally("b", "outsider", 5, 5, 0)]
    )

    assert [(one.name, one.attempts, one.success, one.baseline) for one in found] == [
        ("a", 120, 0.1, 0.05),
        ("b", 5, 1.0, 0.0),
    ]
    assert (found[0].holds, found[0].is_enough, found[1].is_enough) == (True, True, False)


def test_attack_breaks_when_its_bound_passes_the_limit() -> None:
    (broken,) = pooled([Tally("a", "outsider", 200, 100, 20)])

    assert broken.limit == pytest.approx(0.2)
    assert not broken.holds
    assert "**broken**" in as_table([broken], "planted")
