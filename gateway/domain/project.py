"""Projects, their conventions, partners and pseudocodes, and the rules that hang on them alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from gateway.domain.errors import (
    AlreadyExists,
    ConventionNotInForce,
    NotAPartner,
    OutsideConvention,
    ProjectLevelPseudocode,
    PseudocodeNotOfProject,
    PseudocodeNotValidThen,
    RegistrationClosed,
    TooManyProjects,
    UnknownProject,
    UnknownPseudocode,
    ZoneTaken,
)
from gateway.domain.periods import Interval, last_of_month

Level = Literal["population", "project"]
NEAREST_COUNT = 5
MOST_CONVENTIONS = 20
VOLUNTARY_BEFORE = date(2022, 1, 1)


@dataclass(frozen=True, slots=True)
class Convention:
    """The days on which a project's convention with INAMI is in force, both inclusive."""

    effective_from: date
    last_day: date

    @property
    def interval(self) -> Interval:
        """The same days as an interval."""
        return Interval(self.effective_from, self.last_day)


@dataclass(frozen=True, slots=True)
class Pseudocode:
    """Six digits that INAMI assigned to one action; `cap` bounds what one person adds to a figure in a month."""

    code: str
    level: Level
    components: tuple[int, ...] = ()
    cap: int = 2


@dataclass(frozen=True, slots=True)
class Project:
    """A pilot project as the rules see it.

    Shape: `partners` maps the first eight digits of a NIHII number to the provider's periods of partnership, in order
    and never overlapping; `assignments` maps a pseudocode to the days on which it is valid in the project; `zone` maps
    the NIS code of a municipality to its population. `started_on` is the first day of the first convention, None when
    that is the present one.
    """

    id: str
    convention: Convention
    registration_closes_on: date | None = None
    partners: Mapping[str, tuple[Interval, ...]] = field(default_factory=dict)
    assignments: Mapping[str, Interval] = field(default_factory=dict)
    zone: Mapping[str, int] = field(default_factory=dict)
    started_on: date | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All projects and pseudocodes as of one version of the catalogue."""

    version: int
    projects: Mapping[str, Project]
    pseudocodes: Mapping[str, Pseudocode]

    def project(self, project_id: str) -> Project:
        """The project with an id.

        Raises: UnknownProject.
        """
        try:
            return self.projects[project_id]
        except KeyError:
            raise UnknownProject from None


def closes_on(project: Project) -> date:
    """Last day on which an action may still be registered.

    >>> closes_on(Project("demo", Convention(date(2021, 9, 1), date(2022, 12, 31))))
    datetime.date(2023, 2, 28)

    Source: P9, C 12 §2.
    """
    if project.registration_closes_on is not None:
        return project.registration_closes_on
    return last_of_month(date(project.convention.last_day.year + 1, 2, 1))


def check_partner(project: Project, provider: str, day: date, refusal: type[NotAPartner] = NotAPartner) -> None:
    """Refuse a provider who is no partner of the project on a day; the refusal names the nearest period.

    Source: I4, P5; C 5 §3, 4.
    Raises: NotAPartner, or the subclass given.
    """
    if is_partner(project, provider, day):
        return
    periods = project.partners.get(provider, ())
    if not periods:
        raise refusal
    partnership = min(periods, key=lambda period: period.distance_to(day))
    raise refusal(allowed_from=partnership.first, allowed_until=partnership.last)


def is_partner(project: Project, provider: str, day: date) -> bool:
    """Whether a provider is a partner of the project on a day.

    >>> winter = Interval(date(2021, 11, 1), date(2022, 2, 28))
    >>> demo = Project("demo", Convention(date(2021, 9, 1), date(2022, 12, 31)), partners={"10000106": (winter,)})
    >>> is_partner(demo, "10000106", date(2022, 2, 28)), is_partner(demo, "10000106", date(2022, 3, 1))
    (True, False)
    """
    return any(day in period for period in project.partners.get(provider, ()))


def check_partnership(project: Project, provider: str, admitted: Interval) -> None:
    """Refuse a period of partnership that overlaps another one of the same provider.

    Shape: a period with the same first day is the one to be replaced.
    Source: C 4.
    Raises: AlreadyExists.
    """
    periods = project.partners.get(provider, ())
    if any(period.first != admitted.first and period.overlaps(admitted) for period in periods):
        raise AlreadyExists


def check_room(catalogue: Catalogue, project_id: str, convention: Convention) -> None:
    """Refuse a convention with which more than twenty would be in force on one day.

    Source: C1, D 2.
    Raises: TooManyProjects.
    """
    days = convention.interval
    others = [one.convention.interval for one in catalogue.projects.values() if one.id != project_id]
    beginnings = [days.first, *(other.first for other in others if other.first in days)]
    if any(sum(day in other for other in others) >= MOST_CONVENTIONS for day in beginnings):
        raise TooManyProjects


def check_zone(catalogue: Catalogue, project_id: str, zone: Iterable[str]) -> None:
    """Refuse a zone with a municipality of another project's zone.

    Source: C2, D 8 §1, 3°.
    Raises: ZoneTaken, naming the first one.
    """
    taken = {nis for other in catalogue.projects.values() if other.id != project_id for nis in other.zone}
    for nis in sorted(zone):
        if nis in taken:
            raise ZoneTaken(nis)


def check_convention_in_force(project: Project, communicated_on: date) -> None:
    """Refuse an inclusion communicated on a day without convention.

    Source: I5, C 1, 16.
    Raises: ConventionNotInForce.
    """
    if communicated_on not in project.convention.interval:
        raise ConventionNotInForce(project.convention.effective_from, project.convention.last_day)


def check_within_convention(project: Project, performed_on: date) -> None:
    """Refuse an action performed on a day without convention.

    Source: P4, C 1, 16 §1.
    Raises: OutsideConvention.
    """
    if performed_on not in project.convention.interval:
        raise OutsideConvention(project.convention.effective_from, project.convention.last_day)


def check_pseudocode(catalogue: Catalogue, project: Project, code: str, performed_on: date) -> None:
    """Refuse a pseudocode that is not the project's, or not on that day, or not for beneficiaries.

    Source: P2, P7; C 5 §3.
    Raises: UnknownPseudocode, PseudocodeNotOfProject, ProjectLevelPseudocode, PseudocodeNotValidThen.
    """
    pseudocode = catalogue.pseudocodes.get(code)
    if pseudocode is None:
        raise UnknownPseudocode(nearest(code, registrable(catalogue, project)))
    if code not in project.assignments:
        raise PseudocodeNotOfProject
    if pseudocode.level != "population":
        raise ProjectLevelPseudocode
    validity = project.assignments[code]
    if performed_on not in validity:
        raise PseudocodeNotValidThen(validity.first, validity.last)


def check_registration_open(project: Project, registered_on: date) -> None:
    """Refuse an action registered after the project's closing day.

    Source: P9, C 12 §2.
    Raises: RegistrationClosed.
    """
    if registered_on > closes_on(project):
        raise RegistrationClosed(closes_on(project))


def registrable(catalogue: Catalogue, project: Project) -> list[str]:
    """The project's pseudocodes under which actions towards beneficiaries are registered, on some day.

    Source: P7.
    """
    return [code for code in project.assignments if catalogue.pseudocodes[code].level == "population"]


def nearest(code: str, codes: Iterable[str]) -> list[str]:
    """The codes most like a code: fewest differing digits first, then in order.

    >>> nearest("794011", ["794010", "123456", "794021"])
    ['794010', '794021', '123456']
    """
    return sorted(codes, key=lambda known: (sum(a != b for a, b in zip(known, code, strict=True)), known))[
        :NEAREST_COUNT
    ]


def is_voluntary(performed_on: date) -> bool:
    """Whether communicating the pseudocode was still voluntary on a day.

    >>> is_voluntary(date(2021, 12, 31)), is_voluntary(date(2022, 1, 1))
    (True, False)

    Source: P10, C 5 §3.
    """
    return performed_on < VOLUNTARY_BEFORE
