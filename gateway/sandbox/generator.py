"""Writes the synthetic sample: `python -m gateway.sandbox.generator`; `--check` says whether the files are current.

The same seed gives the same bytes, on every machine.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from gateway.sandbox.generator_calendar import FIRST_DAY, LAST_DAY, text_of
from gateway.sandbox.generator_catalogue import PROJECTS, Scene, scene
from gateway.sandbox.generator_people import FIRST_SERIAL, LAST_SERIAL, people
from gateway.sandbox.generator_pseudocodes import CODES
from gateway.sandbox.generator_refusals import STRANGERS, Mistakes
from gateway.sandbox.generator_stories import Line, stories

SEED = 20210901
PEOPLE = 3100
SAMPLE_DIR = Path(__file__).parent / "sample"

README = """\
# The sample: synthetic, nobody real

Everything in this folder is **synthetic**. No person, provider or organisation in it is real, and nothing in it was
derived from real data. `python -m gateway.sandbox.generator` wrote it from the seed {seed}; the same seed gives the
same bytes, and `--check` exits with 1 when these files are not what the generator writes. Do not edit them.

- `catalogue.json`: {projects} projects, {codes} pseudocodes in {assignments} assignments, {providers} providers
  in {partners} partnerships.
- `communications.ndjson`: {lines} requests, one a line, in the order in which they are sent, from {first_day} to
  {last_day} at {instants} instants: {counts}. {refused} of them are mistakes, as
  people make them, and must be refused: `expect` says with which code.

## Who is in it
- **Beneficiaries** ({people}). Their SSINs have right check digits, and serial numbers from {first} to {last} only.
  Serial numbers are given out upwards from 001 for each birth date and sex, so this range is practically never
  assigned: no real person is meant. Birth dates lean towards the old; some people were born in 2000 or later, and some
  have a BIS number (40 added to the month).
- **Providers.** Eleven-digit NIHII numbers with right check digits, modulo 97 or modulo 89, counted down from the top
  of a range; any likeness to an assigned number is an accident.
- **Projects, zones, pseudocodes** are invented. The NIS codes exist, the populations are rounded, there is no such
  project in these places, and INAMI did not assign these pseudocodes.

## A line
`line` (its number), `at` (the sandbox's clock when it is sent), `ref` (its name), `as` (who sends it), `method`, `path`
(`{{i-0001}}` stands for the id given to the line of that name), `body`, `expect` (the answer by the rules).
Lines that depend on each other never share an `at`; those of one person are sent in order. Mistakes stay mistakes
when they are sent again later, so a replay that was cut off can begin anew.
"""
KINDS = {"i": "inclusions", "x": "exits", "a": "actions", "v": "annulments"}


@cache
def generate(seed: int = SEED) -> dict[str, str]:
    """The sample's files: name to text."""
    rng = Random(seed)  # noqa: S311 - synthetic sample, not cryptography
    stage = scene(rng)
    everyone = people(rng, PEOPLE + STRANGERS)
    told = list(stories(rng, stage, everyone[:PEOPLE]))
    mistakes = Mistakes(rng, stage, told, everyone[PEOPLE:])
    lines = [line for story in told for line in story.lines] + list(mistakes.lines())
    lines.sort(key=lambda line: (line.index, line.person))
    catalogue = stage.body()
    return {
        "README.md": _readme(seed, stage, catalogue, lines),
        "catalogue.json": json.dumps(catalogue, ensure_ascii=False, indent=1) + "\n",
        "communications.ndjson": "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in _rows(lines)),
    }


def _rows(lines: list[Line]) -> list[dict[str, Any]]:
    """The lines as written, numbered and named in their order."""
    numbers: Counter[str] = Counter()
    names: dict[int, str] = {}
    rows = []
    for number, line in enumerate(lines, 1):
        numbers[line.kind] += 1
        names[id(line)] = f"{line.kind}-{numbers[line.kind]:04}"
        path = line.path.replace("{}", "{" + names[id(line.target)] + "}") if line.target else line.path
        rows.append(
            {
                "line": number,
                "at": text_of(line.at),
                "ref": names[id(line)],
                "as": line.who,
                "method": "POST",
                "path": path,
                "body": line.body,
                "expect": {"status": line.status} | ({"code": line.code} if line.code else {}),
            }
        )
    return rows


def _readme(seed: int, stage: Scene, catalogue: dict[str, list[dict[str, Any]]], lines: list[Line]) -> str:
    kinds = Counter(line.kind for line in lines)
    return README.format(
        seed=seed,
        projects=len(PROJECTS),
        codes=len(CODES),
        assignments=len(catalogue["assignments"]),
        partners=len(stage.partners),
        providers=len({one.nihii for one in stage.partners}),
        lines=len(lines),
        people=PEOPLE + STRANGERS,
        first=FIRST_SERIAL,
        last=LAST_SERIAL,
        first_day=FIRST_DAY,
        last_day=LAST_DAY,
        instants=len({line.index for line in lines}),
        counts=", ".join(f"{kinds[kind]} {name}" for kind, name in KINDS.items()),
        refused=kinds["r"],
    )


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` compare them; the exit code."""
    files = generate()
    if "--check" in arguments:
        stale = [name for name, text in files.items() if not _is_current(SAMPLE_DIR / name, text)]
        for name in stale:
            sys.stderr.write(f"not current: {SAMPLE_DIR / name}; run: python -m gateway.sandbox.generator\n")
        return 1 if stale else 0
    SAMPLE_DIR.mkdir(exist_ok=True)
    for name, text in files.items():
        (SAMPLE_DIR / name).write_text(text, encoding="utf-8")
    return 0


def _is_current(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
