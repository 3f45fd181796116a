"""What happens to each person of the synthetic sample: included, cared for, gone, sometimes back.

It knows the law (V1 to V6, P2 to P6), so that everything it tells must be accepted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from gateway.domain.periods import Interval, add_months, first_of_month, last_of_month, valid_from, valid_until
from gateway.sandbox.generator_calendar import DAYS, INSTANTS, IS_EDGE, LAST_DAY, index_on_or_after, weekdays
from gateway.sandbox.generator_catalogue import ASSIGNED, PROJECTS, Partner, Scene, assigned_on
from gateway.sandbox.generator_people import Person
from gateway.sandbox.generator_pseudocodes import CODES

INCLUSION_WEIGHTS = {9: 26, 10: 19, 11: 13, 12: 7, 1: 11, 2: 9, 3: 7, 4: 5, 5: 3}
EDGE_WEIGHT = 0.2
VOLUNTARY_SHARE = 0.6
"""Before 2022 registering actions is voluntary (P10): fewer are."""

EXIT_SHARE, RETURN_SHARE, ANNULLED_SHARE = 0.13, 0.3, 0.014
LATE_SHARE, ANNULLED_ACTION_SHARE, TWICE_SHARE = 0.03, 0.012, 0.01
REASONS = {"patient_request": 22, "moved": 18, "deceased": 26, "care_ended": 24, "other": 10}

Who = dict[str, str]


@dataclass(slots=True, eq=False)
class Line:
    """One request to come; `target` is the earlier one whose id its path needs."""

    index: int
    person: int
    kind: str
    who: Who
    path: str
    body: dict[str, Any]
    status: int = 201
    code: str | None = None
    target: Line | None = None

    @property
    def at(self) -> datetime:
        """When it is sent."""
        return INSTANTS[self.index]


@dataclass(slots=True)
class Stay:
    """One inclusion that was not annulled: its validity, and the last day on which anything can be done."""

    inclusion: Line
    interval: Interval
    exit: Line | None = None
    last_performed_on: date = LAST_DAY


@dataclass(slots=True)
class Story:
    """A person in a project; `busy` holds the instants at which their membership changes."""

    person: Person
    project: str
    lines: list[Line] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    actions: list[Line] = field(default_factory=list)
    busy: set[int] = field(default_factory=set)

    @property
    def is_plain(self) -> bool:
        """Whether there is one inclusion, still open and never annulled: refusals about it stay refusals."""
        return len(self.busy) == 1

    def tell(self, line: Line) -> Line:
        """Add a line and give it back."""
        self.lines.append(line)
        return line


def admin(project: str) -> Who:
    """The administrative responsible of a project."""
    return {"role": "project_admin", "project": project}


def provider(partner: Partner) -> Who:
    """A partner speaking for themselves."""
    return {"role": "provider", "nihii": partner.nihii}


def busiest_first(rng: Random, partners: Sequence[Partner]) -> Partner:
    """One of the partners, the busy ones more often."""
    return rng.choices(partners, [one.weight for one in partners])[0]


def stories(rng: Random, scene: Scene, persons: Sequence[Person]) -> Iterator[Story]:
    """A story for each person, and a second for the few who are in two projects."""
    names, sizes = list(PROJECTS), [size for _, _, size, _ in PROJECTS.values()]
    for person in persons:
        project = rng.choices(names, sizes)[0]
        yield _story(rng, scene, person, project)
        if rng.random() < 0.03:
            yield _story(rng, scene, person, rng.choice([name for name in names if name != project]))


def inclusion_body(rng: Random, project: str, ssin: str, day: date) -> dict[str, Any]:
    """What `POST /v1/inclusions` takes, agreed within a fortnight before a day."""
    agreed_on = day - timedelta(days=min(int(rng.expovariate(0.3)), 14))
    body: dict[str, Any] = {"project": project, "ssin": ssin}
    body["agreement"] = {"agreed_on": agreed_on.isoformat(), "informed": True, "in_target_group": True}
    if rng.random() < 0.4:
        body["municipality"] = rng.choice(list(PROJECTS[project][1]))
    return body


def _story(rng: Random, scene: Scene, person: Person, project: str) -> Story:
    story = Story(person, project)
    weights = [
        INCLUSION_WEIGHTS[day.month] * (EDGE_WEIGHT if edge else 1) for day, edge in zip(DAYS, IS_EDGE, strict=True)
    ]
    stay = _include(rng, scene, story, rng.choices(range(len(INSTANTS)), weights)[0])
    if rng.random() < ANNULLED_SHARE:
        _annul(rng, story, stay)
    elif rng.random() < EXIT_SHARE:
        _leave(rng, scene, story, stay)
    _care(rng, scene, story)
    return story


def _include(rng: Random, scene: Scene, story: Story, index: int) -> Stay:
    partner = busiest_first(rng, scene.partners_on(story.project, DAYS[index]))
    body = inclusion_body(rng, story.project, story.person.ssin, DAYS[index])
    who = provider(partner)
    if rng.random() < 0.25:
        who = admin(story.project)
        if rng.random() < 0.5:
            body["communicated_by"] = partner.nihii
    line = story.tell(Line(index, story.person.number, "i", who, "/v1/inclusions", body))
    stay = Stay(line, Interval(valid_from(DAYS[index])))
    story.busy.add(index)
    story.stays.append(stay)
    return stay


def _later(rng: Random, index: int, most: int) -> int | None:
    later = index + rng.randint(1, most)
    return later if later < len(INSTANTS) else None


def _annul(rng: Random, story: Story, stay: Stay) -> None:
    """Entered by mistake; entered again afterwards when only the agreement was wanting."""
    index = _later(rng, stay.inclusion.index, 8)
    if index is None:
        return
    reason = rng.choice(("wrong-person", "wrong-project", "no-agreement", "other"))
    path, who = "/v1/inclusions/{}/annulment", admin(story.project)
    story.tell(Line(index, story.person.number, "v", who, path, {"reason": reason}, 200, None, stay.inclusion))
    story.busy.add(index)
    story.stays.remove(stay)
    again = _later(rng, index, 10)
    if reason == "no-agreement" and again is not None:
        body = inclusion_body(rng, story.project, story.person.ssin, DAYS[again])
        line = story.tell(Line(again, story.person.number, "i", who, "/v1/inclusions", body))
        story.busy.add(again)
        story.stays.append(Stay(line, Interval(valid_from(DAYS[again]))))


def _leave(rng: Random, scene: Scene, story: Story, stay: Stay) -> None:
    """An exit, sometimes before the inclusion took effect (V4), sometimes followed by a new inclusion (V5)."""
    included = stay.inclusion.index
    index = _later(rng, included, 3 if rng.random() < 0.06 else max(1, len(INSTANTS) - included - 1))
    if index is None:
        return
    reason = rng.choices(list(REASONS), list(REASONS.values()))[0]
    body = {"reason": reason}
    if reason == "deceased" or rng.random() < 0.6:
        left_on = max(DAYS[included], DAYS[index] - timedelta(days=rng.randint(0, 12)))
        body["left_on"] = left_on.isoformat()
        if reason == "deceased":
            stay.last_performed_on = left_on
    partners = scene.partners_on(story.project, DAYS[index])
    who = provider(busiest_first(rng, partners)) if rng.random() < 0.6 else admin(story.project)
    path = "/v1/inclusions/{}/exit"
    stay.exit = story.tell(Line(index, story.person.number, "x", who, path, body, 200, None, stay.inclusion))
    story.busy.add(index)
    stay.interval = Interval(stay.interval.first, valid_until(DAYS[index]))
    again = _later(rng, index, 25)
    if reason != "deceased" and again is not None and rng.random() < RETURN_SHARE:
        _include(rng, scene, story, again)


def _care(rng: Random, scene: Scene, story: Story) -> None:
    """The actions of every month in which the person is validly included."""
    usual: dict[str, Partner] = {}
    done: set[tuple[str, str, date]] = set()
    favourite = _pick_code(rng, story.project, ASSIGNED[story.project])
    for stay in story.stays:
        last = min(stay.interval.last or LAST_DAY, stay.last_performed_on, LAST_DAY)
        month = first_of_month(stay.interval.first)
        while month <= last:
            days = weekdays(month, min(last, last_of_month(month)))
            for _ in range(_how_many(rng, story.person, month) if days else 0):
                code = favourite if rng.random() < 0.4 else _pick_code(rng, story.project, ASSIGNED[story.project])
                _act(rng, scene, story, code, rng.choice(days), usual, done)
            month = add_months(month, 1)


def _how_many(rng: Random, person: Person, month: date) -> int:
    likely = person.intensity * (VOLUNTARY_SHARE if month.year == 2021 else 1) / 3
    return sum(rng.random() < likely for _ in range(3))


def _pick_code(rng: Random, project: str, codes: Sequence[str]) -> str:
    return rng.choices(codes, [1 / (rank + 1.5) for rank in range(len(codes))])[0]


def _act(
    rng: Random,
    scene: Scene,
    story: Story,
    code: str,
    day: date,
    usual: dict[str, Partner],
    done: set[tuple[str, str, date]],
) -> None:
    """One action, if its pseudocode is valid that day and it can still be registered; a few are annulled later."""
    able = scene.partners_on(story.project, day, CODES[code].disciplines)
    index = _registered_at(rng, story, day)
    if day not in assigned_on(code, story.project) or not able or index is None:
        return
    performer = usual.get(code)
    if performer not in able or rng.random() < 0.35:
        performer = usual[code] = busiest_first(rng, able)
    assert performer is not None  # noqa: S101 - one of `able`
    if (code, performer.nihii, day) in done:
        return
    done.add((code, performer.nihii, day))
    line = _register(rng, story, code, day, performer, index)
    if rng.random() < TWICE_SHARE:
        twice = Line(index, line.person, "a", line.who, line.path, {**line.body, "occurrence": 2})
        story.actions.append(story.tell(twice))
    elif rng.random() < ANNULLED_ACTION_SHARE and (later := _later(rng, index, 12)) is not None:
        reason = rng.choice(("wrong-pseudocode", "wrong-day", "not-performed", "wrong-person"))
        who = line.who if DAYS[later] in performer.days else admin(story.project)
        path = "/v1/actions/{}/annulment"
        story.tell(Line(later, line.person, "v", who, path, {"reason": reason}, 200, None, line))
    else:
        story.actions.append(line)


def _register(rng: Random, story: Story, code: str, day: date, performer: Partner, index: int) -> Line:
    body = {"project": story.project, "ssin": story.person.ssin, "pseudocode": code, "performed_on": day.isoformat()}
    who = provider(performer)
    if rng.random() < 0.12 or DAYS[index] not in performer.days:
        who = admin(story.project)
        body["performed_by"] = performer.nihii
    return story.tell(Line(index, story.person.number, "a", who, "/v1/actions", body))


def _registered_at(rng: Random, story: Story, day: date) -> int | None:
    """When an action of a day is registered: soon, or for a few months later; never as the membership changes."""
    soonest = index_on_or_after(day)
    delay = rng.randint(28, 75) if rng.random() < LATE_SHARE else min(int(rng.expovariate(0.6)), 7)
    for start in (soonest + delay, soonest):
        for index in range(start, len(INSTANTS)):
            if index not in story.busy:
                return index
    return None
