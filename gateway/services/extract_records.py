"""The records of an extract: read from released cells, release by release, in an order that never changes.

Stage: anonymous. Nothing here reads the register.
Cost: memory for the records of one release; no transaction is open between two of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from gateway.domain.calendar import due_on
from gateway.domain.extract import KINDS, Choice, Closed, Ladder, Published, Record, is_within
from gateway.domain.ladder import LADDER, Recipient
from gateway.domain.lattice import INSURER, PROJECT, Measure, Period, PeriodKind, periods_between
from gateway.domain.project import Catalogue, closes_on
from gateway.extracts.report import Chosen, Entry
from gateway.services.close_period import with_days
from gateway.services.context import Context
from gateway.store.releases import Release

Step = Callable[[float], None]
"""Told how far the reading is, from 0 to 1, before each release."""


@dataclass(slots=True)
class Source:
    """What an extract is made of: the releases as they were known when it was begun.

    Shape: `closed` are all releases of actions in their order; `selected` the ids of those whose records are given;
    `held` the ids that the owner then holds, with those of the extract that it goes on from; `chosen` grows with the
    reading.
    """

    context: Context
    recipient: Recipient
    insurer: str | None
    first_month: str
    last_month: str
    transaction_time: datetime
    catalogue: Catalogue
    closed: list[Closed]
    entries: dict[str, Entry]
    selected: frozenset[str]
    held: tuple[str, ...]
    replaces: tuple[str, ...]
    chosen: list[Chosen] = field(default_factory=list)

    def records(self, step: Step) -> Iterator[Record]:
        """The records, release by release."""
        ladder = Ladder(self.recipient, self.insurer)
        reading = self._to_read()
        for done, closed in enumerate(reading):
            step(done / len(reading))
            choices, records = ladder.climb(closed, self._cells(closed))
            if closed.id in self.selected:
                counts = Counter(record.project for record in records)
                self.chosen += [Chosen(closed, one, counts[one.project], self._later(closed, one)) for one in choices]
                yield from records

    def waiting(self) -> list[tuple[PeriodKind, str, date]]:
        """The periods of the range that are not released, with the first day on which they can be."""
        released = {(one.period.kind, one.period.label) for one in self.closed}
        open_ones = [
            period
            for period in self._periods()
            if (period.kind, period.label) not in released and is_within(period, self.first_month, self.last_month)
        ]
        return [(period.kind, period.label, self._due_on(period)) for period in open_ones]

    def _to_read(self) -> list[Closed]:
        """What is selected, and what the choices of its years and conventions hang on."""
        hangs = any(one.period.kind is not PeriodKind.QUARTER for one in self.closed if one.id in self.selected)
        return [one for one in self.closed if hangs or one.id in self.selected]

    def _cells(self, closed: Closed) -> list[Published]:
        """The cells of a release that the ladder asks for, with their own value beside the general one."""
        period, insurer = closed.period.kind.value, "%" if self.insurer is None else self.insurer
        wanted = {tuple(sorted((*names, period))) for names in self._wanted(closed.period.kind)}
        given = {period: closed.period.label, INSURER: insurer}
        likes = ["|".join(f"{name}={given.get(name, '%')}" for name in names) for names in sorted(wanted)]
        found: list[Published] = []
        figures: list[int]
        with self.context.store.reading() as tx, tx.as_reader() as reader:
            for name, *figures in reader.general(closed.id, likes):
                parts = name.replace("=", "|").split("|")
                if tuple(parts[::2]) in wanted:  # "%" also stands for what has more dimensions
                    dims = dict(zip(parts[::2], parts[1::2], strict=True))
                    del dims[period]
                    found.append(Published(dims, *figures))
        return [one for one in found if one.dims.get(INSURER) == self.insurer]

    def _wanted(self, kind: PeriodKind) -> set[frozenset[str]]:
        parent = {PROJECT, INSURER} if self.recipient is Recipient.INSURER else {PROJECT}
        return {frozenset(parent), *(frozenset(rung.dims(self.recipient)) for rung in LADDER if rung.period is kind)}

    def _later(self, closed: Closed, choice: Choice) -> tuple[PeriodKind, str, date] | None:
        """The longer period that can show more of a project, unless this extract has it."""
        period = closed.period
        if period.kind is PeriodKind.QUARTER:
            longer = Period.of(PeriodKind.YEAR, period.first)
        elif period.kind is PeriodKind.YEAR and choice.project in self.catalogue.projects:
            longer = with_days(self.catalogue, Period(PeriodKind.CONVENTION, choice.project))
            if longer.last < period.first or period.last < longer.first:
                return None
        else:
            return None
        if any(one.period == longer for one in self.closed if one.id in self.selected):
            return None
        return longer.kind, longer.label, self._due_on(longer)

    def _periods(self) -> Iterator[Period]:
        """Every quarter, year and convention of which the catalogue knows."""
        projects = [project.id for project in self.catalogue.projects.values()]
        conventions = [with_days(self.catalogue, Period(PeriodKind.CONVENTION, one)) for one in sorted(projects)]
        if conventions:
            first, last = min(one.first for one in conventions), max(one.last for one in conventions)
            for kind in (PeriodKind.QUARTER, PeriodKind.YEAR):
                yield from periods_between(kind, Period.of(kind, first).label, Period.of(kind, last).label)
        yield from conventions

    def _due_on(self, period: Period) -> date:
        is_convention = period.kind is PeriodKind.CONVENTION
        closes = closes_on(self.catalogue.project(period.label)) if is_convention else None
        return due_on(period, Measure.ACTIONS, closes_on=closes)


def source_of(context: Context, request: Mapping[str, str], insurer: str | None, held: frozenset[str]) -> Source:
    """What an extract is to be made of, as the releases are now.

    Shape: `held` are the releases of the extract that it goes on from; empty for a full one. Of a period that was
    revised the latest revision counts.
    """
    with context.store.reading() as tx:
        catalogue, transaction_time = tx.catalogue.current(), tx.legal_now()
        with tx.as_reader() as reader:
            releases = reader.list()
    entries = _entries(catalogue, releases)
    closed = sorted((entry.closed for entry in entries.values()), key=lambda one: one.order)
    first, last = request["from"], request["to"]
    in_range = [one for one in closed if is_within(one.period, first, last)]
    newest = {one.period: one.id for one in sorted(in_range, key=lambda one: one.revision)}
    selected = frozenset(newest.values()) - held
    return Source(
        context,
        Recipient(request["kind"]),
        insurer,
        first,
        last,
        transaction_time,
        catalogue,
        closed,
        {name: entry for name, entry in entries.items() if name in selected},
        selected,
        tuple(sorted(held | selected)),
        tuple(one.id for one in in_range if one.id in held and newest[one.period] in selected),
    )


def _entries(catalogue: Catalogue, releases: list[Release]) -> dict[str, Entry]:
    """Every release of actions that extracts look at, with what all releases up to it spent."""
    cumulated, found = 0.0, {}
    for one in releases:
        cumulated += one.rho
        kind = PeriodKind(one.kind)
        if one.measure == Measure.ACTIONS and kind in KINDS:
            period = with_days(catalogue, Period(kind, one.period))
            at = one.released_at.isoformat().replace("+00:00", "Z")
            closed = Closed(one.id, period, one.revision, at, tuple(one.declared))
            found[one.id] = Entry(closed, one.rho, cumulated)
    return found
