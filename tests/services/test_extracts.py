"""Extracts at the desk, on both stores: what is in them, and that increments add up to the full one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from gateway.domain import errors
from gateway.domain.access import Role
from gateway.extracts.formats import FORMATS
from gateway.services.follow_extract import cancel_extract, get_extract, get_extract_file
from gateway.store.extracts import Extract
from gateway.store.tables import extract
from tests.builders import PROJECT, a_caller
from tests.released import quarter, thin, well_covered, year
from tests.services.extract_desk import INSURER, POLICY_MAKER, ExtractDesk, a_request
from tests.store.rows import rows
from tests.store.seeds import OTHER_PROJECT

AFTER_Q1, AFTER_Q2, AFTER_YEAR = "2022-05-15T10:00+02:00", "2022-08-14T10:00+02:00", "2023-03-01T10:00+01:00"


def rungs(extracts: ExtractDesk, made: Extract) -> list[tuple[str, str, str]]:
    """Project, period and rung of every group of records, in order."""
    named = [(one.project, one.period, one.rung) for one in extracts.records(made)]
    return list(dict.fromkeys(named))


def test_extract_holds_the_records_of_released_periods_in_its_range(extracts: ExtractDesk) -> None:
    extracts.shelf.put(quarter(), well_covered(quarter()), AFTER_Q1)
    extracts.shelf.put(quarter("2022-Q2"), well_covered(quarter("2022-Q2")), AFTER_Q2)

    made = extracts.build(last="2022-05")

    assert made.state == "done"
    assert rungs(extracts, made) == [(PROJECT, "2022-Q1", "R3")]
    assert len(extracts.records(made)) == 6
    assert made.manifest is not None
    assert made.manifest["output"][0]["rows"] == 6
    assert sorted(path.name for path in extracts.place(made).iterdir()) == [
        "data_dictionary.json",
        "disclosure_report.json",
        "example.R",
        "example_pandas.py",
        "extract.ndjson",
        "manifest.json",
    ]


def test_insurer_gets_the_records_of_own_members(extracts: ExtractDesk) -> None:
    q1 = quarter()
    extracts.shelf.put(q1, [*well_covered(q1), *well_covered(q1, insurer="100"), *well_covered(q1, insurer="200")])

    made = extracts.build(INSURER)

    assert {one.insurer for one in extracts.records(made)} == {"100"}
    assert extracts.report(made)["request"]["insurer"] == "100"


def test_longer_period_comes_in_where_a_shorter_one_is_thin(extracts: ExtractDesk) -> None:
    q1, both = quarter(), (PROJECT, OTHER_PROJECT)
    extracts.shelf.put(q1, [*well_covered(q1), *thin(q1, OTHER_PROJECT)], AFTER_Q1, projects=both)
    whole = [*thin(year()), *well_covered(year(), OTHER_PROJECT)]
    extracts.shelf.put(year(), whole, AFTER_YEAR, projects=both)

    made = extracts.build()

    assert rungs(extracts, made) == [
        (PROJECT, "2022-Q1", "R3"),
        (OTHER_PROJECT, "2022-Q1", "R4"),
        (OTHER_PROJECT, "2022", "R6"),
    ]


def test_latest_revision_counts(extracts: ExtractDesk) -> None:
    first = extracts.shelf.put(quarter(), thin(quarter()), AFTER_Q1)
    second = extracts.shelf.put(quarter(), well_covered(quarter()), AFTER_Q2, revision=2)

    full = extracts.build()

    assert {one.release for one in extracts.records(full)} == {second}
    assert first not in str(extracts.report(full)["releases"])


def test_extract_before_and_its_increments_are_the_full_one(extracts: ExtractDesk) -> None:
    shelf, parts = extracts.shelf, []
    shelf.put(quarter(), thin(quarter()), AFTER_Q1)
    parts.append(extracts.build())
    shelf.put(quarter("2022-Q2"), well_covered(quarter("2022-Q2")), AFTER_Q2)
    parts.append(extracts.build(since=str(parts[-1].id)))
    shelf.put(year(), thin(year()), AFTER_YEAR)
    shelf.put(quarter(), well_covered(quarter()), "2023-04-01T10:00+02:00", revision=2)
    parts.append(extracts.build(since=str(parts[-1].id)))
    parts.append(extracts.build(since=str(parts[-1].id)))

    full = extracts.build()

    held: list[Any] = []
    for part in parts:
        dropped = set(extracts.report(part)["replaces"])
        held = [one for one in held if one.release not in dropped] + extracts.records(part)
    assert set(held) == set(extracts.records(full))
    assert len(held) == len(extracts.records(full)) > 0
    assert [len(extracts.records(part)) for part in parts] == [3, 6, 9, 0]
    assert extracts.report(parts[-1])["explanations"][0]["code"] == "nothing-new"


def test_release_that_was_stamped_before_an_extract_and_kept_after_it_is_new(extracts: ExtractDesk) -> None:
    earlier = extracts.build()

    extracts.shelf.put(quarter(), thin(quarter()), "2022-05-15T10:00+02:00")
    later = extracts.build(since=str(earlier.id))

    assert earlier.transaction_time is not None
    assert len(extracts.records(later)) == 3


@pytest.mark.parametrize("form", FORMATS)
def test_equal_requests_give_equal_bytes_whoever_asks(extracts: ExtractDesk, form: str) -> None:
    extracts.shelf.put(quarter(), well_covered(quarter()))
    another = a_caller(Role.POLICY_MAKER, subject="somebody else")

    first, second = (extracts.build(caller, format=form) for caller in (POLICY_MAKER, another))

    for path in extracts.place(first).iterdir():
        if path.name != "manifest.json":
            assert path.read_bytes() == (extracts.place(second) / path.name).read_bytes(), path.name


def test_empty_extract_explains_itself_and_says_when_more_can_come(extracts: ExtractDesk) -> None:
    made = extracts.build(INSURER, last="2022-06", format="csv")

    told = extracts.report(made)["explanations"]
    assert extracts.records(made) == []
    assert told[0]["code"] == "nothing"
    assert [(one["period"], one["available_from"]) for one in told[1:]] == [
        ("2022-Q1", "2022-05-15"),
        ("2022-Q2", "2022-08-14"),
    ]
    assert all(set(one["text"]) == {"fr", "nl", "de", "en"} for one in told)
    assert all("{" not in text for one in told for text in one["text"].values())


def test_thin_extract_explains_itself_and_names_the_period_that_can_show_more(extracts: ExtractDesk) -> None:
    q1, both = quarter(), (PROJECT, OTHER_PROJECT)
    extracts.shelf.put(q1, thin(q1), projects=both)
    extracts.shelf.put(quarter("2022-Q2"), thin(quarter("2022-Q2"))[:6], AFTER_Q2)

    report = extracts.report(extracts.build(last="2022-06"))

    told = {(one.get("project"), one.get("period")): one for one in report["explanations"]}
    assert told[PROJECT, "2022-Q1"]["code"] == "thin"
    assert told[PROJECT, "2022-Q1"]["available_from"] == "2023-03-01"
    assert "48 %" in told[PROJECT, "2022-Q1"]["text"]["en"]
    assert told[PROJECT, "2022-Q2"]["code"] == "unmeasured"
    assert told[OTHER_PROJECT, "2022-Q1"]["code"] == "empty"
    assert [(one["rung"], one["coverage"]) for one in report["rungs"]] == [
        ("R4", "0.4887"),
        (None, None),
        ("R4", None),
    ]


def test_report_names_its_releases_files_parameters_and_checks(extracts: ExtractDesk) -> None:
    extracts.shelf.put(quarter(), [], "2022-04-10T10:00+02:00", measure="joined")
    extracts.shelf.put(quarter(), well_covered(quarter()), AFTER_Q1)

    made = extracts.build()
    report = extracts.report(made)

    assert made.manifest is not None
    listed = {one["url"].rpartition("/")[2]: one["sha256"] for one in made.manifest["output"]}
    assert {one["name"]: one["sha256"] for one in report["files"]}.items() <= listed.items()
    assert report["rho"] == {"spent": "0.2500", "cumulated": "0.5000"}
    assert (report["records"], report["smallest_weight"]) == (6, 60)
    assert {one["check"]: (one["measured"], one["bound"], one["holds"]) for one in report["checks"]} == {
        "singling_out": (60, 10, True),
        "linkability": (0, 0, True),
        "inference": (3, 3, True),
    }
    assert report["parameters"]["sigma_beneficiaries"]["policy"]["R4"] == "3.75"
    assert [one["id"] for one in report["releases"]] == ["actions-quarter-2022-Q1-1"]


def test_row_names_no_person_and_files_no_caller(extracts: ExtractDesk) -> None:
    extracts.shelf.put(quarter(), well_covered(quarter()))

    made = extracts.build()

    (row,) = rows(extracts.desk.database_url, extract)
    assert POLICY_MAKER.subject not in repr(row)
    assert all(
        word not in path.read_bytes()
        for path in extracts.place(made).iterdir()
        for word in (POLICY_MAKER.subject.encode(), made.person.encode())
    )


@pytest.mark.parametrize(
    ("role", "kind"),
    [(Role.INSURER, "policy"), (Role.POLICY_MAKER, "insurer"), *((role, "policy") for role in Role)],
)
def test_kind_goes_with_the_role(extracts: ExtractDesk, role: Role, kind: str) -> None:
    if (role, kind) == (Role.POLICY_MAKER, "policy"):
        return
    before = extracts.desk.counts()["extract"]

    with pytest.raises(errors.RoleNotAllowed):
        extracts.order(a_caller(role), kind=kind, purpose="policy" if kind == "policy" else "art3")

    assert extracts.desk.counts()["extract"] == before


FOREIGN = [
    a_caller(Role.POLICY_MAKER, subject="somebody else"),
    a_caller(Role.INSURER, insurer="200"),
    INSURER,
]


@pytest.mark.parametrize("caller", FOREIGN, ids=["another person", "another insurer", "another capacity"])
def test_foreign_extract_looks_like_none(extracts: ExtractDesk, caller: Any) -> None:
    made = extracts.build()
    ask = extracts.desk.ask

    for wanted in (made.id, UUID(int=1)):
        with pytest.raises(errors.NotFound):
            ask(caller, get_extract, wanted)
        with pytest.raises(errors.NotFound):
            ask(caller, get_extract_file, wanted, "manifest.json")
        with pytest.raises(errors.NotFound):
            ask(caller, cancel_extract, wanted)
        with pytest.raises(errors.NotFound):
            ask(caller, cancel_extract, wanted)
    with pytest.raises(errors.NotFound):
        extracts.order(caller, since=str(made.id))
    assert extracts.look(made).state == "done"


def test_increment_goes_on_only_from_what_is_done(extracts: ExtractDesk) -> None:
    waiting = extracts.order()

    with pytest.raises(errors.ExtractNotDone):
        extracts.order(since=str(waiting.id))
    with pytest.raises(errors.NotFound):
        extracts.order(since=str(UUID(int=7)))


def test_request_is_kept_as_it_was_made(extracts: ExtractDesk) -> None:
    made = extracts.build(purpose="research")

    assert made.manifest is not None
    assert made.manifest["request"] == a_request(purpose="research")
    assert made.manifest["requires_access_token"] is True
