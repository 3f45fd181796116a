"""What an annulled exit leaves, and how a rejected inclusion is explained."""

from __future__ import annotations

from uuid import UUID

import pytest

from gateway.domain.errors import AlreadyIncluded
from gateway.domain.explanation import explain_inclusion
from gateway.domain.inclusion import exited, rejected, reopened
from tests.builders import a_project, an_exit, an_inclusion

OTHER = UUID(int=2)


@pytest.mark.parametrize(
    ("included", "left", "other"),
    [
        pytest.param("2022-01-15T09:30+01:00", "2022-05-16T10:00+02:00", "2022-06-20T09:30+02:00", id="later"),
        pytest.param("2022-01-15T09:30+01:00", "2022-01-16T10:00+01:00", "2022-01-17T09:30+01:00", id="same month"),
        pytest.param("2022-03-15T09:30+01:00", "2022-03-16T10:00+01:00", "2022-01-17T09:30+01:00", id="earlier"),
    ],
)
def test_an_exit_is_not_annulled_beside_another_open_inclusion(included: str, left: str, other: str) -> None:
    before = exited(an_inclusion(included), an_exit(left))

    with pytest.raises(AlreadyIncluded) as refused:
        reopened(before, [an_inclusion(other, id=OTHER)], a_project())

    assert refused.value.existing == OTHER


def test_an_inclusion_that_ended_before_does_not_keep_an_exit() -> None:
    ended = exited(an_inclusion("2022-01-15T09:30+01:00", id=OTHER), an_exit("2022-03-16T10:00+01:00"))
    after = exited(an_inclusion("2022-03-20T09:30+01:00"), an_exit("2022-05-16T10:00+02:00"))

    assert reopened(after, [ended], a_project()).status == "open"


def test_a_later_inclusion_that_was_valid_on_no_day_does_not_keep_an_exit() -> None:
    before = exited(an_inclusion("2022-01-15T09:30+01:00"), an_exit("2022-05-16T10:00+02:00"))
    empty = exited(an_inclusion("2022-06-20T09:30+02:00", id=OTHER), an_exit("2022-06-21T09:30+02:00"))

    assert reopened(before, [empty], a_project()).status == "open"


def test_a_rejected_inclusion_is_explained_by_the_insurer_s_answer() -> None:
    steps = explain_inclusion(rejected(an_inclusion(), "not-insured"), a_project())

    assert (steps[-1].rule, steps[-1].inputs, steps[-1].result) == ("I6", {"code": "not-insured"}, "rejected")
