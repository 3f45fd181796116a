"""Register an exit that names its inclusion, or the beneficiary whose inclusion it ends: a line of a batch."""

from __future__ import annotations

from uuid import UUID

from gateway.domain.access import check_project
from gateway.domain.errors import NotFound
from gateway.domain.periods import day_of
from gateway.domain.project import check_partner
from gateway.domain.submissions import Beneficiary, ExitSubmission, instant_of
from gateway.services.change_inclusion import register_exit
from gateway.services.context import Work
from gateway.services.find_inclusions import InclusionView
from gateway.services.where import where


def register_named_exit(work: Work, submission: ExitSubmission) -> InclusionView:
    """Register an exit, now or imported.

    Shape: of a beneficiary, the open inclusion; without one, the newest that is neither annulled nor rejected.
    Raises: UnknownProject, ForeignProject, NotAPartner, NotFound, then as `register_exit`.
    """
    if submission.imported is not None:
        _check_import(work, submission)
    if submission.beneficiary is not None:
        right = "register_exit" if submission.imported is None else "register_exit_imported"
        inclusion_id = _inclusion_of(work, submission.beneficiary, right)
    elif submission.inclusion is not None:
        inclusion_id = submission.inclusion
    else:
        raise AssertionError("an exit names its inclusion or its beneficiary")
    return register_exit(work, inclusion_id, submission.reason, submission.left_on, submission.imported)


def _check_import(work: Work, submission: ExitSubmission) -> None:
    """Refuse an import for another project than the inclusion's, or for who was no partner of it then."""
    project = work.catalogue.project(submission.project or "")
    now = work.handed_in_at or work.tx.legal_now()
    provider = (submission.communicated_by or "")[:8]
    check_partner(project, provider, day_of(instant_of(submission.imported, now)))
    if submission.inclusion is not None:
        known = work.find(work.tx.inclusions.find, submission.inclusion)
        if known is None or known.inclusion.project != project.id:
            raise NotFound


def _inclusion_of(work: Work, beneficiary: Beneficiary, right: str) -> UUID:
    project = work.catalogue.project(beneficiary.project)
    check_project(work.caller, right, project.id)
    if work.caller.provider is not None:
        check_partner(project, work.caller.provider, work.today)
    bucket, _, pseudonym = where(work, beneficiary.ssin, project.id)
    work.about(project.id, bucket, pseudonym=pseudonym)
    known = [one.inclusion for one in work.tx.inclusions.of_person(bucket, project.id, pseudonym)]
    living = [one for one in known if one.status in ("open", "exited")]
    if not living:
        raise NotFound
    return next((one for one in living if one.status == "open"), living[0]).id
