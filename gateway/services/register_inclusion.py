"""Register an inclusion: from an identified submission to a pseudonymous fact, in one transaction."""

from __future__ import annotations

from gateway.domain.access import check_project
from gateway.domain.inclusion import Inclusion, check_may_include, check_may_move
from gateway.domain.periods import day_of
from gateway.domain.submissions import InclusionSubmission, instant_of
from gateway.services.context import Work
from gateway.services.find_inclusions import InclusionView
from gateway.services.where import where
from gateway.store.inclusions import KnownInclusion


def register_inclusion(work: Work, submission: InclusionSubmission) -> InclusionView:
    """Register the inclusion that a provider or the administrative responsible communicates, or did before.

    Shape: one that was communicated before, imported or in a batch that waited, may lie before others of that person
    by now, so it must not overlap them (V5).
    Source: V1, I1 to I7; C 5, 9.
    Raises: UnknownProject, ForeignProject, CommunicatedInFuture, then by I1, I7, I4, I5, V6, I3.
    """
    imported = submission.imported
    project = work.catalogue.project(submission.project)
    check_project(work.caller, "register_inclusion" if imported is None else "register_inclusion_imported", project.id)
    bucket, _, pseudonym = where(work, submission.ssin, project.id, to_add=True)
    work.about(project.id, bucket, pseudonym=pseudonym)
    sequence = work.tx.beneficiaries.lock_or_add(bucket, project.id, pseudonym)
    recorded_at = work.tx.stamp()
    communicated_at = instant_of(imported, work.handed_in_at or recorded_at)
    communicated_by = work.caller.provider or (submission.communicated_by and submission.communicated_by[:8])
    check_may_include(project, submission.agreement, communicated_by, day_of(communicated_at))
    inclusion = Inclusion(
        id=work.veil.identifiers.new(bucket),
        bucket=bucket,
        project=project.id,
        pseudonym=pseudonym,
        status="open",
        communicated_at=communicated_at,
        communicated_by=communicated_by,
        agreement=submission.agreement,
        municipality=submission.municipality,
        message_id=work.veil.identifiers.new(bucket),
        evidence=None if imported is None else imported.evidence,
    )
    if sequence > 1 and (imported is not None or work.handed_in_at is not None):
        known = work.tx.inclusions.of_person(bucket, project.id, pseudonym)
        check_may_move(inclusion, [one.inclusion for one in known], project)
    work.tx.inclusions.add(inclusion, recorded_at)
    work.about(project.id, bucket, inclusion.id, pseudonym=pseudonym)
    work.tx.vault.put(bucket, project.id, pseudonym, work.veil.sealer.seal(submission.ssin, project.id, pseudonym))
    dates = {"communicated_at": communicated_at, "valid_from": inclusion.valid_from}
    work.forward("inclusion", inclusion, sequence, {**dates, "agreed_on": submission.agreement.agreed_on})
    return InclusionView(KnownInclusion(inclusion, "pending"), project, work.receipt("inclusion", inclusion, dates))
