"""`.ci/run` runs tests and checks to their end, whatever they say, and fails when either fails."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.documents.texts import ROOT

FAKE_MAKE = """#!/bin/sh
echo "ran make $1 in $PWD"
case "$1" in
test) echo "3 passed in 1.00s"; exit ${TESTS_FAIL} ;;
check) echo "all checked"; exit ${CHECKS_FAIL} ;;
esac
"""


@pytest.mark.parametrize(("tests_fail", "checks_fail"), [(0, 0), (0, 1), (2, 0), (2, 1)])
def test_both_run_and_the_runner_has_the_last_word(tmp_path: Path, tests_fail: int, checks_fail: int) -> None:
    make = tmp_path / "make"
    make.write_text(FAKE_MAKE, encoding="utf-8")
    make.chmod(0o755)
    told = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TESTS_FAIL": str(tests_fail), "CHECKS_FAIL": str(checks_fail)}

    done = subprocess.run([ROOT / ".ci" / "run"], cwd=tmp_path, env=told, capture_output=True, text=True, check=False)

    lines = done.stdout.splitlines()
    assert lines[0] == f"ran make test in {ROOT}"
    assert f"ran make check in {ROOT}" in lines
    assert lines[-1] == "3 passed in 1.00s"
    assert f"make test: exit {tests_fail}" in lines
    assert f"make check: exit {checks_fail}" in lines
    assert (done.returncode == 0) == (tests_fail == 0 and checks_fail == 0)
