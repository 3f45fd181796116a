"""The examples of the rule book, over HTTP, with processes of their own and the sandbox's clock, on both stores.

The clock runs forward only: every case plays its part in one story per store, with a beneficiary of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests.live.catalogue import LONG, MID, NIHII, SHORT, an_action, an_inclusion, enter
from tests.sandboxes import STORES, Sandbox, live_sandbox, synthetic_ssin

START, END = "2021-08-31T22:00:00Z", "2024-04-10T08:00:00Z"

# case, communicated, valid from, an exit then: valid until
COMMUNICATIONS = (
    ("at the first instant of September 2021", START, "2021-10-01", "2021-09-30"),
    ("in the last second of September 2021", "2021-09-30T21:59:59Z", "2021-10-01", "2021-09-30"),
    ("at midnight into October 2021", "2021-09-30T22:00:00Z", "2021-11-01", "2021-10-31"),
    ("at 2:30, the night summer time ends", "2021-10-31T00:30:00Z", "2021-11-01", "2021-10-31"),
    ("at 2:30 again, the night summer time ends", "2021-10-31T01:30:00Z", "2021-11-01", "2021-10-31"),
    ("when summer time would say November", "2021-10-31T22:00:00Z", "2021-11-01", "2021-10-31"),
    ("in the last second of October 2021", "2021-10-31T22:59:59Z", "2021-11-01", "2021-10-31"),
    ("at midnight into November 2021", "2021-10-31T23:00:00Z", "2021-12-01", "2021-11-30"),
    ("in the last second of 2021", "2021-12-31T22:59:59Z", "2022-01-01", "2021-12-31"),
    ("at midnight into 2022", "2021-12-31T23:00:00Z", "2022-02-01", "2022-01-31"),
    ("in the middle of a month", "2022-01-15T08:30:00Z", "2022-02-01", "2022-01-31"),
    ("in the last second of January 2022", "2022-01-31T22:59:59Z", "2022-02-01", "2022-01-31"),
    ("at midnight into February 2022", "2022-01-31T23:00:00Z", "2022-03-01", "2022-02-28"),
    ("in the last second of winter time", "2022-03-27T00:59:59Z", "2022-04-01", "2022-03-31"),
    ("in the first second of summer time", "2022-03-27T01:00:00Z", "2022-04-01", "2022-03-31"),
    ("in the last second of March 2022", "2022-03-31T21:59:59Z", "2022-04-01", "2022-03-31"),
    ("at midnight into April 2022", "2022-03-31T22:00:00Z", "2022-05-01", "2022-04-30"),
    ("on a leap day", "2024-02-29T12:00:00Z", "2024-03-01", "2024-02-29"),
    ("in the last second of a leap day", "2024-02-29T22:59:59Z", "2024-03-01", "2024-02-29"),
    ("at midnight into March 2024", "2024-02-29T23:00:00Z", "2024-04-01", "2024-03-31"),
)
Told = dict[str, tuple[int, dict[str, Any]]]


@dataclass
class Story:
    """Steps to be told in the order of their instants; what each gave, by its name."""

    box: Sandbox
    provider: str
    admin: str
    steps: list[tuple[str, Callable[[], None]]] = field(default_factory=list)
    told: Told = field(default_factory=dict)
    persons: dict[str, str] = field(default_factory=dict)

    def ssin(self, person: str) -> str:
        return self.persons.setdefault(person, synthetic_ssin(len(self.persons)))

    def include(self, at: str, name: str, project: str = LONG, *, person: str | None = None, agreed: str = "") -> None:
        body = an_inclusion(project, self.ssin(person or name))
        if agreed:
            body["agreement"] = {**body["agreement"], "agreed_on": agreed}
        self._then(at, name, lambda: self.box.send("POST", "/v1/inclusions", body, token=self.provider))

    def leave(self, at: str, name: str, of: str, reason: str = "moved", **facts: str) -> None:
        def send() -> Any:
            path = f"/v1/inclusions/{self.told[of][1]['id']}/exit"
            return self.box.send("POST", path, {"reason": reason, **facts}, token=self.provider)

        self._then(at, name, send)

    def act(self, at: str, name: str, person: str, performed_on: str, project: str = LONG) -> None:
        body = an_action(project, self.ssin(person), performed_on)
        self._then(at, name, lambda: self.box.send("POST", "/v1/actions", body, token=self.provider))

    def look_again(self, at: str, name: str) -> None:
        def send() -> Any:
            return self.box.send("GET", f"/v1/inclusions/{self.told[name][1]['id']}", token=self.admin)

        self._then(at, f"{name}, later", send)

    def list_on(self, at: str, day: str) -> None:
        path = f"/v1/inclusions?project={LONG}&valid_on={day}&limit=1000"
        self._then(at, f"valid on {day}", lambda: self.box.send("GET", path, token=self.admin))

    def _then(self, at: str, name: str, send: Callable[[], Any]) -> None:
        def step() -> None:
            answer = send()
            self.told[name] = (answer.status_code, answer.json())

        self.steps.append((at, step))

    def tell(self) -> Told:
        now = ""
        for at, step in sorted(self.steps, key=lambda one: datetime.fromisoformat(one[0])):
            if at != now:
                self.box.move_clock(at)
                now = at
            step()
        return self.told


@pytest.fixture(scope="module", params=STORES)
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with live_sandbox(request, tmp_path_factory) as box:
        enter(box)
        story = Story(box, box.token("provider", nihii=NIHII), box.token("project_admin", project=LONG))
        for plot in (communications, touching, capped, performed, late, agreed):
            plot(story)
        yield story.tell()


def before(day: str) -> str:
    return str(date.fromisoformat(day) - timedelta(1))


def after(day: str) -> str:
    return str(date.fromisoformat(day) + timedelta(1))


def communications(story: Story) -> None:
    """V1 to V4: stays, leaves at once, or was there from the start and leaves now; tried by actions at the end."""
    for case, at, valid_from, valid_until in COMMUNICATIONS:
        story.include(at, f"{case}: stays")
        story.include(at, f"{case}: regrets")
        story.leave(at, f"{case}: regrets, exit", f"{case}: regrets", left_on="2021-09-01")
        story.include(START, f"{case}: leaves")
        story.leave(at, f"{case}: leaves, exit", f"{case}: leaves", reason="deceased")
        for who in ("stays", "regrets, exit", "leaves, exit"):
            story.look_again(END, f"{case}: {who}")
        story.act(END, f"{case}: stays, too early", f"{case}: stays", before(valid_from))
        story.act(END, f"{case}: stays, first day", f"{case}: stays", valid_from)
        story.act(END, f"{case}: regrets, first day", f"{case}: regrets", valid_from)
        story.act(END, f"{case}: leaves, last day", f"{case}: leaves", valid_until)
        story.act(END, f"{case}: leaves, too late", f"{case}: leaves", after(valid_until))
        for day in (before(valid_from), valid_from):
            story.list_on(END, day)


@pytest.mark.parametrize(
    ("case", "at", "valid_from", "valid_until"), COMMUNICATIONS, ids=[c[0] for c in COMMUNICATIONS]
)
class TestCommunications:
    def test_an_inclusion_is_valid_from_the_first_day_of_the_next_month(
        self, told: Told, case: str, at: str, valid_from: str, valid_until: str
    ) -> None:
        status, first = told[f"{case}: stays"]
        _, later = told[f"{case}: stays, later"]

        assert (status, first["status"], first["valid_from"], first["valid_until"]) == (201, "open", valid_from, None)
        assert (later["communicated_at"], later["valid_from"], later["valid_until"]) == (at, valid_from, None)

    def test_an_exit_ends_it_on_the_last_day_of_the_month(
        self, told: Told, case: str, at: str, valid_from: str, valid_until: str
    ) -> None:
        status, answer = told[f"{case}: leaves, exit"]
        _, later = told[f"{case}: leaves, exit, later"]

        assert (status, answer["status"], answer["valid_until"]) == (200, "exited", valid_until)
        assert answer["exit"] == {"reason": "deceased", "left_on": None, "communicated_at": at}
        assert (later["valid_from"], later["valid_until"]) == ("2021-10-01", valid_until)

    def test_an_exit_in_the_same_month_leaves_an_empty_interval(
        self, told: Told, case: str, at: str, valid_from: str, valid_until: str
    ) -> None:
        status, answer = told[f"{case}: regrets, exit"]
        _, later = told[f"{case}: regrets, exit, later"]
        refused, problem = told[f"{case}: regrets, first day"]

        assert (status, answer["valid_from"], answer["valid_until"]) == (200, valid_from, valid_until)
        assert answer["valid_until"] < answer["valid_from"]
        assert (later["status"], later["exit"]["left_on"]) == ("exited", "2021-09-01")
        assert (refused, problem["code"], problem["rule"]) == (422, "not-included", "P3")

    def test_an_action_is_taken_from_the_first_valid_day_on(
        self, told: Told, case: str, at: str, valid_from: str, valid_until: str
    ) -> None:
        refused, problem = told[f"{case}: stays, too early"]

        assert (refused, problem["code"], problem["rule"]) == (422, "outside-validity", "P3")
        assert (problem["allowed_from"], problem["allowed_until"]) == (valid_from, "2024-12-31")
        if valid_from <= "2024-04-10":
            status, action = told[f"{case}: stays, first day"]
            assert (status, action["inclusion"]) == (201, told[f"{case}: stays"][1]["id"])

    def test_an_action_is_taken_until_the_last_valid_day(
        self, told: Told, case: str, at: str, valid_from: str, valid_until: str
    ) -> None:
        status, answer = told[f"{case}: leaves, last day"]
        refused, problem = told[f"{case}: leaves, too late"]

        if valid_until < "2021-10-01":
            assert (status, answer["code"]) == (422, "not-included")
            assert (refused, problem["code"]) == (422, "not-included")
        else:
            assert (status, answer["inclusion"]) == (201, told[f"{case}: leaves"][1]["id"])
            assert (refused, problem["code"]) == (422, "outside-validity")
            assert (problem["allowed_from"], problem["allowed_until"]) == ("2021-10-01", valid_until)

    def test_the_list_of_a_day_holds_who_is_valid_on_it(
        self, told: Told, case: str, at: str, valid_from: str, valid_until: str
    ) -> None:
        on_first, on_day_before = (
            {one["id"] for one in told[f"valid on {day}"][1]["items"]} for day in (valid_from, before(valid_from))
        )
        stays, regrets, leaves = (told[f"{case}: {who}"][1]["id"] for who in ("stays", "regrets", "leaves"))

        assert stays in on_first
        assert stays not in on_day_before
        assert regrets not in on_first | on_day_before
        assert (leaves in on_first) == (valid_from <= valid_until)
        assert (leaves in on_day_before) == ("2021-10-01" <= before(valid_from) <= valid_until)


def touching(story: Story) -> None:
    """V5 and I3: a new inclusion after the exit."""
    story.include("2021-09-10T08:00:00Z", "first", person="returns")
    story.include("2021-12-10T08:00:00Z", "too soon", person="returns")
    story.leave("2022-01-20T08:00:00Z", "first, exit", "first")
    story.leave("2022-01-20T08:00:00Z", "first, exit again", "first")
    story.include("2022-01-20T08:00:00Z", "second", person="returns")
    story.include("2021-09-10T08:00:00Z", "one", person="pauses")
    story.leave("2022-01-31T22:59:59Z", "one, exit", "one")
    story.include("2022-01-31T23:00:00Z", "two", person="pauses")
    for day in ("2022-01-31", "2022-02-01"):
        story.act("2022-03-10T08:00:00Z", f"returns on {day}", "returns", day)
    for day in ("2022-01-31", "2022-02-01", "2022-02-28", "2022-03-01"):
        story.act("2022-03-10T08:00:00Z", f"pauses on {day}", "pauses", day)


def test_a_second_open_inclusion_is_refused_and_names_the_first(told: Told) -> None:
    status, problem = told["too soon"]

    assert (status, problem["code"], problem["rule"]) == (409, "already-included", "I3")
    assert problem["existing"] == told["first"][1]["id"]


def test_a_second_exit_is_refused(told: Told) -> None:
    status, problem = told["first, exit again"]

    assert (status, problem["code"]) == (409, "already-exited")


def test_a_new_inclusion_at_the_instant_of_the_exit_touches_the_old_one(told: Told) -> None:
    _, first = told["first, exit"]
    status, second = told["second"]

    assert (first["valid_from"], first["valid_until"]) == ("2021-10-01", "2022-01-31")
    assert (status, second["valid_from"], second["valid_until"]) == (201, "2022-02-01", None)
    assert told["returns on 2022-01-31"][1]["inclusion"] == first["id"]
    assert told["returns on 2022-02-01"][1]["inclusion"] == second["id"]


def test_a_new_inclusion_a_second_later_in_the_next_month_leaves_a_month_between(told: Told) -> None:
    assert told["one, exit"][1]["valid_until"] == "2022-01-31"
    assert told["two"][1]["valid_from"] == "2022-03-01"
    assert told["pauses on 2022-01-31"][1]["inclusion"] == told["one"][1]["id"]
    assert [told[f"pauses on {day}"][1]["code"] for day in ("2022-02-01", "2022-02-28")] == ["outside-validity"] * 2
    assert told["pauses on 2022-03-01"][1]["inclusion"] == told["two"][1]["id"]


# project, communicated, answer, allowed until
LAST_INCLUSIONS = (
    (SHORT, "2022-05-31T21:59:59Z", 201, None, None),
    (SHORT, "2022-05-31T22:00:00Z", 422, "valid-after-convention-end", "2022-05-31"),
    (SHORT, "2022-06-30T21:59:59Z", 422, "valid-after-convention-end", "2022-05-31"),
    (SHORT, "2022-06-30T22:00:00Z", 422, "convention-not-in-force", "2022-06-30"),
    (MID, "2022-05-31T21:59:59Z", 201, None, None),
    (MID, "2022-05-31T22:00:00Z", 422, "valid-after-convention-end", "2022-05-31"),
    (MID, "2022-06-15T21:59:59Z", 422, "valid-after-convention-end", "2022-05-31"),
    (MID, "2022-06-15T22:00:00Z", 422, "convention-not-in-force", "2022-06-15"),
)
# project, exit communicated, valid until
LAST_EXITS = (
    (SHORT, "2022-05-31T21:59:59Z", "2022-05-31"),
    (SHORT, "2022-06-10T08:00:00Z", "2022-06-30"),
    (SHORT, "2022-07-05T08:00:00Z", "2022-06-30"),
    (MID, "2022-05-31T21:59:59Z", "2022-05-31"),
    (MID, "2022-05-31T22:00:00Z", "2022-06-15"),
    (MID, "2022-07-05T08:00:00Z", "2022-06-15"),
)


def capped(story: Story) -> None:
    """V6: the convention's last day."""
    for project, at, *_ in LAST_INCLUSIONS:
        story.include(at, f"{project} at {at}", project)
    for project, at, valid_until in LAST_EXITS:
        story.include("2022-02-10T08:00:00Z", f"{project} until {at}", project)
        story.leave(at, f"{project} until {at}, exit", f"{project} until {at}")
        story.act("2022-07-05T09:00:00Z", f"{project} {at} within", f"{project} until {at}", valid_until, project)
        story.act(
            "2022-07-05T09:00:00Z", f"{project} {at} beyond", f"{project} until {at}", after(valid_until), project
        )


@pytest.mark.parametrize(("project", "at", "status", "code", "until"), LAST_INCLUSIONS)
def test_an_inclusion_that_would_begin_after_the_convention_is_refused(
    told: Told, project: str, at: str, status: int, code: str | None, until: str | None
) -> None:
    answered, answer = told[f"{project} at {at}"]

    assert (answered, answer.get("code"), answer.get("allowed_until")) == (status, code, until)
    if status == 201:
        assert (answer["valid_from"], answer["valid_until"]) == ("2022-06-01", None)
        assert answer["convention_last_day"] == {SHORT: "2022-06-30", MID: "2022-06-15"}[project]


@pytest.mark.parametrize(("project", "at", "valid_until"), LAST_EXITS)
def test_the_last_day_of_the_convention_caps_an_interval(told: Told, project: str, at: str, valid_until: str) -> None:
    status, answer = told[f"{project} until {at}, exit"]
    within, _ = told[f"{project} {at} within"]
    beyond, problem = told[f"{project} {at} beyond"]

    assert (status, answer["valid_from"], answer["valid_until"]) == (200, "2022-03-01", valid_until)
    assert within == 201
    is_after_convention = valid_until == answer["convention_last_day"]
    code = "outside-convention" if is_after_convention else "outside-validity"
    assert (beyond, problem["code"], problem["allowed_until"]) == (422, code, valid_until)


# asked at, performed on, code
DAYS_PERFORMED = (
    ("2021-10-31T22:59:59Z", "2021-11-01", "performed-in-future"),
    ("2021-10-31T23:00:00Z", "2021-11-01", None),
    ("2022-02-28T22:59:59Z", "2022-03-01", "performed-in-future"),
    ("2022-02-28T23:00:00Z", "2022-03-01", None),
    ("2022-03-26T22:59:59Z", "2022-03-27", "performed-in-future"),
    ("2022-03-26T23:00:00Z", "2022-03-27", None),
    ("2022-03-27T21:59:59Z", "2022-03-28", "performed-in-future"),
    ("2022-03-27T22:00:00Z", "2022-03-28", None),
    ("2022-03-28T08:00:00Z", "2021-08-31", "outside-convention"),
    ("2022-03-28T08:00:00Z", "2021-09-01", "outside-validity"),
)


def performed(story: Story) -> None:
    """P4: not in the future, within the convention; P3: never included."""
    story.include(START, "is cared for")
    for at, day, _ in DAYS_PERFORMED:
        story.act(at, f"at {at} of {day}", "is cared for", day)
    story.act("2022-03-28T08:00:00Z", "of a stranger", "a stranger", "2022-03-01")


@pytest.mark.parametrize(("at", "day", "code"), DAYS_PERFORMED)
def test_an_action_is_of_today_or_earlier_and_within_the_convention(
    told: Told, at: str, day: str, code: str | None
) -> None:
    status, answer = told[f"at {at} of {day}"]

    assert (status, answer.get("code")) == (201 if code is None else 422, code)
    if code is None:
        assert (answer["performed_on"], answer["recorded_at"]) == (day, at)
    else:
        assert answer["rule"] == ("P3" if code == "outside-validity" else "P4")


def test_an_action_for_somebody_who_is_not_included_is_refused(told: Told) -> None:
    status, problem = told["of a stranger"]

    assert (status, problem["code"], problem["rule"]) == (422, "not-included", "P3")


# project, registered at, code
LAST_REGISTRATIONS = (
    (SHORT, "2022-09-30T21:59:59Z", None),
    (SHORT, "2022-09-30T22:00:00Z", "registration-closed"),
    (MID, "2023-02-28T22:59:59Z", None),
    (MID, "2023-02-28T23:00:00Z", "registration-closed"),
)


def late(story: Story) -> None:
    """P9: the last day of registration, set or not."""
    for project, at, _ in LAST_REGISTRATIONS:
        story.include(START, f"late {project} {at}", project)
        story.act(at, f"late {project} {at}, action", f"late {project} {at}", "2022-06-01", project)


@pytest.mark.parametrize(("project", "at", "code"), LAST_REGISTRATIONS)
def test_an_action_is_registered_until_registration_closes(told: Told, project: str, at: str, code: str | None) -> None:
    status, answer = told[f"late {project} {at}, action"]

    assert (status, answer.get("code")) == (201 if code is None else 422, code)
    assert answer.get("rule") == (None if code is None else "P9")


def agreed(story: Story) -> None:
    """I1: the day of the agreement, in Brussels."""
    for at in ("2022-01-31T22:59:59Z", "2022-01-31T23:00:00Z"):
        story.include(at, f"agreed {at}", agreed="2022-02-01")


def test_an_agreement_of_tomorrow_is_refused_until_midnight_in_brussels(told: Told) -> None:
    refused, problem = told["agreed 2022-01-31T22:59:59Z"]

    assert (refused, problem["code"], problem["rule"]) == (422, "agreement-in-future", "I1")
    assert told["agreed 2022-01-31T23:00:00Z"][0] == 201
