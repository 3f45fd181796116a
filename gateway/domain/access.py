"""Who may do what: one table of verb by role, denying whatever it does not name.

Source: CONTRACT 3; C 5 §3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from gateway.domain.errors import ForeignProject, RoleNotAllowed
from gateway.domain.project import Catalogue


class Role(StrEnum):
    """In which capacity a caller asks; a token names exactly one, and roles do not inherit."""

    PROVIDER = "provider"
    PROJECT_ADMIN = "project_admin"
    COORDINATOR = "coordinator"
    INSURER = "insurer"
    POLICY_MAKER = "policy_maker"
    REGISTRAR = "registrar"
    AUDITOR = "auditor"


class Scope(StrEnum):
    """How far a right reaches."""

    ANY = "any"
    OWN_PROJECT = "own_project"
    PARTNER = "partner"
    OWN_ACTIONS = "own_actions"
    OWN_INSURER = "own_insurer"
    OWN_BATCHES = "own_batches"
    OWN_EXTRACTS = "own_extracts"


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated party in one role.

    Shape: `nihii` for providers, `project` for administrative responsibles and coordinators, `insurer` for insurers.
    """

    issuer: str
    subject: str
    role: Role
    nihii: str | None = None
    project: str | None = None
    insurer: str | None = None

    @property
    def provider(self) -> str | None:
        """The eight digits that name the provider."""
        return None if self.nihii is None else self.nihii[:8]

    @property
    def organisation(self) -> str:
        """For whom the caller asks, as the audit names it."""
        return self.provider or self.project or self.insurer or self.role.value


_PARTNER_OR_ADMIN = {Role.PROVIDER: Scope.PARTNER, Role.PROJECT_ADMIN: Scope.OWN_PROJECT}
_PERFORMER_OR_ADMIN = {Role.PROVIDER: Scope.OWN_ACTIONS, Role.PROJECT_ADMIN: Scope.OWN_PROJECT}
_ANYONE = dict.fromkeys(Role, Scope.ANY)
_REGISTRAR = {Role.REGISTRAR: Scope.ANY}
_WHO_SENT_IT = dict.fromkeys((Role.PROVIDER, Role.PROJECT_ADMIN, Role.REGISTRAR), Scope.OWN_BATCHES)
_WHO_ASKED_FOR_IT = {Role.INSURER: Scope.OWN_EXTRACTS, Role.POLICY_MAKER: Scope.OWN_EXTRACTS}

ACCESS: Mapping[str, Mapping[Role, Scope]] = MappingProxyType(
    {
        "register_inclusion": _PARTNER_OR_ADMIN,
        "get_inclusion": _PARTNER_OR_ADMIN,
        "list_inclusions": {Role.PROJECT_ADMIN: Scope.OWN_PROJECT},
        "find_inclusions": _PARTNER_OR_ADMIN,
        "register_exit": _PARTNER_OR_ADMIN,
        "correct_inclusion": _PARTNER_OR_ADMIN,
        "annul_inclusion": _PARTNER_OR_ADMIN,
        "annul_exit": _PARTNER_OR_ADMIN,
        "change_identity": {Role.PROJECT_ADMIN: Scope.OWN_PROJECT},
        "explain_inclusion": _PARTNER_OR_ADMIN,
        "simulate": _ANYONE,
        "register_action": _PARTNER_OR_ADMIN,
        "get_action": _PERFORMER_OR_ADMIN,
        "list_actions": _PERFORMER_OR_ADMIN,
        "annul_action": _PERFORMER_OR_ADMIN,
        "register_batch": _WHO_SENT_IT,
        "get_batch": _WHO_SENT_IT,
        "get_batch_results": _WHO_SENT_IT,
        "cancel_batch": _WHO_SENT_IT,
        "register_inclusion_imported": _REGISTRAR,
        "register_exit_imported": _REGISTRAR,
        "register_action_imported": _REGISTRAR,
        "list_projects": _ANYONE,
        "get_project": _ANYONE,
        "list_pseudocodes": _ANYONE,
        "register_project": _REGISTRAR,
        "replace_project": _REGISTRAR,
        "register_pseudocode": _REGISTRAR,
        "assign_pseudocode": _REGISTRAR,
        "register_partner": {Role.REGISTRAR: Scope.ANY, Role.PROJECT_ADMIN: Scope.OWN_PROJECT},
        "get_aggregates": {
            Role.COORDINATOR: Scope.OWN_PROJECT,
            Role.INSURER: Scope.OWN_INSURER,
            Role.POLICY_MAKER: Scope.ANY,
        },
        "show_progress": {Role.COORDINATOR: Scope.OWN_PROJECT, Role.POLICY_MAKER: Scope.ANY},
        "show_forecast": {Role.COORDINATOR: Scope.OWN_PROJECT, Role.POLICY_MAKER: Scope.ANY},
        "register_extract": _WHO_ASKED_FOR_IT,
        "get_extract": _WHO_ASKED_FOR_IT,
        "get_extract_file": _WHO_ASKED_FOR_IT,
        "cancel_extract": _WHO_ASKED_FOR_IT,
        "show_reconciliation": {Role.PROJECT_ADMIN: Scope.OWN_PROJECT, Role.AUDITOR: Scope.ANY},
        "show_operations": {Role.PROJECT_ADMIN: Scope.OWN_PROJECT},
        "show_month_end": {Role.PROJECT_ADMIN: Scope.OWN_PROJECT},
        "show_months_lost": {Role.PROJECT_ADMIN: Scope.OWN_PROJECT},
        "list_deliveries": {Role.PROJECT_ADMIN: Scope.OWN_PROJECT, Role.AUDITOR: Scope.ANY},
        "list_audit": {Role.AUDITOR: Scope.ANY},
        "register_webhook": {Role.PROJECT_ADMIN: Scope.OWN_PROJECT},
        "list_webhooks": {Role.PROJECT_ADMIN: Scope.OWN_PROJECT, Role.AUDITOR: Scope.ANY},
        "list_webhook_events": {Role.PROJECT_ADMIN: Scope.OWN_PROJECT, Role.AUDITOR: Scope.ANY},
        "remove_webhook": {Role.PROJECT_ADMIN: Scope.OWN_PROJECT},
        "list_releases": {Role.COORDINATOR: Scope.OWN_PROJECT, Role.POLICY_MAKER: Scope.ANY},
    }
)


def check_role(caller: Caller, verb: str) -> Scope:
    """How far the caller's right to a verb reaches.

    Raises: RoleNotAllowed when the table gives none.
    """
    scope = ACCESS.get(verb, {}).get(caller.role)
    if scope is None:
        raise RoleNotAllowed
    return scope


def check_project(caller: Caller, verb: str, project: str | None) -> None:
    """Refuse an administrative responsible or coordinator outside their own project.

    Shape: project None stands for all projects.
    Not: whether a provider is a partner that day, which is rule I4 or P5.
    Raises: RoleNotAllowed, ForeignProject.
    """
    if check_role(caller, verb) is Scope.OWN_PROJECT and (project is None or caller.project != project):
        raise ForeignProject


def projects_of(caller: Caller, catalogue: Catalogue) -> list[str] | None:
    """The projects of which a caller may ever be shown something of the register; None for every one.

    Shape: a provider's are those of which they are or were a partner; whoever sees figures alone has none.
    """
    match caller.role:
        case Role.REGISTRAR | Role.AUDITOR:
            return None
        case Role.PROVIDER:
            return [one.id for one in catalogue.projects.values() if caller.provider in one.partners]
        case Role.PROJECT_ADMIN:
            return [] if caller.project is None else [caller.project]
        case _:
            return []


PUBLISHED = frozenset(
    {
        "list_projects",
        "get_project",
        "list_pseudocodes",
        "simulate",
        "get_aggregates",
        "show_progress",
        "list_releases",
        "get_batch",
    }
)
"""The verbs that read nothing of the register: what is published or anonymous, or how far the caller's own batch is.
They go to the request log, not to the audit."""

RELEASED = frozenset({"get_aggregates", "list_releases"})
"""Those of them that read releases, and the catalogue that they are named by: a replica may answer them."""
