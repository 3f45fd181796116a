"""The conventions that no linter holds: names, docstrings, sizes, and what no file may say."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.documents.texts import PACKAGES, ROOT, kept_files, python_files, quoted, read, section

LONGEST_FILE, LONGEST_FUNCTION = 400, 50
LONGER_TODAY = {
    "tests/domain/test_disclosure.py": "to be split by rule",
}
LONGER_FUNCTIONS_TODAY = {("gateway/sandbox/replay.py", "replay"): "to be split"}
MIGRATIONS = "gateway/store/migrations/versions"
"""Where a function is one list of statements, however long."""
NAMES_ALLOWED = {
    "data_dir": "the folder of the data; the setting's public name",
    "base_url": "the established name of the address that paths are added to",
    "base": "the number that check digits are computed of",
    "handle": "gunicorn's name",
    "handle_error": "gunicorn's name",
    "handle_request": "gunicorn's name",
    "process_bind_param": "SQLAlchemy's name",
    "process_result_value": "SQLAlchemy's name",
}
# In pieces, so that this file does not say what no file may say.
HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("proxy", "golang", "org"),
        ("crates", "io"),
        ("rubygems", "org"),
        ("repo1", "maven", "org"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("quay", "io"),
        ("deb", "debian", "org"),
    )
]
LATER = ["TO" + "DO", "FIX" + "ME"]

Named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def forbidden_words() -> set[str]:
    """The words that the glossary forbids."""
    return set(quoted(section(read("GLOSSARY.md"), "Words that name nothing"))) - {"gateway", "tests/documents"}


def words_of(name: str) -> list[str]:
    """The words of a name.

    >>> words_of("_handle_HTTPAnswer")
    ['handle', 'http', 'answer']
    """
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def names_in(tree: ast.AST) -> Iterator[str]:
    """The names of functions, classes, their arguments and their fields."""
    for node in ast.walk(tree):
        if isinstance(node, Named):
            yield node.name
        if isinstance(node, FUNCTIONS):
            yield from (one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs))
        if isinstance(node, ast.ClassDef):
            targets = (part.target for part in node.body if isinstance(part, ast.AnnAssign))
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def every_python_file() -> list[Path]:
    """Ours, tests included."""
    return list(python_files(*PACKAGES, "tests"))


def relative(path: Path) -> str:
    """A path as messages show it."""
    return path.relative_to(ROOT).as_posix()


def test_the_glossary_forbids_words() -> None:
    assert {"handle", "process", "manage", "util", "helper", "data", "info", "base", "common"} <= forbidden_words()


def test_no_name_in_the_gateway_is_made_of_a_word_that_says_nothing() -> None:
    forbidden = forbidden_words() | {f"{word}s" for word in forbidden_words()}
    names = {relative(path): {path.stem, path.parent.name, *names_in(parsed(path))} for path in python_files("gateway")}
    empty = {(path, name) for path, found in names.items() for name in found if forbidden & set(words_of(name))}

    assert {name for _, name in empty} >= NAMES_ALLOWED.keys(), "an exception that nobody needs"
    assert {(path, name) for path, name in empty if name not in NAMES_ALLOWED} == set()


def test_what_is_public_says_what_it_is_in_one_sentence() -> None:
    documents = {
        f"{relative(path)}: {name}": text
        for path in python_files(*PACKAGES)
        for name, text in {"": ast.get_docstring(parsed(path)), **public_docstrings(parsed(path))}.items()
    }

    assert [name for name, text in documents.items() if not is_sentence(text)] == []


def public_docstrings(tree: ast.Module | ast.ClassDef) -> dict[str, str | None]:
    """The docstrings of public classes and functions, below modules and classes."""
    found: dict[str, str | None] = {}
    for node in tree.body:
        if isinstance(node, Named) and not node.name.startswith("_"):
            found[node.name] = ast.get_docstring(node)
            if isinstance(node, ast.ClassDef):
                found |= {f"{node.name}.{name}": text for name, text in public_docstrings(node).items()}
    return found


def is_sentence(text: str | None) -> bool:
    """Whether a docstring's first line ends with a period."""
    return bool(text) and str(text).splitlines()[0].rstrip().endswith(".")


def test_no_file_is_too_long_to_be_read_at_once() -> None:
    lines = {relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in every_python_file()}

    assert {path for path, count in lines.items() if count > LONGEST_FILE} - LONGER_TODAY.keys() == set()


def test_no_function_is_too_long_to_be_read_at_once() -> None:
    lengths = {
        (relative(path), node.name): (node.end_lineno or 0) - node.lineno + 1
        for path in every_python_file()
        if relative(path.parent) != MIGRATIONS
        for node in ast.walk(parsed(path))
        if isinstance(node, FUNCTIONS)
    }

    long = {where for where, count in lengths.items() if count > LONGEST_FUNCTION}
    assert long - LONGER_FUNCTIONS_TODAY.keys() == set()


def test_no_file_names_a_registry_or_puts_something_off() -> None:
    unwanted = re.compile("|".join([*map(re.escape, HOSTS), *(rf"\b{word}\b" for word in LATER)]))
    texts = {relative(path): path.read_text(encoding="utf-8", errors="replace") for path in kept_files()}

    assert {name: found[0] for name, text in texts.items() if (found := unwanted.search(text))} == {}
