"""Every file, folder and function that a document names is there."""

from __future__ import annotations

import ast
import re

import pytest

from tests.documents.texts import ROOT, SHOWN_DIRS, quoted, read

DOCUMENTS = (
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "DECISIONS.md",
    "GLOSSARY.md",
    "RUNBOOK.md",
    "SECURITY.md",
)
BELOW = ("docs/beyond.md", "docs/capacity.md")
"""Documents in a folder, whose links begin there."""
MADE_WHEN_USED = {".venv", ".tools", ".sandbox", ".venv/bin/chroniccare", "sbom.json"}
_FILE = re.compile(r"[\w./*-]+\.(?:py|md|toml|json|txt)|Makefile|LICENSE")


def named_paths(text: str) -> set[str]:
    """The paths in a document: links, and what is written as code and lies in one of our folders or is a file."""
    links = {link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in link}
    words = {word for code in quoted(text) for word in re.split(r"[\s,]+", code.replace(": ", " "))}
    folders = tuple(f"{folder}/" for folder in SHOWN_DIRS)
    return links | {word for word in words if word.startswith(folders)} - MADE_WHEN_USED


@pytest.mark.parametrize("document", [*DOCUMENTS, *BELOW])
def test_every_path_that_a_document_names_exists(document: str) -> None:
    paths = {path.removeprefix("../").rstrip("/") for path in named_paths(read(document))}
    folders = {ROOT, (ROOT / document).parent}

    missing = [path for path in paths if not any(list(folder.glob(path)) for folder in folders)]

    assert missing == []


@pytest.mark.parametrize("document", ["ARCHITECTURE.md", "CONTRIBUTING.md", "DECISIONS.md"])
def test_every_file_in_our_folders_is_named_from_the_root(document: str) -> None:
    words = {code.split(":")[0] for code in quoted(read(document)) if _FILE.fullmatch(code.split(":")[0])}

    assert [word for word in words - MADE_WHEN_USED if not list(ROOT.glob(word))] == []


def test_every_function_that_the_architecture_names_is_in_its_file() -> None:
    named = [code.split(": ") for code in quoted(read("ARCHITECTURE.md")) if ".py: " in code]

    assert len(named) > 10
    assert [f"{path}: {name}" for path, name in named if name not in names_in(path)] == []


def test_the_rooms_of_the_diagram_exist() -> None:
    diagram = read("ARCHITECTURE.md").split("```text")[1].split("```")[0]
    rooms = re.findall(r"(?:gateway/[\w.]+|schemas|mock_mycarenet)", diagram)

    assert len(set(rooms)) > 8
    assert [room for room in rooms if not (ROOT / room).exists()] == []


def test_every_folder_of_tests_is_in_the_table_of_tests() -> None:
    folders = {f"tests/{path.name}" for path in (ROOT / "tests").iterdir() if (path / "__init__.py").exists()}

    assert folders <= set(quoted(read("CONTRIBUTING.md")))


def names_in(path: str) -> set[str]:
    """The functions, methods and classes of a file."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in ast.walk(ast.parse(read(path))) if isinstance(node, kinds)}
