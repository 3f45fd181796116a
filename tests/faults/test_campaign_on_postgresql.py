"""The half of the campaign's part that is on PostgreSQL; a file of its own, so that both halves run at once."""

from __future__ import annotations

from pathlib import Path

from tests.faults.part import check, run_part


def test_a_campaign_on_postgresql_breaks_no_promise(tmp_path: Path) -> None:
    check(run_part("postgresql", tmp_path))
