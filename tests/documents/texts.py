"""What the tests of the documents read: files of the repository, tables and code blocks of Markdown."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGES = ("gateway", "schemas", "mock_mycarenet")
SHOWN_DIRS = (*PACKAGES, "tests", "docker", "requirements", ".ci")


class Block(NamedTuple):
    """One fenced block of a document."""

    language: str
    text: str


def read(name: str) -> str:
    """The text of a file, named from the root of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def section(document: str, title: str) -> str:
    """A document's section of the second level, without its title.

    >>> section("# a" + chr(10) + "## b" + chr(10) + "c" + chr(10) + "## d" + chr(10), "b")
    'c'
    """
    parts = re.split(r"^## (.+)$", document, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[title].strip()


def rows(text: str) -> list[list[str]]:
    """The rows of every table in a text, cell by cell, without heads.

    >>> rows("| a | b |\\n|---|---|\\n| c | d |\\n")
    [['c', 'd']]
    """
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rules = {number for number, row in enumerate(cells) if all(re.fullmatch("-+", cell) for cell in row)}
    return [row for number, row in enumerate(cells) if number not in rules and number + 1 not in rules]


def quoted(text: str) -> list[str]:
    """What stands between backticks, code blocks left out."""
    without_blocks = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`]+)`", without_blocks)


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a text, in order."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [Block(language, body) for language, body in found]


def kept_files() -> list[Path]:
    """Every file of the repository that is tracked, or would be; where git does not answer, every file not hidden."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]
    shown = [path for path in ROOT.iterdir() if not path.name.startswith(".")]
    return [path for top in shown for path in (top, *top.rglob("*")) if path.is_file() and path.suffix != ".pyc"]


def python_files(*folders: str) -> Iterator[Path]:
    """The Python files below some folders of the repository."""
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))
