"""Register an inclusion: from an identified submission to a pseudonymous fact, in one transaction."""

from __future__ import annotations

from gateway.domain.access import check_project
from gateway.domain.inclusion import Inclusion, check_may_include
from gateway.domain.periods import day_of
from gateway.domain.submissions import InclusionSubmission
from gateway.services.context import Work
from gateway.services.find_inclusions import InclusionView
from gateway.store.inclusions import KnownInclusion


def register_inclusion(work: Work, submission: InclusionSubmission) -> InclusionView:
    """Register the inclusion that a provider or the administrative responsible communicates.

    Source: V1, I1 to I7; C 5, 9.
    Raises: UnknownProject, ForeignProject, then by I1, I7, I4, I5, V6, I3.
    """
    project = work.catalogue.project(submission.project)
    check_project(work.caller, "register_inclusion", project.id)
    pseudonym = work.veil.pseudonymiser.pseudonymise(submission.ssin, project.id)
    bucket = work.veil.pseudonymiser.bucket(pseudonym)
    work.about(project.id, bucket)
    sequence = work.tx.beneficiaries.lock_or_add(bucket, project.id, pseudonym)
    communicated_at = work.tx.stamp()
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
    )
    work.tx.inclusions.add(inclusion)
    work.about(project.id, bucket, inclusion.id)
    work.tx.vault.put(bucket, project.id, pseudonym, work.veil.sealer.seal(submission.ssin, project.id, pseudonym))
    dates = {"communicated_at": communicated_at, "valid_from": inclusion.valid_from}
    work.forward("inclusion", inclusion, sequence, {**dates, "agreed_on": submission.agreement.agreed_on})
    return InclusionView(KnownInclusion(inclusion, "pending"), project, work.receipt("inclusion", inclusion, dates))
