"""The lines of the synthetic sample that must be refused: three or four mistakes of each kind, as people make them.

Each stays a refusal whenever it is sent again, so that a replay that was cut off can begin anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import count
from random import Random
from typing import Any

from gateway.sandbox.generator_calendar import DAYS, INSTANTS, LAST_DAY, index_on_or_after
from gateway.sandbox.generator_catalogue import ASSIGNED, Partner, Scene
from gateway.sandbox.generator_people import Person, mistyped
from gateway.sandbox.generator_pseudocodes import CODES
from gateway.sandbox.generator_stories import Line, Story, admin, busiest_first, inclusion_body, provider

TIMES = 3
STRANGERS = 4 * TIMES
"""How many people of the sample are meant for mistakes only: they are never included."""


class Mistakes:
    """Makes the mistakes, each about somebody else."""

    def __init__(self, rng: Random, scene: Scene, told: Sequence[Story], strangers: Sequence[Person]) -> None:
        self._rng = rng
        self._scene = scene
        self._plain = self._shuffled([one for one in told if one.is_plain and _is_early(one)])
        self._gone = self._shuffled([one for one in told if len(one.stays) == 1 and _is_gone(one)])
        self._cared = self._shuffled([one for one in told if one.is_plain and _has_early_action(one)])
        self._strangers = iter(strangers)
        self._projects = count()

    def lines(self) -> Iterator[Line]:
        """All of the mistakes."""
        for _ in range(TIMES):
            yield self._already_included(next(self._plain))
            yield self._not_informed()
            yield self._agreement_in_future()
            yield self._already_exited(next(self._gone))
            yield self._foreign_partner()
            yield self._invalid_ssin()
            yield self._before_validity(next(self._plain))
            yield self._not_included()
            yield self._unknown_pseudocode(next(self._plain))
            yield self._foreign_pseudocode(next(self._plain))
            yield self._duplicate(next(self._cared))
            yield self._performed_in_future(next(self._plain))
        yield self._after_validity(next(self._gone))
        yield self._for_another_performer(next(self._plain))

    def _shuffled(self, told: list[Story]) -> Iterator[Story]:
        return iter(self._rng.sample(told, len(told)))

    def _project(self) -> str:
        names = list(ASSIGNED)
        return names[next(self._projects) % len(names)]

    def _index(self, after: int = 0) -> int:
        return self._rng.randrange(after + 1, len(INSTANTS))

    def _refused(self, line: Line, status: int, code: str) -> Line:
        return replace(line, kind="r", status=status, code=code)

    def _inclusion(self, project: str, ssin: str, person: int, index: int) -> Line:
        partner = busiest_first(self._rng, self._scene.partners_on(project, DAYS[index]))
        body = inclusion_body(self._rng, project, ssin, DAYS[index])
        return Line(index, person, "r", provider(partner), "/v1/inclusions", body)

    def _action(self, project: str, person: Person, index: int, day: date, code: str | None = None) -> Line:
        performer = self._performer(project, day, code or ASSIGNED[project][0])
        body = {"project": project, "ssin": person.ssin, "pseudocode": code or ASSIGNED[project][0]}
        body["performed_on"] = day.isoformat()
        return Line(index, person.number, "r", provider(performer), "/v1/actions", body)

    def _performer(self, project: str, day: date, code: str) -> Partner:
        disciplines = CODES[code].disciplines if code in CODES else ("nurse",)
        able = [one for one in self._scene.partners_on(project, day, disciplines) if one.days.last is None]
        return busiest_first(self._rng, able)

    def _valid_action(self, story: Story, code: str | None = None) -> Line:
        """An action on the day of a late registration, within the validity of an open inclusion."""
        index = self._index(index_on_or_after(story.stays[0].interval.first))
        return self._action(story.project, story.person, index, DAYS[index], code)

    def _already_included(self, story: Story) -> Line:
        index = self._index(story.stays[0].inclusion.index)
        line = self._inclusion(story.project, story.person.ssin, story.person.number, index)
        return self._refused(line, 409, "already-included")

    def _agreement(self, **facts: Any) -> Line:
        person = next(self._strangers)
        line = self._inclusion(self._project(), person.ssin, person.number, self._index())
        line.body["agreement"].update(facts)
        return line

    def _not_informed(self) -> Line:
        return self._refused(self._agreement(informed=False), 422, "not-informed")

    def _agreement_in_future(self) -> Line:
        line = self._agreement()
        next_year = DAYS[line.index] + timedelta(days=365)
        line.body["agreement"]["agreed_on"] = next_year.isoformat()
        return self._refused(line, 422, "agreement-in-future")

    def _already_exited(self, story: Story) -> Line:
        leaving = story.stays[0].exit
        assert leaving is not None  # noqa: S101 - only those who are gone are asked for
        return self._refused(
            replace(leaving, index=self._index(leaving.index), who=admin(story.project)), 409, "already-exited"
        )

    def _foreign_partner(self) -> Line:
        """A provider of another project."""
        line = self._agreement()
        here = {one.nihii for one in self._scene.by_project[line.body["project"]]}
        others = [one for one in self._scene.partners if one.nihii not in here]
        return self._refused(replace(line, who=provider(self._rng.choice(others))), 403, "not-a-partner")

    def _for_another_performer(self, story: Story) -> Line:
        """A provider who registers what a colleague did."""
        line = self._valid_action(story)
        colleagues = [one.nihii for one in self._scene.by_project[story.project] if one.nihii != line.who["nihii"]]
        line.body["performed_by"] = self._rng.choice(colleagues)
        return self._refused(line, 403, "not-a-partner")

    def _invalid_ssin(self) -> Line:
        story = next(self._plain)
        ssin = mistyped(self._rng, story.person.ssin)
        line = self._inclusion(self._project(), ssin, story.person.number, self._index())
        return self._refused(line, 400, "invalid-ssin")

    def _before_validity(self, story: Story) -> Line:
        """An action before the first of the month after the inclusion (V1)."""
        stay = story.stays[0]
        index = self._index(index_on_or_after(stay.interval.first))
        day = stay.interval.first - timedelta(days=self._rng.randint(1, 10))
        return self._refused(self._action(story.project, story.person, index, day), 422, "outside-validity")

    def _after_validity(self, story: Story) -> Line:
        """An action after the last day of the month of the exit (V2)."""
        last = story.stays[0].interval.last
        assert last is not None  # noqa: S101 - only those who are gone are asked for
        index = index_on_or_after(last + timedelta(days=3))
        day = last + timedelta(days=1)
        return self._refused(self._action(story.project, story.person, index, day), 422, "outside-validity")

    def _not_included(self) -> Line:
        index = self._index()
        line = self._action(self._project(), next(self._strangers), index, DAYS[index])
        return self._refused(line, 422, "not-included")

    def _unknown_pseudocode(self, story: Story) -> Line:
        mistake = self._rng.choice(("794011", "749010", "794045", "794067"))
        return self._refused(self._valid_action(story, mistake), 422, "unknown-pseudocode")

    def _foreign_pseudocode(self, story: Story) -> Line:
        foreign = [code for code in CODES if code not in ASSIGNED[story.project]]
        line = self._valid_action(story, self._rng.choice(foreign))
        return self._refused(line, 422, "pseudocode-not-of-project")

    def _duplicate(self, story: Story) -> Line:
        first = next(line for line in story.actions if line.index < len(INSTANTS) // 2)
        return self._refused(replace(first, index=self._index(first.index)), 409, "duplicate-action")

    def _performed_in_future(self, story: Story) -> Line:
        """The year mistyped."""
        line = self._valid_action(story)
        line.body["performed_on"] = (DAYS[line.index] + timedelta(days=365)).isoformat()
        return self._refused(line, 422, "performed-in-future")


def _is_early(story: Story) -> bool:
    return story.stays[0].inclusion.index < len(INSTANTS) // 2


def _is_gone(story: Story) -> bool:
    stay = story.stays[0]
    last = stay.interval.last
    return (
        last is not None
        and not stay.interval.is_empty
        and len(story.busy) == 2
        and last < LAST_DAY - timedelta(days=40)
    )


def _has_early_action(story: Story) -> bool:
    return any(line.index < len(INSTANTS) // 2 for line in story.actions)
