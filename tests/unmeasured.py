"""Processes whose lines nobody counts: being followed makes them half as fast."""

from __future__ import annotations

import os


def unmeasured() -> dict[str, str]:
    """The environment of a process that is not followed line by line, even where its parent is."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
