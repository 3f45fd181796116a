"""The page of capacity is what is computed from the figures that are kept, and the computation is what it says."""

from __future__ import annotations

import doctest

import pytest

from bench import capacity, flat
from bench.capacity import ACTIONS_A_MONTH, OF_A_PERSON, Close, Measured, Need, page
from tests.documents.texts import read

BYTES = dict.fromkeys([*OF_A_PERSON, "action"], 100.0)
FOUND = Measured(BYTES, 5_000, 2_000, [Close(1_000_000, 10, 500), Close(10_000_000, 100, 1_000)])


def test_the_page_is_computed_from_what_the_benches_keep() -> None:
    assert read("docs/capacity.md") == page(capacity.measured())


def test_a_year_of_a_million_people_follows_from_a_row_and_a_registration() -> None:
    need = Need(1_000_000, FOUND)

    registrations = 1_000_000 * (1 + 12 * ACTIONS_A_MONTH)
    assert need.rows_a_year == 1_000_000 * (5 + 3 * 12 * ACTIONS_A_MONTH)
    assert need.disk(1) == 100 * need.rows_a_year
    assert need.disk(2) - need.disk(1) == 100 * 3 * 12 * 1_000_000 * ACTIONS_A_MONTH
    assert need.busiest == pytest.approx(10 * registrations / (365.25 * 86_400))
    assert need.busiest == pytest.approx(99.2, abs=0.1)
    assert (need.gateways(), need.servers()) == (1, 1)
    assert (Need(10_000_000, FOUND).gateways(), Need(10_000_000, FOUND).servers()) == (5, 1)


def test_a_close_grows_as_it_grew() -> None:
    grown = Need(100_000_000 // ACTIONS_A_MONTH, FOUND).close()

    assert grown.cpu_seconds == pytest.approx(1_000, rel=1e-6)
    assert grown.memory_mib == pytest.approx(2_000, rel=1e-6)


def test_the_page_of_a_large_register_compares_rounds() -> None:
    register = {"inclusion, ms": [2.0, 4.0, 4.0], "action, ms": [1.0, 1.0, 1.0]}
    larger = {"inclusion, ms": [2.0, 4.0, 5.0], "action, ms": [3.0, 2.0, 1.0]}
    registers = [{"actions": 1_000_000, **register}, {"actions": 10_000_000, **larger}]

    shown = flat.page({"on": "2026-01-01", "machine": "one", "registers": registers})

    assert "| inclusion, ms | 1,000,000: 4.00 | 10,000,000: 4.00 | 1.00 (1.00 .. 1.25) |" in shown
    assert "| action, ms | 1,000,000: 1.00 | 10,000,000: 2.00 | 2.00 (1.00 .. 3.00) |" in shown


def test_examples_in_the_computation_hold() -> None:
    assert doctest.testmod(capacity).failed == 0
