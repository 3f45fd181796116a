"""Extracts that somebody saved: checked offline, each fault named; compared for people."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import cli
from gateway.check_extract import NotInOrder, check_extract
from gateway.extracts.formats import FORMATS, file_name
from gateway.pseudonyms.keyring import new_keys
from gateway.pseudonyms.veil import Veil, veil_of
from gateway.services.build_extracts import _listed
from schemas import strict_json
from tests.released import a_class, quarter, well_covered, year
from tests.saved import Desk, a_desk

ANY_FILE = {"type": "text/csv", "rows": 0, "bytes": 1, "sha256": "0" * 64}
FILES = ("data_dictionary.json", "disclosure_report.json", "example_pandas.py", "example.R", "manifest.json")


@pytest.fixture(scope="module")
def desk(sqlite_template: Path, veil: Veil, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    opened = a_desk(sqlite_template, veil, tmp_path_factory.mktemp("extracts"))
    yield opened
    opened.context.store.close()


@pytest.fixture(scope="module")
def saved(desk: Desk) -> dict[str, Path]:
    """One extract in each format."""
    return {form: desk.save(form) for form in FORMATS}


@pytest.fixture
def copy(saved: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy that a test may spoil."""

    def copied(form: str = "csv") -> Path:
        return Path(shutil.copytree(saved[form], tmp_path / "copy", dirs_exist_ok=True))

    return copied


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command in this process."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["chroniccare", "extract", *map(str, arguments)])
        try:
            cli.main()
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.mark.parametrize("form", FORMATS)
def test_extract_that_is_in_order_is_told_so(
    desk: Desk, saved: dict[str, Path], run: Callable[..., Any], form: str
) -> None:
    status, out, err = run("verify", saved[form], "--jwks", desk.jwks)

    assert (status, err) == (0, "")
    assert out == "in order: 6 records, 5 files, signed with receipt-1\n"


def test_empty_extract_is_in_order(sqlite_template: Path, veil: Veil, tmp_path: Path, run: Callable[..., Any]) -> None:
    desk = a_desk(sqlite_template, veil, tmp_path, is_empty=True)
    folders = [desk.save(form) for form in FORMATS]
    desk.context.store.close()

    ended = [run("verify", folder, "--jwks", desk.jwks) for folder in folders]

    assert ended == [(0, "in order: 0 records, 5 files, signed with receipt-1\n", "")] * 4


def test_files_saved_beside_others_are_checked_alone(desk: Desk, copy: Callable[[str], Path]) -> None:
    folder = copy("csv")
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text("utf-8")), indent=2), encoding="utf-8")

    assert check_extract(folder, desk.context.veil.receipts.jwks()).records == 6


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", [*FILES, "the records"])
@pytest.mark.parametrize("how", ["changed", "longer", "missing"])
def test_file_that_was_touched_is_named(
    desk: Desk, copy: Callable[[str], Path], run: Callable[..., Any], form: str, name: str, how: str
) -> None:
    folder = copy(form)
    path = folder / (file_name(form) if name == "the records" else name)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(bytes(content) if how == "changed" else path.read_bytes() + b" x")

    status, out, err = run("verify", folder, "--jwks", desk.jwks)

    assert (status, out) == (1, "")
    assert err.startswith(f"{path.name}: ")


def resigned(desk: Desk, folder: Path, changed: dict[str, Any]) -> None:
    """Sign a manifest again, as only the gateway could."""
    rest = {name: value for name, value in changed.items() if name != "signature"}
    signature = desk.context.veil.receipts.sign_manifest(strict_json.canonical(rest))
    (folder / "manifest.json").write_bytes(strict_json.dumps({**rest, "signature": signature}))


def relisted(desk: Desk, folder: Path, **rows: int) -> None:
    """Let the manifest say what the files are now."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for one in manifest["output"]:
        listed = _listed(folder / one["url"].rpartition("/")[2], one["type"])
        one.update(bytes=listed["bytes"], sha256=listed["sha256"], **(rows if "rows" in one else {}))
    resigned(desk, folder, manifest)


def spoil_records(folder: Path, old: str, new: str) -> None:
    path = folder / "extract.csv"
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode())


def spoil_report(folder: Path, **changes: Any) -> None:
    path = folder / "disclosure_report.json"
    path.write_bytes(strict_json.dumps({**json.loads(path.read_bytes()), **changes}))


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "floor": (lambda f: spoil_records(f, ",60,100,", ",9,100,"), "extract.csv: record 1 is under the floor"),
    "rung": (lambda f: spoil_records(f, ",R3,", ",R9,"), "extract.csv: record 1 is on no rung"),
    "period": (lambda f: spoil_records(f, ",R3,", ",R5,"), "extract.csv: record 1 is on no rung"),
    "traits": (lambda f: spoil_records(f, ",R3,", ",R4,"), "extract.csv: record 1 does not have the traits"),
    "sigma": (lambda f: spoil_records(f, ",8.125,", ",1,"), "extract.csv: record 1 has another sigma"),
    "release": (lambda f: spoil_records(f, "Q1-1\r\n", "Q1-7\r\n"), "extract.csv: record 1 names a release"),
    "figure": (lambda f: spoil_records(f, ",60,100,", ",many,100,"), "extract.csv: it cannot be read"),
    "column": (lambda f: spoil_records(f, "pseudocode", "code"), "data_dictionary.json: its columns are not"),
    "class": (lambda f: spoil_records(f, "794021", "794010"), "disclosure_report.json: the check of inference"),
    "weight": (lambda f: spoil_records(f, ",60,100,", ",59,100,"), "disclosure_report.json: its checks are not"),
    "rows": (lambda f: spoil_report(f, records=7), "disclosure_report.json: its records are not"),
    "checks": (lambda f: spoil_report(f, checks=[]), "disclosure_report.json: its checks are not"),
    "files": (lambda f: (f / "example.R").write_bytes(b"quit()"), "disclosure_report.json: its SHA-256 of example.R"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_extract_that_was_made_wrongly_is_refused_although_it_is_signed(
    desk: Desk, copy: Callable[[str], Path], fault: str
) -> None:
    folder = copy("csv")
    spoil, said = FAULTS[fault]
    spoil(folder)
    relisted(desk, folder)

    with pytest.raises(NotInOrder) as refused:
        check_extract(folder, desk.context.veil.receipts.jwks())

    assert str(refused.value).startswith(said)


def test_manifest_that_counts_other_rows_is_refused(desk: Desk, copy: Callable[[str], Path]) -> None:
    folder = copy("csv")
    relisted(desk, folder, rows=5)

    with pytest.raises(NotInOrder, match=r"extract.csv: 6 records, and the manifest says 5"):
        check_extract(folder, desk.context.veil.receipts.jwks())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"output": []}, "manifest.json: extract.csv is not among its files"),
        ({"status": "running"}, "manifest.json: the extract is not done"),
        ({"requires_access_token": "yes"}, "manifest.json: it is not a manifest of this version"),
        (
            {"output": [{**ANY_FILE, "url": "/v1/extracts/../../etc/passwd"}]},
            "manifest.json: it is not a manifest of this version",
        ),
    ],
)
def test_manifest_of_another_form_is_refused(
    desk: Desk, copy: Callable[[str], Path], change: dict[str, Any], said: str
) -> None:
    folder = copy("csv")
    resigned(desk, folder, {**json.loads((folder / "manifest.json").read_bytes()), **change})

    with pytest.raises(NotInOrder, match=said):
        check_extract(folder, desk.context.veil.receipts.jwks())


@pytest.mark.parametrize("content", [b"[]", b"{}", b"\xff", b'{"signature": 7}'])
def test_manifest_that_is_none_is_refused(desk: Desk, copy: Callable[[str], Path], content: bytes) -> None:
    folder = copy("csv")
    (folder / "manifest.json").write_bytes(content)

    with pytest.raises(NotInOrder, match=r"manifest\.json: it"):
        check_extract(folder, desk.context.veil.receipts.jwks())


def test_other_keys_did_not_sign_it(
    desk: Desk, saved: dict[str, Path], tmp_path: Path, run: Callable[..., Any]
) -> None:
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps(veil_of(new_keys()).receipts.jwks()), encoding="utf-8")

    status, _, err = run("verify", saved["csv"], "--jwks", keys)

    assert (status, err) == (1, "manifest.json: it is not signed by one of these keys, or was changed\n")


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_keys_that_cannot_be_read_are_named(
    saved: dict[str, Path], tmp_path: Path, run: Callable[..., Any], content: str | None
) -> None:
    keys = tmp_path / "jwks.json"
    if content is not None:
        keys.write_text(content, encoding="utf-8")

    status, _, err = run("verify", saved["csv"], "--jwks", keys)

    assert status == 1
    assert err.startswith(f"{keys}: ") or err.startswith("manifest.json: it is not signed")


def test_comparison_shows_what_came_went_and_changed(
    sqlite_template: Path, veil: Veil, tmp_path: Path, run: Callable[..., Any]
) -> None:
    desk = a_desk(sqlite_template, veil, tmp_path)
    first = desk.save("parquet")
    desk.release(quarter("2022-Q2"), [*well_covered(quarter("2022-Q2"))])
    desk.release(year(), a_class(year(), project="demo-nord"))
    second = desk.save("csv")
    spoil_records(second, ",60,100,", ",61,100,")
    desk.context.store.close()

    status, out, _ = run("diff", first, second)
    backwards = run("diff", second, first)[1]
    same = run("diff", first, first)[1]

    assert status == 0
    assert out.rstrip().endswith("6 added, 0 gone, 1 changed, 5 same")
    assert all(word in out for word in ("2022-Q2", "794021", "demo-nord"))
    assert backwards.rstrip().endswith("0 added, 6 gone, 1 changed, 5 same")
    assert same == "0 added, 0 gone, 0 changed, 6 same\n"


def test_folder_without_records_is_named(saved: dict[str, Path], tmp_path: Path, run: Callable[..., Any]) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "extract.ndjson").write_text("{", encoding="utf-8")

    for folder, said in ((tmp_path, f"{tmp_path}: there is no extract.csv"), (tmp_path / "broken", "extract.ndjson")):
        status, _, err = run("diff", saved["csv"], folder)
        assert status == 1
        assert said in err
