"""The half of the campaign's part that is on SQLite; a file of its own, so that both halves run at once."""

from __future__ import annotations

from pathlib import Path

from tests.faults.part import check, run_part


def test_a_campaign_on_sqlite_breaks_no_promise(tmp_path: Path) -> None:
    check(run_part("sqlite", tmp_path))
