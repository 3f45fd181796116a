"""Attacks that take published cells off each other: margins, subsets, roll-ups, nesting, components, flows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.domain.lattice import (
    AGE_BAND,
    AGE_GROUP,
    COMPONENT,
    INSURER,
    MUNICIPALITY,
    PROJECT,
    PSEUDOCODE,
    SEX,
    Measure,
    PeriodKind,
)
from tests.attacks import truth
from tests.attacks.inference import Figure, Knowledge, Target, Term, actions, attack_counts
from tests.attacks.register import COMPONENTS_OF, PSEUDOCODES
from tests.attacks.score import Tally
from tests.attacks.truth import Values
from tests.attacks.view import Name, View

MONTH, QUARTER, YEAR, CONVENTION = PeriodKind
CODE = (PROJECT, PSEUDOCODE)


def marginal(view: View, known: Knowledge) -> Tally:
    """A small group is what is left of its cell when the other groups are taken off."""
    names = [
        actions(kind, *CODE, trait)
        for kind, traits in (
            (MONTH, (SEX, AGE_BAND, INSURER)),
            (QUARTER, (SEX, AGE_BAND, INSURER)),
            (YEAR, (SEX, AGE_BAND, INSURER, MUNICIPALITY)),
        )
        for trait in traits
    ]
    targets = [target for name in names for target in _children(known, name, [name[2][-1]])]
    return attack_counts("marginal differencing", view, known, targets)


def subset(view: View, known: Knowledge) -> Tally:
    """The same with two traits: two equations for one group, one along each."""
    pairs = ((INSURER, SEX), (AGE_BAND, SEX), (INSURER, AGE_BAND))
    names = [
        actions(kind, *CODE, *sorted(pair, key=(INSURER, AGE_BAND, SEX).index))
        for kind in (QUARTER, YEAR)
        for pair in pairs
    ]
    targets = [target for name in names for target in _children(known, name, name[2][2:])]
    return attack_counts("subset differencing", view, known, targets)


def roll_up(view: View, known: Knowledge) -> Tally:
    """One project is all projects less the others, one pseudocode all pseudocodes less the others."""
    names = [actions(kind, *CODE, *trait) for kind in (MONTH, QUARTER, YEAR) for trait in ((), (SEX,), (AGE_BAND,))]
    targets = [target for name in names for target in _children(known, name, [PROJECT])]
    targets += [target for name in names for target in _children(known, name, [PSEUDOCODE], "actions")]
    return attack_counts("roll-up differencing", view, known, targets)


def second_extract(view: View, known: Knowledge) -> Tally:
    """A group of one insurer is the policy makers' record less the other insurers' records."""
    names = [actions(kind, *CODE, INSURER, SEX, AGE_GROUP) for kind in (QUARTER, YEAR)]
    targets = [target for name in names for target in _children(known, name, [INSURER])]
    return attack_counts("extract against a second extract", view, known, targets)


def extract_and_aggregates(view: View, known: Knowledge) -> Tally:
    """A group of an extract is the aggregate of its traits less the extract's other groups."""
    names = [actions(kind, *CODE, INSURER, SEX, AGE_GROUP) for kind in (QUARTER, YEAR)]
    names += [actions(kind, *CODE, SEX, AGE_GROUP) for kind in (QUARTER, YEAR)]
    targets = [target for name in names for target in _children(known, name, [AGE_GROUP, SEX])]
    return attack_counts("extract against aggregates", view, known, targets)


def _children(
    known: Knowledge, name: Name, dropped: Sequence[str], figure: Figure = "beneficiaries"
) -> Iterator[Target]:
    """Every cell of a node: the cell without one dimension, less the siblings along it."""
    measure, kind, dims = name
    cells = known.whole(name)
    places = [dims.index(one) + 1 for one in dropped]
    families: dict[tuple[int, Values], list[Values]] = {}
    for key in cells:
        for place in places:
            families.setdefault((place, _without(key, place)), []).append(key)
    for key in cells:
        equations = []
        for place in places:
            parent = _without(key, place)
            wider = (measure, kind, tuple(one for number, one in enumerate(dims, 1) if number != place))
            others = [one for one in families[(place, parent)] if one != key]
            equations.append((Term(wider, parent), *(Term(name, one, -1) for one in others)))
        yield Target(name, key, tuple(equations), figure)


def _without(key: Values, place: int) -> Values:
    return key[:place] + key[place + 1 :]


def nesting(view: View, known: Knowledge) -> Tally:
    """A month is its quarter less the other months, a quarter its year less the others: actions add up."""
    targets = []
    for trait in ((), (SEX,), (AGE_BAND,), (INSURER,)):
        targets += list(_nested(known, (*CODE, *trait), MONTH, QUARTER, 3))
        targets += list(_nested(known, (*CODE, *trait), QUARTER, YEAR, 4))
    return attack_counts("nesting of month, quarter and year", view, known, targets)


def _nested(
    known: Knowledge, dims: tuple[str, ...], kind: PeriodKind, longer: PeriodKind, per: int
) -> Iterator[Target]:
    name, wider = actions(kind, *dims), actions(longer, *dims)
    first = 1 if kind is MONTH else 0
    labels = [truth.label(kind, number) for number in range(first, first + (12 if kind is MONTH else 4))]
    for key in known.whole(name):
        number = labels.index(key[0])
        others = [one for place, one in enumerate(labels) if place // per == number // per and place != number]
        around = truth.label(longer, number // per)
        terms = [Term(wider, (around, *key[1:]))]
        terms += [Term(name, (one, *key[1:]), -1) for one in others if known.exists(kind, one)]
        yield Target(name, key, (tuple(terms),), "actions")


def components(view: View, known: Knowledge) -> Tally:
    """A pseudocode is a component less the component's other pseudocodes: actions add up."""
    targets = []
    for kind in (QUARTER, YEAR, CONVENTION):
        name, wider = actions(kind, *CODE), actions(kind, PROJECT, COMPONENT)
        for key in known.whole(name):
            label, project, code = key
            for part in truth.of_component(code):
                others = [
                    one for one, parts in zip(PSEUDOCODES, COMPONENTS_OF, strict=True) if part in parts and one != code
                ]
                taken = [Term(name, (label, project, one), -1) for one in others]
                if others:
                    equation = (Term(wider, (label, project, str(part))), *taken)
                    targets.append(Target(name, key, (equation,), "actions"))
    return attack_counts("components against codes", view, known, targets, range(1, 60))


def inclusion_flows(view: View, known: Knowledge) -> Tally:
    """Who joined in a month is who is included later less who was before, with those who left, less the others."""
    targets = []
    for trait in ((), (SEX,), (AGE_BAND,), (INSURER,)):
        dims = (PROJECT, *trait)
        for month in range(2, known.register.size.months + 1):
            quarter = (month - 2) // 3
            inside = range(3 * quarter + 2, 3 * quarter + 5)
            if inside[-1] <= known.register.size.months:
                targets += list(_flows(known, dims, quarter, inside, month))
    return attack_counts("inclusion measures against each other", view, known, targets)


def _flows(known: Knowledge, dims: tuple[str, ...], quarter: int, inside: range, month: int) -> Iterator[Target]:
    included, left = (Measure.INCLUDED, QUARTER, dims), (Measure.LEFT, MONTH, dims)
    joined = (Measure.JOINED, MONTH, dims)
    for key in known.whole(joined):
        if key[0] == truth.label(MONTH, month):
            values = key[1:]
            terms = [Term(included, (truth.label(QUARTER, quarter + 1), *values))]
            terms.append(Term(included, (truth.label(QUARTER, quarter), *values), -1))
            terms += [Term(left, (truth.label(MONTH, one), *values)) for one in inside]
            terms += [Term(joined, (truth.label(MONTH, one), *values), -1) for one in inside if one != month]
            yield Target(joined, key, (tuple(terms),))
