"""V4 to V6 and V8 together: whatever becomes of one beneficiary's inclusions in one project, they never overlap."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import cast
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.domain import inclusion
from gateway.domain.errors import AlreadyAnnulled, AlreadyRejected, Refusal
from gateway.domain.inclusion import Inclusion, check_may_include, exited, inclusion_valid_on, validity
from gateway.domain.periods import Interval, day_of
from gateway.domain.project import Convention
from tests.builders import PROVIDER, a_project, an_agreement, an_exit, an_inclusion, day, instant
from tests.rules.tables import Refused, answer_to

MINUTES = st.integers(0, 40 * 24 * 60) | st.sampled_from([0, 1, 24 * 60, 31 * 24 * 60])


class Timeline(RuleBasedStateMachine):
    """Communications, exits, annulments, rejections and a termination, in any order that the rules let pass."""

    def __init__(self) -> None:
        super().__init__()
        self.now: datetime = instant("2021-08-31T21:30Z")
        self.project = a_project()
        self.inclusions: list[Inclusion] = []

    @rule(minutes=MINUTES)
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(minutes=MINUTES)
    def communicate(self, minutes: int) -> None:
        self.wait(minutes)
        if any(member.status == "open" for member in self.inclusions):
            return
        agreement = an_agreement(agreed_on=day("2021-08-01"))
        answer = answer_to(lambda: check_may_include(self.project, agreement, PROVIDER, day_of(self.now)))
        if isinstance(answer, Refused):
            assert answer.rule in ("I4", "I5", "V6")
        else:
            self.inclusions.append(an_inclusion(self.now.isoformat(), id=UUID(int=len(self.inclusions) + 1)))

    @precondition(lambda self: self.inclusions)
    @rule(minutes=MINUTES, back=st.integers(0, 9))
    def exit(self, minutes: int, back: int) -> None:
        self.wait(minutes)
        place = max(0, len(self.inclusions) - 1 - back // 3)
        try:
            self.inclusions[place] = exited(self.inclusions[place], an_exit(self.now.isoformat()))
        except Refusal:
            assert self.inclusions[place].status != "open"

    @precondition(lambda self: self.inclusions)
    @rule(before=MINUTES, between=MINUTES)
    def exit_and_return(self, before: int, between: int) -> None:
        self.exit(before, back=0)
        self.communicate(between)

    @precondition(lambda self: self.inclusions)
    @rule(choice=st.integers(0, 100))
    def annul(self, choice: int) -> None:
        place = choice % len(self.inclusions)
        try:
            self.inclusions[place] = inclusion.annulled(self.inclusions[place], "other")
        except (AlreadyAnnulled, AlreadyRejected):
            assert self.inclusions[place].status in ("annulled", "rejected")

    @precondition(lambda self: self.inclusions)
    @rule(choice=st.integers(0, 100))
    def reject(self, choice: int) -> None:
        place = choice % len(self.inclusions)
        if self.inclusions[place].status in ("open", "exited"):
            self.inclusions[place] = inclusion.rejected(self.inclusions[place], "not-insured")

    @precondition(lambda self: self.project.convention.last_day == day("2022-12-31"))
    @rule(month=st.integers(1, 11))
    def terminate(self, month: int) -> None:
        last_day = date(2022, month + 1, 1) - date.resolution
        self.project = a_project(convention=Convention(day("2021-09-01"), last_day))

    def intervals(self) -> list[tuple[Interval, Inclusion]]:
        """The intervals with at least one day, in order."""
        known = [(validity(member, self.project), member) for member in self.inclusions]
        held = [(interval, member) for interval, member in known if interval is not None and not interval.is_empty]
        return sorted(held, key=lambda pair: pair[0].first)

    @invariant()
    def intervals_never_overlap(self) -> None:
        for (earlier, _), (later, _) in pairwise(self.intervals()):
            assert cast(date, earlier.last) < later.first

    @invariant()
    def intervals_lie_within_the_convention(self) -> None:
        convention = self.project.convention
        for interval, _ in self.intervals():
            assert convention.effective_from < interval.first
            assert cast(date, interval.last) <= convention.last_day

    @invariant()
    def every_day_has_the_one_inclusion_that_holds_it(self) -> None:
        held = dict(self.intervals())
        edges = {edge for interval in held for edge in (interval.first, cast(date, interval.last))}
        for today in {day("2022-02-14")} | {edge + timedelta(days) for edge in edges for days in (-1, 0, 1)}:
            holding = [member for interval, member in held.items() if today in interval]
            if holding:
                assert [inclusion_valid_on(self.inclusions, self.project, today)] == holding
                continue
            answer = answer_to(partial(inclusion_valid_on, self.inclusions, self.project, today))
            assert isinstance(answer, Refused)
            assert answer.code == ("outside-validity" if held else "not-included")
            if held:
                assert Interval(cast(date, answer.allowed_from), answer.allowed_until) in held

    @invariant()
    def communications_never_move(self) -> None:
        assert all(member.communicated_at <= self.now for member in self.inclusions)
        assert sum(member.status == "open" for member in self.inclusions) <= 1


TestTimeline = Timeline.TestCase
TestTimeline.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
