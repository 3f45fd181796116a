"""Register an action, or annul one."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from gateway.domain.access import check_project
from gateway.domain.action import Action, annulled, check_may_record, inclusion_for
from gateway.domain.errors import NotIncluded
from gateway.domain.periods import day_of
from gateway.domain.submissions import ActionSubmission, instant_of
from gateway.services.context import MovedMeanwhile, Work
from gateway.services.find_actions import ActionView, get_action
from gateway.services.where import where
from gateway.store.actions import KnownAction


def register_action(work: Work, submission: ActionSubmission) -> ActionView:
    """Register an action that a partner performed for an included beneficiary.

    Source: P1 to P10; C 5 §3.
    Raises: UnknownProject, ForeignProject, CommunicatedInFuture, then by P4, P2, P5, P3, P9, P6.
    """
    catalogue, imported = work.catalogue, submission.imported
    project = catalogue.project(submission.project)
    check_project(work.caller, "register_action" if imported is None else "register_action_imported", project.id)
    bucket, _, pseudonym = where(work, submission.ssin, project.id)
    work.about(project.id, bucket, pseudonym=pseudonym)
    sequence = work.tx.beneficiaries.lock(bucket, project.id, pseudonym)
    recorded_at = work.tx.stamp()
    communicated_at = instant_of(imported, work.handed_in_at or recorded_at)
    today = day_of(communicated_at)
    performed_by = submission.performed_by[:8]
    own = work.caller.provider
    check_may_record(catalogue, project, submission.pseudocode, submission.performed_on, performed_by, today, own)
    if sequence is None:
        raise NotIncluded
    known = work.tx.inclusions.of_person(bucket, project.id, pseudonym)
    inclusion = inclusion_for([one.inclusion for one in known], project, submission.performed_on, today)
    action = Action(
        id=work.veil.identifiers.new(bucket),
        bucket=bucket,
        project=project.id,
        pseudonym=pseudonym,
        inclusion=inclusion.id,
        pseudocode=submission.pseudocode,
        performed_on=submission.performed_on,
        performed_by=performed_by,
        occurrence=submission.occurrence,
        communicated_at=communicated_at,
        message_id=work.veil.identifiers.new(bucket),
        evidence=None if imported is None else imported.evidence,
    )
    work.tx.actions.add(action, recorded_at)
    work.about(project.id, bucket, action.id, pseudonym=pseudonym)
    act = {
        "pseudocode": action.pseudocode,
        "performed_on": action.performed_on,
        "occurrence": action.occurrence,
    }
    content = {**act, "communicated_at": communicated_at, "performed_by": performed_by, "inclusion": inclusion.id}
    work.forward("action", action, sequence, content)
    return ActionView(
        KnownAction(action, "pending"), work.receipt("action", action, {"recorded_at": communicated_at, **act})
    )


def annul_action(work: Work, action_id: UUID, reason: str) -> ActionView:
    """Annul an action that was entered by mistake.

    Source: V8.
    Raises: NotFound, AlreadyAnnulled, AlreadyRejected.
    """
    person = get_action(work, action_id).known.action
    sequence = work.tx.beneficiaries.lock(person.bucket, person.project, person.pseudonym)
    locked = work.tx.actions.find(person.bucket, action_id)
    if sequence is None or locked is None or locked.action.pseudonym != person.pseudonym:
        raise MovedMeanwhile
    at = work.tx.stamp()
    message_id = work.veil.identifiers.new(person.bucket)
    action = work.tx.actions.supersede(replace(annulled(locked.action, reason), message_id=message_id), at, at)
    work.forward("action-annulment", action, sequence, {"reason": reason, "communicated_at": at})
    return ActionView(KnownAction(action, "pending"), work.receipt("action-annulment", action, {"recorded_at": at}))
