"""The worked examples beside an extract run as they are, wherever their language is at hand."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.extracts.examples import PANDAS_FILE, R_FILE
from gateway.extracts.formats import FORMATS
from gateway.pseudonyms.veil import Veil
from tests.debian import NotToBeHad, install
from tests.saved import Desk, a_desk
from tests.unmeasured import unmeasured

R_NEEDS = {"csv": "base", "ndjson": "jsonlite", "parquet": "arrow", "xlsx": "readxl"}
R_OF_DEBIAN = ("r-base-core", "r-cran-jsonlite", "r-cran-readxl")
"""Debian has no package of R's arrow."""


@pytest.fixture(scope="module")
def desk(sqlite_template: Path, veil: Veil, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    opened = a_desk(sqlite_template, veil, tmp_path_factory.mktemp("examples"))
    yield opened
    opened.context.store.close()


def expected(first: str = "records: 6") -> list[str]:
    """Two records a pseudocode, of 60 to 62 beneficiaries and 100 to 102 actions, margins 17 and 33."""
    lines = [first]
    for number, code in enumerate(("794010", "794021", "794032")):
        beneficiaries, actions = 2 * (60 + number), 2 * (100 + number)
        share = (2 * 33**2 / actions**2 + 2 * 17**2 / beneficiaries**2) ** 0.5
        use = actions / beneficiaries
        lines.append(f"demo-nord quarter 2022-Q1 {code} use: {use:.2f} +/- {use * share:.2f}")
    return lines


@pytest.mark.parametrize("form", FORMATS)
def test_pandas_example_prints_the_records_and_their_use(desk: Desk, form: str) -> None:
    folder = desk.save(form)

    done = run_pandas(folder)

    assert done.stderr == ""
    assert done.stdout.splitlines() == expected()


@pytest.mark.parametrize("form", FORMATS)
def test_pandas_example_says_where_an_empty_extract_explains_itself(
    sqlite_template: Path, veil: Veil, tmp_path: Path, form: str
) -> None:
    desk = a_desk(sqlite_template, veil, tmp_path, is_empty=True)
    folder = desk.save(form)
    desk.context.store.close()

    done = run_pandas(folder)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["records: 0", "disclosure_report.json says why, and when more can come"]


def run_pandas(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(folder / PANDAS_FILE)]
    return subprocess.run(command, env=unmeasured(), capture_output=True, text=True, check=False)


def r_with(package: str) -> str | None:
    """The R of this machine, where it has a package or can be given it."""
    if not r_has(package):
        with suppress(NotToBeHad):
            install(*R_OF_DEBIAN)
    return shutil.which("Rscript") if r_has(package) else None


def r_has(package: str) -> bool:
    asked = ["Rscript", "-e", f'quit(status = !requireNamespace("{package}", quietly = TRUE))']
    has_r = shutil.which("Rscript") is not None
    return has_r and subprocess.run(asked, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("form", FORMATS)
def test_r_example_prints_the_same(desk: Desk, form: str) -> None:
    r = r_with(R_NEEDS[form])
    if r is None:
        pytest.skip(f"R with its package {R_NEEDS[form]} is not at hand, so its example for {form} was not run")
    folder = desk.save(form)

    done = subprocess.run([r, folder / R_FILE], capture_output=True, text=True, check=False)

    assert done.stdout.splitlines() == expected()
