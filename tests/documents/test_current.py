"""What is written by a program is what that program writes today."""

from __future__ import annotations

import pytest

from gateway.domain.ledger import fact_rho
from schemas.mycarenet.stand_in import SCENARIOS
from tests.documents.texts import read, section
from tests.rules import book


def test_the_rule_book_is_current() -> None:
    assert book.main(["--check"]) == 0


def test_the_ledger_of_decision_7_is_what_the_code_computes() -> None:
    spent = f"One fact spends {float(fact_rho()):.2f} on the grid over the whole lattice and the rungs of extracts"

    assert spent in " ".join(read("DECISIONS.md").split())


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_readme_names_each_scenario_of_the_mock(name: str) -> None:
    assert f'{{"name": "{name}"}}' in section(read("README.md"), "What is invented")


def test_the_readme_counts_the_lines_of_the_sample() -> None:
    lines = read("gateway/sandbox/sample/communications.ndjson").count("\n")

    assert f"over {lines // 1000} {lines % 1000:03} communications" in read("README.md")


def test_the_licence_is_the_same_everywhere() -> None:
    assert read("LICENSE").startswith("SPDX-License-Identifier: EUPL-1.2\n")
    assert "2017/863" in read("LICENSE")
    assert 'license = "EUPL-1.2"' in read("pyproject.toml")
    assert "EUPL-1.2" in section(read("README.md"), "Licence")
