"""Check an extract that somebody saved, offline: signature, checksums, rows, columns, and the report's checks again.

Stage: anonymous.
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from marshmallow import ValidationError

from gateway.domain.disclosure import FEWEST_BENEFICIARIES, sigma
from gateway.domain.extract import Checks, Record, decimal
from gateway.domain.ladder import LADDER, Recipient
from gateway.extracts import dictionary, report
from gateway.extracts.columns import record_of
from gateway.extracts.formats import FORMATS, Format, file_name
from gateway.pseudonyms.receipts import BrokenReceipt, verify_manifest
from schemas import strict_json
from schemas.extract import Extract

MANIFEST = "manifest.json"
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, csv.Error, zipfile.BadZipFile, ParseError)


class NotInOrder(Exception):
    """Something about an extract is not as it was made; the message names the first thing that is wrong."""


@dataclass(frozen=True, slots=True)
class InOrder:
    """What was found in order: how many records and files, and which key signed them."""

    records: int
    files: int
    key: str


def check_extract(folder: Path, jwks: Mapping[str, Any]) -> InOrder:
    """Check a folder that holds an extract's files under their own names, its manifest as `manifest.json`.

    Shape: other files beside them are passed over.
    Raises: NotInOrder.
    """
    manifest, key = _signed(folder / MANIFEST, jwks)
    files = {one["url"].rpartition("/")[2]: one for one in manifest["output"]}
    for name, said in files.items():
        _check_file(folder / name, said)
    request = manifest["request"]
    form, target = FORMATS[request["format"]], folder / file_name(request["format"])
    for name in (target.name, dictionary.FILE, report.FILE):
        if name not in files:
            raise NotInOrder(f"{MANIFEST}: {name} is not among its files")
    told = _document(folder / report.FILE)
    _check_columns(target, form, _document(folder / dictionary.FILE), files[target.name]["rows"])
    checks = _check_records(target, form, told, Recipient(request["kind"]))
    _check_report(told, checks, files)
    if checks.records != files[target.name]["rows"]:
        raise NotInOrder(f"{target.name}: {checks.records} records, and the manifest says {files[target.name]['rows']}")
    return InOrder(checks.records, len(files), key)


def _signed(path: Path, jwks: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The manifest, and the id of the key that signed it."""
    manifest = _document(path)
    signature = manifest.get("signature")
    if not isinstance(signature, str):
        raise NotInOrder(f"{MANIFEST}: it has no signature")
    rest = {name: value for name, value in manifest.items() if name != "signature"}
    try:
        key = verify_manifest(signature, strict_json.canonical(rest), jwks)
    except BrokenReceipt:
        raise NotInOrder(f"{MANIFEST}: it is not signed by one of these keys, or was changed") from None
    try:
        Extract().load(manifest)
    except ValidationError:
        raise NotInOrder(f"{MANIFEST}: it is not a manifest of this version") from None
    if manifest.get("status") != "done":
        raise NotInOrder(f"{MANIFEST}: the extract is not done")
    return manifest, key


def _document(path: Path) -> dict[str, Any]:
    try:
        found = strict_json.loads(path.read_bytes())
    except (OSError, ValueError):
        raise NotInOrder(f"{path.name}: it is missing or cannot be read") from None
    if not isinstance(found, dict):
        raise NotInOrder(f"{path.name}: it is not an object")
    return found


def _check_file(path: Path, said: Mapping[str, Any]) -> None:
    """Refuse a file that is missing, or is not what the manifest says."""
    try:
        length = path.stat().st_size
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
    except OSError:
        raise NotInOrder(f"{path.name}: it is missing or cannot be read") from None
    if length != said["bytes"]:
        raise NotInOrder(f"{path.name}: {length} bytes, and the manifest says {said['bytes']}")
    if digest != said["sha256"]:
        raise NotInOrder(f"{path.name}: its SHA-256 is not the one in the manifest")


def _check_columns(target: Path, form: Format, described: Mapping[str, Any], rows: int) -> None:
    """Refuse columns that the dictionary does not describe; an empty NDJSON file names none."""
    try:
        columns = form.columns(target)
    except _UNREADABLE:
        raise NotInOrder(f"{target.name}: it cannot be read") from None
    if columns != [one["name"] for one in described["columns"]] and (columns or rows):
        raise NotInOrder(f"{dictionary.FILE}: its columns are not those of {target.name}")


def _check_records(target: Path, form: Format, told: Mapping[str, Any], recipient: Recipient) -> Checks:
    """What the report's checks measure, measured again; every record is looked at."""
    checks, releases = Checks(), {one["id"] for one in told["releases"]}
    try:
        for number, record in enumerate(checks.watch(_records(target, form)), start=1):
            wrong = _wrong(record, releases, recipient)
            if wrong:
                raise NotInOrder(f"{target.name}: record {number} {wrong}")
    except _UNREADABLE:
        raise NotInOrder(f"{target.name}: it cannot be read") from None
    return checks


def _records(target: Path, form: Format) -> Iterator[Record]:
    for row in form.read(target):
        yield record_of(row)


def _wrong(record: Record, releases: set[str], recipient: Recipient) -> str | None:
    """What no record may have, or None."""
    rung = next((one for one in LADDER if one.name == record.rung), None)
    if rung is None or rung.period != record.period_kind:
        return "is on no rung of the ladder"
    dims = rung.dims(recipient)
    if any((getattr(record, name) is None) is (name in dims) for name in ("insurer", "district", "age_group", "sex")):
        return "does not have the traits of its rung"
    if record.beneficiaries < FEWEST_BENEFICIARIES:
        return f"is under the floor of {FEWEST_BENEFICIARIES} beneficiaries"
    if record.sigma_beneficiaries != decimal(sigma(rung.period, dims)):
        return "has another sigma than its rung"
    return None if record.release in releases else "names a release that the report does not"


def _check_report(told: Mapping[str, Any], checks: Checks, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse a report whose checks do not hold, or that says something else than the files do."""
    measured = checks.results()
    for one in measured:
        if not one["holds"]:
            raise NotInOrder(f"{report.FILE}: the check of {one['check']} does not hold")
    if [{name: one.get(name) for name in measured[0]} for one in told["checks"]] != measured:
        raise NotInOrder(f"{report.FILE}: its checks are not what the records give")
    if (told["records"], told["smallest_weight"]) != (checks.records, checks.fewest_beneficiaries):
        raise NotInOrder(f"{report.FILE}: its records are not those of the file")
    for one in told["files"]:
        if files.get(one["name"], {}).get("sha256") != one["sha256"]:
            raise NotInOrder(f"{report.FILE}: its SHA-256 of {one['name']} is not the one in the manifest")
