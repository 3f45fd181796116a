"""How much of the code that guards identities the tests hold: a function is changed in one way, and a test has to fail.

`make mutate` goes on where it was cut, and makes anew what belongs to a file that changed, or whose tests did;
`FILES=` names some. mutmut makes the changes; each is tried in a process of its own, forked from one that has loaded
everything, against the few tests that are meant to hold that file. `bench/MUTATION.md` is written from
`.tools/mutation.json`.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPY = ROOT / ".tools" / "mutated"
TARGET, KEPT = ROOT / "bench" / "MUTATION.md", ROOT / ".tools" / "mutation.json"
CPU_SECONDS = 60
SURE_AFTER = 10
"""After so many mutants the tests have to pass without any, or what they killed proves nothing."""
KILLED, SURVIVED = "killed", "survived"
BY_HAND = "## What else is known"
"""From here on the page is written by hand."""
VEIL, KEPT_FORMS = "tests/pseudonyms/test_veil.py", "tests/pseudonyms/test_kept_forms.py"
PLAN: Mapping[str, Sequence[str]] = {
    "gateway/http/tokens.py": ["tests/http/test_token_guard.py"],
    "gateway/domain/access.py": ["tests/rules/test_access.py"],
    "gateway/domain/audit.py": ["tests/domain/test_audit.py"],
    "gateway/services/chain_audit.py": ["tests/services/test_chain_audit.py"],
    "gateway/pseudonyms/blind.py": ["tests/pseudonyms/test_blind.py"],
    "gateway/pseudonyms/curve.py": [KEPT_FORMS, "tests/pseudonyms/test_curve.py"],
    "gateway/pseudonyms/fingerprints.py": [KEPT_FORMS, VEIL],
    "gateway/pseudonyms/identifiers.py": [KEPT_FORMS, VEIL],
    "gateway/pseudonyms/keyring.py": ["tests/pseudonyms/test_keyring.py"],
    "gateway/pseudonyms/local.py": [KEPT_FORMS, VEIL],
    "gateway/pseudonyms/receipts.py": ["tests/pseudonyms/test_receipts.py"],
    "gateway/pseudonyms/rotation.py": ["tests/pseudonyms/test_keyring.py", "tests/pseudonyms/test_shredding.py"],
    "gateway/pseudonyms/sealing.py": [KEPT_FORMS, VEIL, "tests/pseudonyms/test_shredding.py"],
    "gateway/pseudonyms/shredding.py": ["tests/pseudonyms/test_shredding.py"],
    "gateway/pseudonyms/transit.py": ["tests/pseudonyms/test_transit.py"],
    "gateway/pseudonyms/veil.py": [VEIL],
    "gateway/pseudonyms/watched.py": ["tests/pseudonyms/test_keyring.py"],
}


@dataclass
class Measured:
    """What came of the mutants of one file, by name; `state` is the hash of the file and of its tests."""

    state: str
    commit: str
    names: list[str]
    outcomes: dict[str, str] = field(default_factory=dict)


def main(files: Sequence[str]) -> None:
    """Try what was not tried yet, and write the page."""
    kept = (
        {file: Measured(**one) for file, one in json.loads(KEPT.read_text())["files"].items()} if KEPT.exists() else {}
    )
    prepared = _prepare([file for file in PLAN if not files or file in files])
    for file, found in prepared.items():
        before = kept.get(file)
        kept[file] = before if before is not None and before.state == found.state else found
    os.chdir(COPY)
    sys.path.insert(0, str(COPY))
    _warm([test for file in prepared for test in PLAN[file]])
    for file in prepared:
        left = [name for name in kept[file].names if name not in kept[file].outcomes]
        for start in range(0, len(left), SURE_AFTER):
            tried = {name: _outcome(file, name) for name in left[start : start + SURE_AFTER]}
            if _tried(PLAN[file]) != 0:
                raise SystemExit(
                    "the tests failed without a mutant too, so the last ones are not kept: is the machine busy?"
                )
            kept[file].outcomes |= tried
            _write(kept)
    _write(kept)


def _prepare(files: Sequence[str]) -> dict[str, Measured]:
    """A copy of the code with every mutant of the files in it, asleep."""
    from mutmut.mutation.file_mutation import mutate_file_contents  # noqa: PLC0415 - in an environment of its own

    shutil.rmtree(COPY, ignore_errors=True)
    for folder in ("gateway", "schemas", "mock_mycarenet", "tests", "bench"):
        shutil.copytree(ROOT / folder, COPY / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", COPY)
    commit = (ROOT / ".git").exists() and subprocess.check_output(
        [str(shutil.which("git")), "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True
    ).strip()
    found = {}
    for file in files:
        made = mutate_file_contents(file, (ROOT / file).read_text(encoding="utf-8"))
        (COPY / file).write_text(made.code, encoding="utf-8")
        state = sha256(b"".join((ROOT / one).read_bytes() for one in (file, *PLAN[file]))).hexdigest()[:16]
        found[file] = Measured(state, commit or "", list(made.mutant_names))
    return found


def _warm(tests: Sequence[str]) -> None:
    """Load everything that a mutant's tests need, and see that they pass while all mutants sleep."""
    os.environ["MUTANT_UNDER_TEST"] = ""
    if _tried(sorted({*tests})) != 0:
        raise SystemExit("the tests do not pass as they are")
    import pytest  # noqa: PLC0415 - as above

    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        pytest.main(["--collect-only", *_OPTIONS, *tests])


_OPTIONS = ("-n", "0", "--no-cov", "-p", "no:cacheprovider", "-p", "no:randomly", "-x", "-q", "--no-header")


def _outcome(file: str, name: str) -> str:
    module = file.removesuffix(".py").replace("/", ".")
    return SURVIVED if _tried(PLAN[file], f"{module}.{name}") == 0 else KILLED


def _tried(tests: Sequence[str], mutant: str = "") -> int:
    """How pytest ends in a process of its own with one mutant awake; what takes too long is ended."""
    child = os.fork()
    if child == 0:
        os.environ["MUTANT_UNDER_TEST"] = mutant
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        code = 99
        with contextlib.suppress(BaseException):
            import pytest  # noqa: PLC0415 - as above

            code = int(pytest.main([*_OPTIONS, *tests]))
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _write(kept: Mapping[str, Measured]) -> None:
    """What was measured, as data and as the page."""
    ordered = {file: kept[file] for file in PLAN if file in kept}
    KEPT.write_text(json.dumps({"files": {file: asdict(one) for file, one in ordered.items()}}, indent=1) + "\n")
    said = TARGET.read_text(encoding="utf-8").partition(f"\n{BY_HAND}\n")[2]
    head = "\n".join([*_page(ordered), BY_HAND, ""])
    TARGET.write_text(f"{head}{said}", encoding="utf-8")


def _page(kept: Mapping[str, Measured]) -> Iterator[str]:
    yield "# Mutation\n"
    yield from (
        "How much of the code that guards identities the tests hold: each function is changed in one small way, and a",
        "test has to fail. mutmut makes the changes; `bench/mutate.py` tries each against the tests beside its file.",
        f"Written by `make mutate` on {datetime.now(UTC):%d %B %Y}; what explains the survivors is written by hand.\n",
    )
    yield "| file | tests | mutants | killed | survived | not run | on commit |"
    yield "|---|---|---|---|---|---|---|"
    rows = [(file, one, list(one.outcomes.values())) for file, one in kept.items()]
    for file, one, outcomes in rows:
        tests = ", ".join(f"`{Path(test).name}`" for test in PLAN[file])
        counts = len(one.names), outcomes.count(KILLED), outcomes.count(SURVIVED), len(one.names) - len(outcomes)
        yield f"| `{file}` | {tests} | {' | '.join(map(str, counts))} | {one.commit} |"
    run = [outcome for *_, outcomes in rows for outcome in outcomes]
    share = 100 * run.count(KILLED) / max(1, len(run))
    yield f"\nOf {len(run)} that were run, {run.count(KILLED)} were killed: **{share:.1f} %**.\n"
    survivors = [
        (Path(file).stem, name.replace("ǁ", ".").removeprefix("x_").removeprefix("x.").rpartition("__mutmut_"))
        for file, one in kept.items()
        for name, outcome in one.outcomes.items()
        if outcome == SURVIVED
    ]
    yield "By function, with mutmut's numbers, there survived:\n" if survivors else "None survived.\n"
    for function, group in groupby(survivors, key=lambda one: f"{one[0]}.{one[1][0]}"):
        yield f"- `{function}` {' '.join(number for _, (_, _, number) in group)}"
    yield from [""] if survivors else []


if __name__ == "__main__":
    main(sys.argv[1:])
