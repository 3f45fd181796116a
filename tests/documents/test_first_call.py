"""The README's blocks do what the README says, against a real sandbox and in a real shell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.sandbox.client import Client
from gateway.sandbox.replay import SAMPLE_DIR, Tokens, load_catalogue
from tests.documents.texts import Block, blocks, read, section
from tests.sandboxes import Sandbox, sandbox

MARK = "@@ next block"
ANYTHING = "…"
AFTER_THE_SAMPLE = "2022-06-09T22:00:00Z"
SECONDS = 120


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox as the sample leaves it: its catalogue, and the clock at its end."""
    with sandbox(tmp_path_factory.mktemp("readme")) as opened:
        tokens = Tokens(opened.mock)
        with Client(opened.gateway) as client:
            load_catalogue(client, tokens, json.loads((SAMPLE_DIR / "catalogue.json").read_text(encoding="utf-8")))
        tokens.close()
        opened.move_clock(AFTER_THE_SAMPLE)
        yield opened


def shell_blocks(title: str) -> list[tuple[str, Any]]:
    """The commands of a section, each with the answer shown below it, None where none is shown."""
    found = blocks(section(read("README.md"), title))
    after = [*found[1:], Block("", "")]
    return [
        (block.text, json.loads(below.text) if below.language == "json" else None)
        for block, below in zip(found, after, strict=True)
        if block.language == "sh"
    ]


def run(commands: list[str], folder: Path, **environment: str) -> list[str]:
    """What each of some blocks printed, run one after another in one bash that stops at the first failure."""
    script = f"\necho; echo '{MARK}'\n".join(["set -euo pipefail", *commands])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CHRONICCARE_")}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**kept, **environment, "PATH": path},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split(f"\n{MARK}\n")[1:]


def is_like(answered: Any, shown: Any) -> bool:
    """Whether an answer is what the README shows; an ellipsis there stands for any text.

    >>> is_like({"id": "01", "a": [1]}, {"id": "…", "a": [1]}), is_like({"a": 1, "b": 2}, {"a": 1})
    (True, False)
    """
    if shown == ANYTHING:
        return isinstance(answered, str) and bool(answered)
    if isinstance(shown, dict) and isinstance(answered, dict):
        return shown.keys() == answered.keys() and all(is_like(answered[name], shown[name]) for name in shown)
    return bool(answered == shown)


def test_the_first_call_answers_as_shown(running: Sandbox, tmp_path: Path) -> None:
    told = shell_blocks("A first call")
    here = [text.replace("http://127.0.0.1:8080", running.gateway) for text, _ in told]
    here = [text.replace("http://127.0.0.1:8081", running.mock) for text in here]
    assert here[0].count(running.gateway) == here[0].count(running.mock) == 1

    printed = run(here, tmp_path)

    for (command, shown), answer in zip(told, printed, strict=True):
        if shown is not None:
            assert is_like(json.loads(answer), shown), f"{command}\n{answer}"
    assert sum(shown is not None for _, shown in told) > 8


def test_a_set_up_without_the_sandbox_passes_its_check(tmp_path: Path) -> None:
    told = [text for text, _ in shell_blocks("Run it without the sandbox")]

    (printed,) = run(told, tmp_path)

    assert "settings, keys and database are in order" in printed
    assert {path.name for path in (tmp_path / "data").iterdir()} >= {"keys.json", "register.sqlite3"}


def test_every_block_of_the_readme_is_run_or_said_to_be_for_people() -> None:
    languages = [block.language for block in blocks(read("README.md"))]
    run_here = len(shell_blocks("A first call")) + len(shell_blocks("Run it without the sandbox"))

    assert languages.count("sh") == run_here
    assert languages.count("python") == 1  # by tests/http/test_webhooks.py
    assert set(languages) == {"sh", "json", "console", "python"}
