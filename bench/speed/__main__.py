"""`python -m bench.speed` (`make bench`): measure, and write `bench/RESULTS.md`."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from bench import capacity
from bench.speed.bulk import measure_bulk
from bench.speed.page import page
from bench.speed.profile import profile
from bench.speed.rounds import Found, measure_rounds
from bench.speed.stage import SETTINGS, prepared
from tests.http.issuer import an_issuer
from tests.postgres import postgres

PROFILED = 1_000
PAGE = Path(__file__).parents[1] / "RESULTS.md"


def main() -> None:
    """Measure so many rounds of so many seconds each, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.speed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement in a round")
    parser.add_argument("--lines", type=int, default=10_000, help="of a batch")
    parser.add_argument("--districts", type=int, default=5, help="of an extract: 34560 records for each")
    parser.add_argument("--page", type=Path, default=PAGE)
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is ended and nothing is left
    console = Console()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chroniccare-bench-")))
        url = stack.enter_context(postgres(**SETTINGS))
        stage = prepared(folder, url, stack.enter_context(an_issuer()))

        def say(said: str) -> None:
            console.print(said, highlight=False, soft_wrap=True)

        found = Found(server=stage.run("SHOW server_version")[0][0])
        measure_bulk(stage, found, asked.rounds, asked.lines, asked.districts, say)
        measure_rounds(stage, found, asked.rounds, asked.seconds, say)
        seen = profile(stage, PROFILED)
        asked.page.write_text(page(found, asked.rounds, asked.seconds, asked.lines, seen), encoding="utf-8")
        capacity.write()
    console.print(str(asked.page))


if __name__ == "__main__":
    main()
