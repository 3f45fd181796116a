"""Prints RULES.md from the rule book, its English texts and the tables that the tests run over.

python -m tests.rules.book            write RULES.md
python -m tests.rules.book --check    exit with 1 if RULES.md is not current
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
import tomllib
from collections.abc import Iterator
from datetime import date, datetime
from importlib import resources
from itertools import groupby
from pathlib import Path

from gateway.domain.periods import Interval
from gateway.domain.rulebook import RULES, VERSION, Rule
from tests import rules
from tests.rules.tables import Refused, Table

RULES_MD = Path(__file__).parents[2] / "RULES.md"

GROUPS = {
    "V": "Validity",
    "I": "Inclusions",
    "P": "Actions and pseudocodes",
    "C": "Projects and conventions",
    "A": "What is made available, and to whom",
}

PREFACE = f"""# The rules of the register

Version {VERSION} of the rule book. This file is printed by `make rules`: ids and sources from
`gateway/domain/rulebook.py`, texts from `gateway/http/texts/rules.toml` (there in four languages), examples from the
tables in `tests/rules`, every row of which a test asserts.

A refusal names its rule, the article that the rule comes from and, where another day would have been right, that day.
**C** is the convention between the Insurance Committee and a pilot project, **D** the royal decree of 31 July 2017
(<https://www.ejustice.just.fgov.be/eli/arrete/2017/07/31/2017030883/justel>). *Interpretation* marks what the two leave
open, wholly or in part, and this project decided.

A *day* is a calendar day in Europe/Brussels. The *communication* of an inclusion or exit is the instant at which the
gateway committed it, never the instant at which MyCareNet answered: an outage upstream moves no date. Intervals
include their first and last day.
"""


def texts(language: str) -> dict[str, str]:
    """The text of every rule in a language."""
    content = resources.files("gateway.http").joinpath("texts/rules.toml").read_text(encoding="utf-8")
    return {rule: text[language] for rule, text in tomllib.loads(content).items()}


def tables() -> list[Table]:
    """Every table of the test files, file by file."""
    modules = sorted(found.name for found in pkgutil.iter_modules(rules.__path__) if found.name.startswith("test_"))
    loaded = [importlib.import_module(f"{rules.__name__}.{name}") for name in modules]
    return [table for module in loaded for table in getattr(module, "TABLES", [])]


def book() -> str:
    """The whole of RULES.md."""
    english, known = texts("en"), tables()
    parts = [PREFACE]
    for letter, group in groupby(RULES.values(), key=lambda rule: rule.id[0]):
        parts.append(f"## {GROUPS[letter]}\n")
        parts.extend(part for rule in group for part in entry(rule, english[rule.id], known))
        orders = [table for table in known if table.rule == letter]
        parts.extend(part for table in orders for part in ("### Order of refusals\n", markdown(table)))
    return "\n".join(parts)


def entry(rule: Rule, text: str, known: list[Table]) -> Iterator[str]:
    """What the book says of one rule."""
    source = "Interpretation" if rule.source == "interpretation" else rule.source
    mark = " · *interpretation*" if rule.interpretation and source == rule.source else ""
    yield f"### {rule.id}\n\n{text}\n\nSource: {source}{mark}\n"
    yield from (markdown(table) for table in known if table.rule == rule.id)


def markdown(table: Table) -> str:
    """A table as the book prints it."""
    lines = [table.columns, tuple("---" for _ in table.columns), *table.rows]
    return f"*{table.statement}.*\n\n" + "".join(f"| {' | '.join(map(cell, line))} |\n" for line in lines)


def cell(value: object) -> str:  # noqa: PLR0911  # one line per type
    """A value as a cell shows it."""
    match value:
        case None | "":
            return "–"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case Interval(first, last):
            return f"none ({span(first, last)})" if value.is_empty else span(first, last)
        case Refused(rule, code, allowed_from, allowed_until):
            right = f", allowed {span(allowed_from, allowed_until)}" if allowed_from or allowed_until else ""
            return f"refused by {rule}: `{code}`{right}"
        case tuple():
            return ", ".join(map(cell, value))
        case str() if value != value.strip():
            return f"`{value}`"
        case _:
            return str(value).replace("|", "\\|")


def span(first: date | None, last: date | None) -> str:
    """Two days as an interval, open where there is none."""
    return f"{first or ''} .. {last or ''}".strip()


def main(arguments: list[str]) -> int:
    """Write RULES.md, or say whether it is current."""
    parser = argparse.ArgumentParser(prog="python -m tests.rules.book", description="Print RULES.md from the rules.")
    parser.add_argument("--check", action="store_true", help="exit with 1 if RULES.md is not current")
    if not parser.parse_args(arguments).check:
        RULES_MD.write_text(book(), encoding="utf-8")
        return 0
    if RULES_MD.exists() and RULES_MD.read_text(encoding="utf-8") == book():
        return 0
    print("RULES.md is not current; run: make rules", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
