"""Explain the dates of an inclusion, or simulate those of a supposed one; by the functions that decide."""

from __future__ import annotations

from uuid import UUID

from gateway.domain import explanation
from gateway.domain.explanation import Simulation, Step, Supposition
from gateway.services.context import Work
from gateway.services.find_inclusions import get_inclusion


def explain_inclusion(work: Work, inclusion_id: UUID) -> list[Step]:
    """The steps that give every date an inclusion bears.

    Raises: NotFound when there is none, or it is not the caller's to know.
    """
    view = get_inclusion(work, inclusion_id)
    return explanation.explain_inclusion(view.known.inclusion, view.project)


def simulate(work: Work, supposed: Supposition) -> Simulation:
    """What the register would say; it is not looked at, and nothing is stored.

    Raises: the refusal that the register would give.
    """
    return explanation.simulate(supposed)
