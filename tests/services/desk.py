"""The desk in front of the verbs: asks for them through the frame, as every door does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from gateway.domain.access import Caller, Role
from gateway.domain.identity import Ssin
from gateway.domain.submissions import ActionSubmission, Beneficiary, InclusionSubmission
from gateway.services.change_inclusion import annul_inclusion, register_exit
from gateway.services.context import Call, Context, Work
from gateway.services.find_actions import ActionView
from gateway.services.find_inclusions import InclusionView
from gateway.services.perform import perform
from gateway.services.register_action import annul_action, register_action
from gateway.services.register_inclusion import register_inclusion
from gateway.store.idempotency import KeptAnswer, Key
from gateway.store.tables import audit_entry
from tests.builders import PROJECT, PROVIDER, PSEUDOCODE, a_caller, an_agreement, day, instant
from tests.conftest import LegalClock
from tests.store.rows import counts, rows

P = ParamSpec("P")
Result = TypeVar("Result")
PARTNER = a_caller(Role.PROVIDER)
ADMIN = a_caller(Role.PROJECT_ADMIN)
REGISTRAR = a_caller(Role.REGISTRAR)


def an_inclusion_submission(number: int = 0, **changes: Any) -> InclusionSubmission:
    return replace(InclusionSubmission(PROJECT, ssin(number), an_agreement()), **changes)


def an_action_submission(number: int = 0, **changes: Any) -> ActionSubmission:
    submission = ActionSubmission(PROJECT, ssin(number), PSEUDOCODE, day("2022-02-14"), f"{PROVIDER}001")
    return replace(submission, **changes)


def a_beneficiary(number: int = 0, project: str = PROJECT) -> Beneficiary:
    return Beneficiary(project, ssin(number))


def ssin(number: int = 0) -> Ssin:
    """One person for every number."""
    return Ssin(f"{85073003328 + number:011d}")


@dataclass
class Desk:
    """Asks for verbs at an instant of the legal clock."""

    context: Context
    clock: LegalClock
    database_url: str

    def at(self, now: str | datetime) -> Desk:
        """The same desk, later."""
        self.clock.now = (instant(now) if isinstance(now, str) else now).astimezone(UTC)
        return self

    def ask(
        self, caller: Caller, verb: Callable[Concatenate[Work, P], Result], *args: P.args, **kwargs: P.kwargs
    ) -> Result:
        """What a verb gives a caller."""
        return self.call(Call(caller, _name(verb), "request-1"), verb, *args, **kwargs)

    def call(
        self, call: Call, verb: Callable[Concatenate[Work, P], Result], *args: P.args, **kwargs: P.kwargs
    ) -> Result:
        """What a verb gives for a call; an answer given again has no result."""
        results: list[Result] = []

        def dump(result: Result) -> KeptAnswer:
            results.append(result)
            return KeptAnswer(200, {}, b"")

        perform(self.context, call, lambda work: verb(work, *args, **kwargs), dump)
        return results[0]

    def include(self, number: int = 0, caller: Caller = PARTNER, **changes: Any) -> InclusionView:
        return self.ask(caller, register_inclusion, an_inclusion_submission(number, **changes))

    def act(self, number: int = 0, caller: Caller = PARTNER, **changes: Any) -> ActionView:
        return self.ask(caller, register_action, an_action_submission(number, **changes))

    def exit(self, inclusion_id: UUID, caller: Caller = PARTNER, left_on: date | None = None) -> InclusionView:
        return self.ask(caller, register_exit, inclusion_id, "moved", left_on)

    def annul(self, inclusion_id: UUID, caller: Caller = PARTNER) -> InclusionView:
        return self.ask(caller, annul_inclusion, inclusion_id, "wrong-person")

    def annul_action(self, action_id: UUID, caller: Caller = PARTNER) -> ActionView:
        return self.ask(caller, annul_action, action_id, "wrong-person")

    def counts(self) -> dict[str, int]:
        """How many rows each table has."""
        return counts(self.database_url)

    def outcomes(self) -> list[tuple[str, str]]:
        """Verb and outcome of every audit entry, in order of time."""
        entries = rows(self.database_url, audit_entry, "at", "id")
        return [(one["verb"], one["outcome"]) for one in entries]

    def key(self, text: str = "key-1", caller: Caller = PARTNER, payload: bytes = b"{}") -> Key:
        """An idempotency key as a door makes it."""
        fingerprints = self.context.veil.fingerprints
        return Key(fingerprints.key(caller, "POST /v1/inclusions", text), fingerprints.request("/v1/x", payload))


def _name(verb: Callable[..., Any]) -> str:
    return str(verb.func.__name__ if isinstance(verb, partial) else verb.__name__)
