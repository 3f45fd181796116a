"""What a person is told of who consulted or changed what the register holds about them, and that it is audited."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.clock import SandboxClock
from gateway.domain.access import ACCESS, Role
from gateway.domain.errors import AlreadyIncluded
from gateway.domain.identity import Ssin
from gateway.http.texts import LANGUAGES, access_texts
from gateway.services.chain_audit import chain_some
from gateway.services.change_identity import change_identity
from gateway.services.find_inclusions import find_inclusions, get_inclusion, list_inclusions
from gateway.store.inclusions import InclusionFilter
from gateway.store.tables import audit_entry
from tests.builders import PROJECT, SSIN, instant
from tests.services.desk import ADMIN, Desk, a_beneficiary
from tests.store.rows import rows

OTHER_SSIN = "85473003317"


def _report(digits: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["audit", "report", "--ssin-file", "-", *arguments], input=f"{digits}\n")


def _told(ended: Result) -> list[str]:
    """What each line says behind its instant."""
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert SSIN not in ended.stdout
    return [line[20:] for line in ended.stdout.splitlines()[1:]]


def test_person_is_told_who_did_what_and_why_in_their_language(desk: Desk, tmp_path: Path) -> None:
    one = desk.include().known.inclusion
    desk.include(1)
    with pytest.raises(AlreadyIncluded):
        desk.include()
    chain_some(desk.context)
    desk.ask(ADMIN, get_inclusion, one.id)
    SandboxClock(tmp_path / "data" / "clock").move(instant("2022-03-01T08:00+01:00"))
    desk.act()
    desk.ask(ADMIN, list_inclusions, InclusionFilter(PROJECT), None, 10)

    told = _told(_report(SSIN, "--language", "en"))

    assert told == [
        "[demo-nord] provider 10000106: registered your inclusion, for your care in the project",
        "[demo-nord] provider 10000106: registered your inclusion, for your care in the project "
        "(refused: Beneficiary already included)",
        "[demo-nord] administrative responsible of the project demo-nord: consulted your inclusion, "
        "for your care in the project",
        "[demo-nord] provider 10000106: registered an action for you, for your care in the project",
        "[demo-nord] administrative responsible of the project demo-nord: consulted the list of the project's "
        "inclusions, to run the project; you may be on it",
    ]
    assert _told(_report(SSIN, "--language", "nl"))[-1] == (
        "[demo-nord] beheerder van het systeem: maakte een overzicht zoals dit, "
        "om een verzoek van de betrokkene te beantwoorden"
    )


def test_report_is_an_entry_about_the_person_also_where_nothing_is_known(desk: Desk) -> None:
    desk.include()
    _report(SSIN)
    ended = _report(OTHER_SSIN)

    made = [row for row in rows(desk.database_url, audit_entry, "at", "id") if row["verb"] == "report_access"]

    assert [(row["role"], row["project"], row["pseudonym"] is None) for row in made] == [
        ("operator", PROJECT, False),
        ("operator", None, True),
    ]
    assert ended.stdout == access_texts()["said"]["none"]["fr"] + "\n"


def test_person_whose_number_changed_is_told_of_what_was_done_before(desk: Desk) -> None:
    one = desk.include().known.inclusion
    desk.ask(ADMIN, change_identity, one.id, Ssin(OTHER_SSIN), "mistyped")
    desk.ask(ADMIN, find_inclusions, a_beneficiary())

    verbs = [line.split(": ")[1].split(",")[0] for line in _told(_report(OTHER_SSIN, "--language", "en"))]

    assert verbs == ["registered your inclusion", "put your inclusion under another number"]


def test_number_that_is_none_is_refused_and_not_repeated(desk: Desk, tmp_path: Path) -> None:
    before = desk.counts()
    for digits in ("85073003329", "", "850730033280"):
        ended = _report(digits)
        assert (ended.exit_code, ended.stdout) == (1, "")
        assert ended.stderr == "the file holds no SSIN: eleven digits, and nothing else\n"
    assert _report(SSIN, "--language", "xx").exit_code == 2
    assert desk.counts() == before


def test_every_role_verb_and_reason_is_told_in_every_language() -> None:
    texts = access_texts()
    about_a_person = [verb for verb in ACCESS if re.search("_(inclusion|exit|action|identity)", verb)]

    assert set(texts["role"]) == {*(role.value for role in Role), "operator"}
    assert [verb for verb in about_a_person if verb not in texts["verb"]] == []
    assert {one["why"] for one in texts["verb"].values()} | {"other"} == set(texts["why"])
    for part in texts.values():
        for one in part.values():
            assert {*one} - {"why"} == set(LANGUAGES)
