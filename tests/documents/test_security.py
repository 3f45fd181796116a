"""The threat model names a control and where it is shown for every threat, and what is open where there is none."""

from __future__ import annotations

import pytest

from tests.documents.texts import ROOT, quoted, read, rows, section

THREATS = rows(section(read("SECURITY.md"), "Threats"))
BOUNDARIES = {
    "clients",
    "issuer",
    "MyCareNet",
    "webhooks",
    "pseudonymisation",
    "database",
    "keys",
    "figures",
    "operators",
    "supply",
}


def test_every_boundary_has_its_threats_and_clients_have_every_kind() -> None:
    assert {row[0] for row in THREATS} == BOUNDARIES
    assert [row[1] for row in THREATS if row[0] == "clients"] == list("STRIDE")
    assert {row[1] for row in THREATS} == set("STRIDE")


@pytest.mark.parametrize("row", THREATS, ids=lambda row: f"{row[0]} {row[1]}")
def test_a_threat_names_its_control_and_a_test_of_it(row: list[str]) -> None:
    boundary, kind, threat, control, shown_in = row

    assert all((boundary, kind, threat, control))
    paths = quoted(shown_in)
    assert paths
    for path in paths:
        assert path.startswith("tests/")
        found = [ROOT / path] if path.endswith(".py") else list((ROOT / path).glob("test_*.py"))
        assert found
        assert all("\ndef test_" in one.read_text(encoding="utf-8") for one in found), path


def test_what_is_open_is_told_below() -> None:
    held = section(read("SECURITY.md"), "What the design does not hold yet")

    (control,) = [row[3] for row in THREATS if row[:2] == ["pseudonymisation", "T"]]

    assert ("*open*" in control) == ("right secret" in held)
