"""Who may do what, as one truth table written by hand; whatever it does not name is refused."""

from __future__ import annotations

import pytest

from gateway.domain.access import ACCESS, PUBLISHED, Caller, Role, Scope, check_project, check_role, projects_of
from gateway.domain.errors import ForeignProject, RoleNotAllowed
from tests.builders import PROJECT, PROVIDER, a_caller, a_catalogue, a_project, an_ssin, days

OTHER_PROJECT = "demo-sud"
NOBODY: dict[str, str] = {}
PARTNER_OR_ADMIN = {"provider": "partner", "project_admin": "own_project"}
PERFORMER_OR_ADMIN = {"provider": "own_actions", "project_admin": "own_project"}
REGISTRAR = {"registrar": "any"}
WHO_SENT_IT = {"provider": "own_batches", "project_admin": "own_batches", "registrar": "own_batches"}
WHO_ASKED_FOR_IT = {"insurer": "own_extracts", "policy_maker": "own_extracts"}
ANYONE = {
    "provider": "any",
    "project_admin": "any",
    "coordinator": "any",
    "insurer": "any",
    "policy_maker": "any",
    "registrar": "any",
    "auditor": "any",
}

WRITTEN_BY_HAND = {
    "register_inclusion": PARTNER_OR_ADMIN,
    "get_inclusion": PARTNER_OR_ADMIN,
    "list_inclusions": {"project_admin": "own_project"},
    "find_inclusions": PARTNER_OR_ADMIN,
    "register_exit": PARTNER_OR_ADMIN,
    "annul_inclusion": PARTNER_OR_ADMIN,
    "annul_exit": PARTNER_OR_ADMIN,
    "correct_inclusion": PARTNER_OR_ADMIN,
    "change_identity": {"project_admin": "own_project"},
    "explain_inclusion": PARTNER_OR_ADMIN,
    "simulate": ANYONE,
    "register_action": PARTNER_OR_ADMIN,
    "get_action": PERFORMER_OR_ADMIN,
    "list_actions": PERFORMER_OR_ADMIN,
    "annul_action": PERFORMER_OR_ADMIN,
    "register_batch": WHO_SENT_IT,
    "get_batch": WHO_SENT_IT,
    "get_batch_results": WHO_SENT_IT,
    "cancel_batch": WHO_SENT_IT,
    "register_inclusion_imported": REGISTRAR,
    "register_exit_imported": REGISTRAR,
    "register_action_imported": REGISTRAR,
    "list_projects": ANYONE,
    "get_project": ANYONE,
    "list_pseudocodes": ANYONE,
    "register_project": REGISTRAR,
    "replace_project": REGISTRAR,
    "register_pseudocode": REGISTRAR,
    "assign_pseudocode": REGISTRAR,
    "register_partner": {"registrar": "any", "project_admin": "own_project"},
    "get_aggregates": {"coordinator": "own_project", "insurer": "own_insurer", "policy_maker": "any"},
    "show_progress": {"coordinator": "own_project", "policy_maker": "any"},
    "show_forecast": {"coordinator": "own_project", "policy_maker": "any"},
    "register_extract": WHO_ASKED_FOR_IT,
    "get_extract": WHO_ASKED_FOR_IT,
    "get_extract_file": WHO_ASKED_FOR_IT,
    "cancel_extract": WHO_ASKED_FOR_IT,
    "show_reconciliation": {"project_admin": "own_project", "auditor": "any"},
    "show_operations": {"project_admin": "own_project"},
    "show_month_end": {"project_admin": "own_project"},
    "show_months_lost": {"project_admin": "own_project"},
    "list_deliveries": {"project_admin": "own_project", "auditor": "any"},
    "list_audit": {"auditor": "any"},
    "register_webhook": {"project_admin": "own_project"},
    "list_webhooks": {"project_admin": "own_project", "auditor": "any"},
    "list_webhook_events": {"project_admin": "own_project", "auditor": "any"},
    "remove_webhook": {"project_admin": "own_project"},
    "list_releases": {"coordinator": "own_project", "policy_maker": "any"},
}

EVERY_VERB = [*WRITTEN_BY_HAND, "", "delete_inclusion", "Register_inclusion", "register_inclusion "]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("verb", EVERY_VERB)
def test_role_has_the_right_written_by_hand_and_no_other(verb: str, role: Role) -> None:
    caller = a_caller(role)
    expected = WRITTEN_BY_HAND.get(verb, NOBODY).get(role.value)

    if expected is None:
        with pytest.raises(RoleNotAllowed):
            check_role(caller, verb)
    else:
        assert check_role(caller, verb) == Scope(expected)


def test_table_names_no_verb_that_was_not_written_by_hand() -> None:
    named = set(ACCESS)

    written = set(WRITTEN_BY_HAND)

    assert named == written


def test_verbs_that_read_what_is_published_name_no_person() -> None:
    published = set(PUBLISHED)

    identified = {verb for verb in WRITTEN_BY_HAND if verb.endswith(("inclusion", "inclusions", "action", "actions"))}

    assert published <= set(WRITTEN_BY_HAND)
    assert not published & identified


@pytest.mark.parametrize("verb", EVERY_VERB)
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("project", [PROJECT, "demo-sud", None])
def test_own_project_means_the_one_in_the_token(verb: str, role: Role, project: str | None) -> None:
    caller = a_caller(role)
    scope = WRITTEN_BY_HAND.get(verb, NOBODY).get(role.value)

    if scope is None:
        with pytest.raises(RoleNotAllowed):
            check_project(caller, verb, project)
    elif scope == "own_project" and project != PROJECT:
        with pytest.raises(ForeignProject):
            check_project(caller, verb, project)
    else:
        check_project(caller, verb, project)


@pytest.mark.parametrize(
    ("role", "claims", "organisation"),
    [
        (Role.PROVIDER, {"nihii": "10000106001"}, PROVIDER),
        (Role.PROJECT_ADMIN, {}, PROJECT),
        (Role.COORDINATOR, {}, PROJECT),
        (Role.INSURER, {}, "100"),
        (Role.POLICY_MAKER, {}, "policy_maker"),
        (Role.REGISTRAR, {}, "registrar"),
        (Role.AUDITOR, {}, "auditor"),
    ],
    ids=str,
)
def test_audit_names_the_organisation_of_a_caller(role: Role, claims: dict[str, str], organisation: str) -> None:
    caller = a_caller(role, **claims)

    named = caller.organisation

    assert named == organisation


def test_provider_is_named_by_eight_digits_whatever_the_qualification() -> None:
    callers = [a_caller(nihii=nihii) for nihii in (PROVIDER, f"{PROVIDER}001", f"{PROVIDER}999")]

    named = {caller.provider for caller in callers}

    assert named == {PROVIDER}


def test_caller_who_is_no_provider_has_no_provider_number() -> None:
    caller = a_caller(Role.AUDITOR)

    provider = caller.provider

    assert provider is None


def test_identity_prints_no_digit_and_equals_only_itself() -> None:
    ssin, other = an_ssin(), an_ssin("85473003317")

    printed = f"{ssin} {ssin!r} {[ssin]}"

    assert not any(character.isdigit() for character in printed)
    assert ssin.reveal() == "85073003328"
    assert {ssin, an_ssin()} == {ssin}
    assert ssin != other
    assert ssin != "85073003328"


def test_caller_sees_the_projects_of_their_role() -> None:
    other = a_project(id=OTHER_PROJECT, partners={PROVIDER: (days("2021-09-01 .. 2021-09-30"),)})
    catalogue = a_catalogue(a_project(), other, a_project(id="demo-est", partners={}))
    callers: dict[Caller, list[str] | None] = {
        a_caller(Role.PROVIDER): [PROJECT, OTHER_PROJECT],
        a_caller(Role.PROVIDER, nihii="99999999001"): [],
        a_caller(Role.PROJECT_ADMIN): [PROJECT],
        a_caller(Role.PROJECT_ADMIN, project=None): [],
        a_caller(Role.REGISTRAR): None,
        a_caller(Role.AUDITOR): None,
        a_caller(Role.COORDINATOR): [],
        a_caller(Role.INSURER): [],
        a_caller(Role.POLICY_MAKER): [],
    }

    assert {caller: projects_of(caller, catalogue) for caller in callers} == callers
