"""The shipped sample holds what it promises, by an oracle that shares no code with its generator."""

from __future__ import annotations

import calendar
import json
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.sandbox.generator import SAMPLE_DIR, generate, main
from gateway.sandbox.generator_people import nihii_of, ssin_of
from schemas.action import ActionAnnulmentRequest, ActionRequest
from schemas.catalogue import AssignmentRequest, PartnerRequest, ProjectRequest, PseudocodeRequest
from schemas.checks import is_cbe, is_nihii, is_nis, is_pseudocode, is_ssin
from schemas.inclusion import ExitRequest, InclusionAnnulmentRequest, InclusionRequest

Row = dict[str, Any]
Who = tuple[str, str]

REFUSALS = {
    "already-included": 409,
    "not-informed": 422,
    "agreement-in-future": 422,
    "outside-validity": 422,
    "not-included": 422,
    "unknown-pseudocode": 422,
    "pseudocode-not-of-project": 422,
    "duplicate-action": 409,
    "performed-in-future": 422,
    "already-exited": 409,
    "not-a-partner": 403,
    "invalid-ssin": 400,
}
FOREVER = date(9999, 12, 31)
BRUSSELS = ZoneInfo("Europe/Brussels")


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [json.loads(line) for line in (SAMPLE_DIR / "communications.ndjson").read_text().splitlines()]


@pytest.fixture(scope="module")
def catalogue() -> dict[str, list[Row]]:
    loaded: dict[str, list[Row]] = json.loads((SAMPLE_DIR / "catalogue.json").read_text())
    return loaded


def accepted(rows: list[Row], path: str) -> list[Row]:
    return [row for row in rows if row["path"].endswith(path) and row["expect"]["status"] < 300]


def target(row: Row) -> str:
    return str(row["path"].split("{")[1].split("}")[0])


def today(row: Row) -> date:
    return datetime.fromisoformat(row["at"]).astimezone(BRUSSELS).date()


def performer(row: Row) -> str:
    return str(row["body"].get("performed_by") or row["as"]["nihii"])


def validities(rows: list[Row]) -> dict[Who, list[tuple[date, date]]]:
    """V1, V2 and V8 from the lines alone: the valid days of each person in each project."""
    ends = {target(row): today(row) for row in accepted(rows, "/exit")}
    annulled = {target(row) for row in accepted(rows, "/annulment")}
    found: dict[Who, list[tuple[date, date]]] = defaultdict(list)
    for row in accepted(rows, "/v1/inclusions"):
        if row["ref"] in annulled:
            continue
        day = today(row)
        first = (day.replace(day=1) + timedelta(days=31)).replace(day=1)
        end = ends.get(row["ref"])
        last = FOREVER if end is None else end.replace(day=calendar.monthrange(end.year, end.month)[1])
        found[row["body"]["project"], row["body"]["ssin"]].append((first, last))
    return found


def partnerships(catalogue: dict[str, list[Row]]) -> dict[Who, tuple[str, str]]:
    return {
        (row["project"], row["nihii"]): (row["from"], row["until"] or "9999-12-31") for row in catalogue["partners"]
    }


def test_the_files_are_those_that_the_generator_writes(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    files = generate()

    assert {name: (SAMPLE_DIR / name).read_text(encoding="utf-8") for name in files} == files
    assert main(["--check"]) == 0
    monkeypatch.setattr("gateway.sandbox.generator.SAMPLE_DIR", tmp_path / "elsewhere")
    assert main(["--check"]) == 1
    assert main([]) == 0
    assert main(["--check"]) == 0


def test_the_files_are_small(rows: list[Row]) -> None:
    assert 11_000 <= len(rows) <= 13_000
    assert (SAMPLE_DIR / "communications.ndjson").stat().st_size <= 4_000_000
    assert len({row["at"] for row in rows}) <= 150


def test_the_catalogue_is_well_formed(catalogue: dict[str, list[Row]]) -> None:
    for row in catalogue["projects"]:
        ProjectRequest().load(row)
    for row in catalogue["pseudocodes"]:
        PseudocodeRequest().load(row)
    for row in catalogue["assignments"]:
        AssignmentRequest().load({name: value for name, value in row.items() if name not in ("project", "code")})
    for row in catalogue["partners"]:
        PartnerRequest().load({name: value for name, value in row.items() if name not in ("project", "nihii")})


def test_the_catalogue_holds_what_is_promised(catalogue: dict[str, list[Row]]) -> None:
    zones = [part["nis"] for row in catalogue["projects"] for part in row["zone"]]
    shared = Counter(row["code"] for row in catalogue["assignments"])

    assert len(catalogue["projects"]) == 4
    assert len(zones) == len(set(zones))
    assert all(is_nis(nis) for nis in zones)
    assert all(is_cbe(row["contractor"]["cbe"]) and is_nihii(row["nihii"]) for row in catalogue["projects"])
    assert len(catalogue["pseudocodes"]) == 12
    assert all(is_pseudocode(row["code"]) and row["level"] == "population" for row in catalogue["pseudocodes"])
    assert all(set(row["label"]) == {"fr", "nl", "de", "en"} for row in catalogue["pseudocodes"])
    assert set(shared) == {row["code"] for row in catalogue["pseudocodes"]}
    assert sum(count > 1 for count in shared.values()) >= 5
    assert sum(row["valid_from"] > "2021-09-01" for row in catalogue["assignments"]) >= 3


def test_the_partners_are_a_hundred_of_eight_disciplines(catalogue: dict[str, list[Row]]) -> None:
    numbers = {row["nihii"] for row in catalogue["partners"]}
    by_97 = {number for number in numbers if int(number[6:8]) == 97 - int(number[:6]) % 97}
    by_89 = {number for number in numbers if int(number[6:8]) == 89 - int(number[:6]) % 89}

    assert len(numbers) >= 80
    assert all(len(number) == 11 and is_nihii(number) for number in numbers)
    assert len({row["discipline"] for row in catalogue["partners"]}) == 8
    assert by_97 | by_89 == numbers
    assert by_89 - by_97


def test_every_request_is_well_formed_unless_its_ssin_is_the_mistake(rows: list[Row]) -> None:
    endings = {"inclusions": InclusionRequest, "actions": ActionRequest, "exit": ExitRequest}
    for row in rows:
        ending = row["path"].rsplit("/", 1)[1]
        annulment = InclusionAnnulmentRequest if "/inclusions/" in row["path"] else ActionAnnulmentRequest
        if row["expect"].get("code") != "invalid-ssin":
            endings.get(ending, annulment)().load(row["body"])


def test_only_the_ssins_meant_to_be_wrong_are_wrong_and_all_mean_nobody(rows: list[Row]) -> None:
    invalid = [row for row in rows if not is_ssin(row["body"].get("ssin", "85073003328"))]
    meant = {row["body"]["ssin"] for row in rows if "ssin" in row["body"]} - {row["body"]["ssin"] for row in invalid}

    assert {row["expect"].get("code") for row in invalid} == {"invalid-ssin"}
    assert len(invalid) == sum(row["expect"].get("code") == "invalid-ssin" for row in rows)
    assert len(meant) >= 3000
    assert all(950 <= int(ssin[6:9]) <= 997 for ssin in meant)
    assert 20 <= sum(40 < int(ssin[2:4]) <= 52 for ssin in meant) <= 100
    assert sum(97 - int("2" + ssin[:9]) % 97 == int(ssin[9:]) for ssin in meant) >= 30


def test_most_people_are_old(rows: list[Row]) -> None:
    births = [int(row["body"]["ssin"][:2]) for row in accepted(rows, "/v1/inclusions")]

    assert sum(21 < year <= 61 for year in births) > 0.6 * len(births)


def test_nine_months_are_skewed_as_in_life(rows: list[Row]) -> None:
    included, acted = accepted(rows, "/v1/inclusions"), accepted(rows, "/v1/actions")
    sizes = Counter(row["body"]["project"] for row in included).most_common()
    busy = sorted(Counter(performer(row) for row in acted).values(), reverse=True)

    assert len({row["at"][:7] for row in rows} | {"2021-09"}) == 9
    assert sizes[0][1] > 5 * sizes[-1][1]
    assert sum(busy[: len(busy) // 5]) > 0.4 * sum(busy)
    assert Counter(row["body"]["performed_on"][:4] for row in acted)["2022"] > len(acted) / 2


def test_figures_of_the_big_projects_are_well_above_ten_and_of_the_small_ones_not(rows: list[Row]) -> None:
    cells: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for row in accepted(rows, "/v1/actions"):
        body = row["body"]
        cells[body["project"], body["pseudocode"], body["performed_on"][:7]].add(body["ssin"])
    sizes = {cell: len(people) for cell, people in cells.items()}

    assert all(size > 15 for (project, _, month), size in sizes.items() if project == "demo-nord" and month > "2021-12")
    assert max(sizes.values()) > 150
    assert sum(size < 10 for (project, _, _), size in sizes.items() if project == "demo-brussel") >= 5


def test_the_ways_of_life_are_all_there(rows: list[Row]) -> None:
    exits = accepted(rows, "/exit")
    included = Counter((row["body"]["project"], row["body"]["ssin"]) for row in accepted(rows, "/v1/inclusions"))
    annulled = Counter(target(row)[0] for row in accepted(rows, "/annulment"))
    intervals = [interval for found in validities(rows).values() for interval in found]
    late = [row for row in accepted(rows, "/v1/actions") if today(row) - day_performed(row) > timedelta(days=60)]

    assert {row["body"]["reason"] for row in exits} == {"patient_request", "moved", "deceased", "care_ended", "other"}
    assert sum(count > 1 for count in included.values()) >= 50
    assert annulled["i"] >= 20
    assert annulled["a"] >= 50
    assert len(late) >= 50
    assert any(last < first for first, last in intervals)
    assert any(row["body"].get("occurrence") == 2 for row in rows)


def day_performed(row: Row) -> date:
    return date.fromisoformat(row["body"]["performed_on"])


def test_about_forty_mistakes_of_twelve_kinds_are_refused(rows: list[Row]) -> None:
    refused = [row["expect"] for row in rows if "code" in row["expect"]]

    assert 30 <= len(refused) <= 40
    assert {expect["code"]: expect["status"] for expect in refused} == REFUSALS
    assert min(Counter(expect["code"] for expect in refused).values()) >= 3


def test_every_accepted_action_lies_in_an_inclusion_and_was_not_in_the_future(rows: list[Row]) -> None:
    valid = validities(rows)
    for row in accepted(rows, "/v1/actions"):
        day = day_performed(row)
        assert any(first <= day <= last for first, last in valid[row["body"]["project"], row["body"]["ssin"]])
        assert day <= today(row)


def test_every_action_outside_validity_lies_in_no_inclusion_that_ever_began(rows: list[Row]) -> None:
    valid = validities(rows)
    for row in rows:
        code = row["expect"].get("code")
        intervals = valid.get((row["body"].get("project"), row["body"].get("ssin")), [])
        if code == "outside-validity":
            assert any(first <= last for first, last in intervals)
            assert not any(first <= day_performed(row) <= last for first, last in intervals)
        elif code == "not-included":
            assert intervals == []


def test_intervals_of_one_person_in_one_project_never_overlap(rows: list[Row]) -> None:
    for intervals in validities(rows).values():
        effective = sorted(interval for interval in intervals if interval[0] <= interval[1])
        assert all(earlier[1] < later[0] for earlier, later in pairwise(effective))


def test_nobody_is_included_twice_at_a_time(rows: list[Row]) -> None:
    persons = {row["ref"]: (row["body"]["project"], row["body"]["ssin"]) for row in accepted(rows, "/v1/inclusions")}
    still_open: dict[Who, str] = {}
    for row in rows:
        code, ending = row["expect"].get("code"), row["path"].rsplit("/", 1)[1]
        if ending == "inclusions" and code in (None, "already-included"):
            who = (row["body"]["project"], row["body"]["ssin"])
            assert (who in still_open) == (code == "already-included"), row
            still_open.setdefault(who, row["ref"])
        elif ending == "exit" or (ending == "annulment" and "/inclusions/" in row["path"]):
            was_open = still_open.get(persons[target(row)]) == target(row)
            assert was_open == (code != "already-exited"), row
            if was_open:
                del still_open[persons[target(row)]]


def test_mistakes_about_membership_stay_mistakes_when_they_are_sent_again(rows: list[Row]) -> None:
    changed = {target(row) for row in rows if "{i-" in row["path"]}
    last = today(rows[-1])
    for row in rows:
        if row["expect"].get("code") == "already-included":
            who = (row["body"]["project"], row["body"]["ssin"])
            same = [
                one for one in accepted(rows, "/v1/inclusions") if (one["body"]["project"], one["body"]["ssin"]) == who
            ]
            assert len(same) == 1
            assert same[0]["ref"] not in changed
        elif row["expect"].get("code") == "agreement-in-future":
            assert date.fromisoformat(row["body"]["agreement"]["agreed_on"]) > last + timedelta(days=60)
        elif row["expect"].get("code") == "performed-in-future":
            assert day_performed(row) > last + timedelta(days=60)


def test_every_action_is_of_the_project_by_a_partner_of_that_day_and_once(
    rows: list[Row], catalogue: dict[str, list[Row]]
) -> None:
    assigned = {
        (row["project"], row["code"]): (row["valid_from"], row["valid_until"] or "9999-12-31")
        for row in catalogue["assignments"]
    }
    partners = partnerships(catalogue)
    seen = set()
    for row in accepted(rows, "/v1/actions"):
        body, day = row["body"], row["body"]["performed_on"]
        for first, last in (assigned[body["project"], body["pseudocode"]], partners[body["project"], performer(row)]):
            assert first <= day <= last
        act = (body["project"], body["ssin"], body["pseudocode"], performer(row), day, body.get("occurrence", 1))
        assert act not in seen
        seen.add(act)


def test_duplicates_repeat_an_action_that_was_never_annulled(rows: list[Row]) -> None:
    annulled = {target(row) for row in accepted(rows, "/annulment")}
    acted = {json.dumps([row["as"], row["body"]]): row for row in accepted(rows, "/v1/actions")}
    for row in rows:
        if row["expect"].get("code") == "duplicate-action":
            first = acted[json.dumps([row["as"], row["body"]])]
            assert first["ref"] not in annulled
            assert first["at"] < row["at"]


def test_who_communicates_is_a_partner_that_day_or_the_project(
    rows: list[Row], catalogue: dict[str, list[Row]]
) -> None:
    projects = {row["ref"]: row["body"]["project"] for row in rows if "project" in row["body"]}
    partners = partnerships(catalogue)
    for row in rows:
        project = projects.get(row["ref"]) or projects[target(row)]
        if row["as"]["role"] == "project_admin":
            assert row["as"]["project"] == project
        elif row["expect"].get("code") != "not-a-partner":
            first, last = partners[project, row["as"]["nihii"]]
            assert first <= today(row).isoformat() <= last, row


def test_lines_are_in_order_and_dependent_ones_never_share_an_instant(rows: list[Row]) -> None:
    sent_at = {row["ref"]: row["at"] for row in rows}

    assert [row["line"] for row in rows] == list(range(1, len(rows) + 1))
    assert all(earlier["at"] <= later["at"] for earlier, later in pairwise(rows))
    assert rows[0]["at"] >= "2021-08-31T22:00:00Z"
    assert len(sent_at) == len(rows)
    assert all(sent_at[target(row)] < row["at"] for row in rows if "{" in row["path"])


def test_actions_never_share_an_instant_with_a_change_of_the_same_membership(rows: list[Row]) -> None:
    persons = {row["ref"]: (row["body"]["project"], row["body"]["ssin"]) for row in rows if "ssin" in row["body"]}
    changes: Counter[tuple[Who, str]] = Counter()
    for row in rows:
        if row["ref"][0] in "ix" or "{i-" in row["path"]:
            changes[persons[target(row)] if "{" in row["path"] else persons[row["ref"]], row["at"]] += 1

    assert max(changes.values()) == 1
    assert not any((persons[row["ref"]], row["at"]) in changes for row in accepted(rows, "/v1/actions"))


@pytest.mark.parametrize(
    ("birth_date", "bis", "expected"),
    [
        (date(1985, 7, 30), False, "85073003328"),
        (date(2017, 7, 30), False, "17073003384"),
        (date(1985, 7, 30), True, "85473003317"),
    ],
)
def test_check_digits_of_an_ssin_depend_on_the_century(birth_date: date, bis: bool, expected: str) -> None:
    assert ssin_of(birth_date, 33, bis=bis) == expected


def test_check_digits_of_a_nihii_number_are_modulo_97_or_89() -> None:
    assert is_nihii(nihii_of(199999, "004"))
    assert is_nihii(nihii_of(499999, "401", modulus=89))
    assert not is_nihii(nihii_of(499999, "401", modulus=83))
