"""The documents name the commands and targets that there are."""

from __future__ import annotations

import re
from collections.abc import Iterator

import typer.main

from gateway.cli import app
from tests.documents.texts import blocks, quoted, read, rows, section

Options = frozenset[str]


def commands() -> dict[str, Options]:
    """The options of every command of the command line."""
    return dict(_walk(typer.main.get_command(app), "chroniccare"))


def _walk(command: object, path: str) -> Iterator[tuple[str, Options]]:
    below: dict[str, object] = getattr(command, "commands", {})
    if not below or getattr(command, "invoke_without_command", False):
        options = [option for one in getattr(command, "params", []) for option in one.opts if option.startswith("--")]
        yield path, frozenset(options) - {"--help"}
    for name, one in below.items():
        yield from _walk(one, f"{path} {name}")


def documented() -> dict[str, Options]:
    """The options of every command in the README's table."""
    table = rows(section(read("README.md"), "Commands"))
    return {row[0].strip("`"): frozenset(quoted(row[1])) for row in table}


def test_the_table_has_every_command_with_its_options_and_no_other() -> None:
    assert documented() == commands()


def test_every_command_that_a_document_tells_to_run_exists() -> None:
    not_there_yet = section(read("README.md"), "What is not done yet")
    told = [
        line
        for name in ("README.md", "CONTRIBUTING.md", "DECISIONS.md", "SECURITY.md", "RUNBOOK.md", "docker/README.md")
        for text in [read(name).replace(not_there_yet, "")]
        for line in [*quoted(text), *(line for block in blocks(text) for line in block.text.splitlines())]
        if line.startswith("chroniccare ")
    ]

    assert told
    assert [line for line in told if not any(f"{line} ".startswith(f"{command} ") for command in commands())] == []


def test_the_table_of_targets_is_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):.*##", read("Makefile"), flags=re.MULTILINE))
    table = rows(section(read("CONTRIBUTING.md"), "Set up"))

    assert {row[0].strip("`").removeprefix("make ") for row in table} == targets


def test_every_target_that_a_document_tells_to_make_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), flags=re.MULTILINE))
    names = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "DECISIONS.md", "docker/README.md", ".ci/run")
    told = {word for name in names for word in re.findall(r"(?:`|^)make ([a-z]+)", read(name), flags=re.MULTILINE)}

    assert told <= targets
