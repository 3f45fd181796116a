"""What a process loads when it starts: nothing that only a close, a migration or a file needs."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("alembic", "duckdb", "google.protobuf", "opentelemetry", "pyarrow", "xlsxwriter")


def test_a_gateway_starts_without_the_libraries_of_closes_migrations_and_files() -> None:
    asked = f"import sys, gateway.__main__, gateway.cli; print([one for one in {HEAVY} if one in sys.modules])"

    started = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)

    assert started.stdout.strip() == "[]"


def test_what_is_loaded_is_frozen_and_what_comes_later_is_collected() -> None:
    told = "lambda: print(gc.isenabled(), gc.get_freeze_count() > 10_000)"
    asked = f"import gc, gateway.cli, gateway.__main__; gateway.cli.main = {told}; gateway.__main__.main()"

    started = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)

    assert started.stdout.strip() == "True True"
