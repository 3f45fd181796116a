"""`python -m bench.attack`: every attack on a large synthetic register, its utility, and what the closes cost.

Writes `bench/ATTACKS.md` and `bench/utility.svg`. The gateway is served on 127.0.0.1 and asked over real HTTP. All
registers are synthetic and come from the seeds that are printed.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import resource
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import structlog

from gateway.domain.lattice import PeriodKind
from tests.attacks import utility
from tests.attacks.mechanisms import REUSED, ROUNDED, THRESHOLD, ours
from tests.attacks.register import Register, Size, a_register, a_small_project, skewed_sizes
from tests.attacks.score import as_table, pooled
from tests.attacks.stage import (
    Omniscient,
    Run,
    accuracy_at,
    omniscient_on_facts,
    omniscient_on_people,
    omniscient_table,
    run,
    run_small_project,
)
from tests.attacks.world import Closing

HOME = Path(__file__).parent
LARGE_SEED, SMALL_SEED, FACT_SEEDS = 21, 11, (5, 6, 7)
LARGE_ACTIVITY = 1.68
"""With which 30 000 people have half a million actions in a year."""
FACT_SIZE = Size((150, 250, 400))
FACTORS = [Fraction(number, 4) for number in (1, 2, 3, 4, 6, 8, 12)]
KINDS = (PeriodKind.MONTH, PeriodKind.QUARTER, PeriodKind.YEAR)
NOT_GUARANTEED = """\
## What is not guaranteed

The mechanism is calibrated like a well-known formal notion and is **not** an instance of it: the floors, and the second
draw of the general values, depend on the data. The unit that is protected is **one fact**, not a person: whoever knows
everybody else's data can tell from a year of figures whether one person's actions are among them (the table of the
omniscient attacker says how surely). A group of which nine in ten have an action is published as such, and that tells
something of each member. Two facts of one person add up, as do the conventions that come one after the other. Attacks
that nobody thought of are not in the table; a limit that holds is no proof, it is a measurement with its confidence
bound on synthetic registers."""


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    options = _options()
    begun = time.perf_counter()
    large = a_register(
        Size(skewed_sizes(options.projects, options.people, LARGE_SEED), activity=LARGE_ACTIVITY), LARGE_SEED
    )
    print(f"{_described(large)}: closing, downloading, attacking ...", flush=True)
    of_ours = run(large, ours(LARGE_SEED), served=True)
    print(as_table(pooled(of_ours.tallies), "ours"), flush=True)
    weak_register = large if options.weak_on_large else a_register(Size(options.weak_people), LARGE_SEED)
    weak = []
    for planted in (THRESHOLD, ROUNDED, REUSED):
        weak.append((planted.name, run(weak_register, planted, ["outsider"], KINDS, served=True)))
        print(as_table(pooled(weak[-1][1].tallies), planted.name), flush=True)
    facts = _omniscient(options.facts)
    print(omniscient_table(facts), flush=True)
    small = run_small_project(SMALL_SEED, served=True)
    draw_curve(HOME / "utility.svg", options.facts)
    text = _report(large, of_ours, weak_register, weak, facts, small, time.perf_counter() - begun)
    (HOME / "ATTACKS.md").write_text(text, encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--projects", type=int, default=20)
    parser.add_argument("--people", type=int, default=30_000)
    parser.add_argument("--facts", type=int, default=130, help="per seed, for the omniscient attacker")
    parser.add_argument("--weak-people", type=int, nargs="+", default=[250, 300, 350, 400, 450, 550, 700])
    parser.add_argument("--weak-on-large", action="store_true", help="plant the weak mechanisms on the large register")
    return parser.parse_args()


def _omniscient(count: int) -> list[Omniscient]:
    """Facts over several small registers, people over one."""
    found = [one for seed in FACT_SEEDS for one in omniscient_on_facts(a_register(FACT_SIZE, seed), count, seed)]
    return [*found, *omniscient_on_people(a_register(FACT_SIZE, FACT_SEEDS[0]), 20, FACT_SEEDS[0])]


def draw_curve(path: Path, count: int) -> None:
    """The privacy/utility curve over sigma, of the small project."""
    register = a_small_project(SMALL_SEED)
    points = [utility.simulated_error(register, factor, SMALL_SEED) for factor in FACTORS]
    rates = [accuracy_at(register, factor, count // 3, SMALL_SEED) for factor in FACTORS]
    mpl.rcParams.update({"svg.hashsalt": "attacks", "svg.fonttype": "none"})
    figure, errors = plt.subplots(figsize=(7, 4))
    scale = [float(factor) for factor in FACTORS]
    errors.plot(scale, [100 * error for error, _ in points], "o-", color="tab:blue", label="median error of actions, %")
    errors.plot(scale, [100 * lost for _, lost in points], "s--", color="tab:cyan", label="volume protected, %")
    errors.set_xlabel("factor on every sigma (1 = in force)")
    errors.set_ylabel("per cent, own coordinator, months and quarters")
    errors.set_ylim(bottom=0)
    privacy = errors.twinx()
    privacy.plot(scale, rates, "^-", color="tab:red", label="omniscient coalition, one fact: median accuracy")
    privacy.set_ylabel("accuracy (0.5 = a coin)")
    privacy.set_ylim(0.5, 1.0)
    errors.axvline(1.0, color="grey", linewidth=0.8)
    lines = [*errors.get_lines()[:2], *privacy.get_lines()]
    errors.legend(lines, [line.get_label() for line in lines], loc="upper center", fontsize=8)
    errors.set_title("Privacy against utility: a small project, 400 beneficiaries", fontsize=10)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _described(register: Register) -> str:
    people, actions = len(register.people["first"]), int(register.facts["rows"].sum())
    return f"{len(register.projects)} projects, {people:,} beneficiaries, {actions:,} actions in 12 months"


def _report(
    large: Register,
    of_ours: Run,
    weak_register: Register,
    weak: Sequence[tuple[str, Run]],
    facts: Sequence[Omniscient],
    small: Sequence[utility.Utility],
    seconds: float,
) -> str:
    return "\n\n".join(
        [
            "# Attacks and utility, measured",
            "Written by `make attack` (`python -m bench.attack`). Every register is synthetic: nobody's real data. "
            f"The large one has {_described(large)} (seed {LARGE_SEED}); the weak mechanisms are planted on one of "
            f"{_described(weak_register)}. The attacker knows the truth of half of the people and asks over HTTP; "
            "*without the interface* is the same attacker who asks nothing. *Bound* is the lower 95 % bound of the "
            "success (Clopper and Pearson); an attack holds while it is not above the limit, which is the success "
            f"without the interface and 0.10. The run took {seconds / 60:.0f} minutes on {platform.machine()}, "
            f"{os.cpu_count()} cores, Python {platform.python_version()}.",
            "## Attacks",
            as_table(pooled(of_ours.tallies), "ours, large register"),
            *(as_table(pooled(one.tallies), f"planted: {name}") for name, one in weak),
            "## The omniscient attacker",
            f"Knows everybody's data but one fact (or one person), and every sigma. Facts of small projects "
            f"{FACT_SIZE.people}, seeds {FACT_SEEDS}, one row per seed; a third are people's only facts. To hold, "
            "for the coalition and one fact: median at most 0.72, worst at most 0.86. A person is reported, "
            "not bounded.",
            omniscient_table(facts),
            "## What to expect: a large register and a small project",
            "Shares of the cells that are not empty and of their actions; errors of published actions, relative. "
            "*General* is what outsiders see, *own* what a project's coordinator sees. The small project has 400 "
            f"beneficiaries, 25 providers, 12 pseudocodes, one action per person and month, steady "
            f"(seed {SMALL_SEED}).",
            utility.beside(of_ours.utility, small, "large register", "small project"),
            "![Privacy against utility](utility.svg)",
            NOT_GUARANTEED,
            "## What the closes cost",
            _closings(of_ours.closings),
            f"{of_ours.asked:,} questions over HTTP in all. Peak memory of the whole run, the register's truth and "
            f"the attacker included: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024:,} MiB.\n",
        ]
    )


def _closings(closings: Sequence[Closing]) -> str:
    """Per kind of period: how many closes, and the slowest."""
    kinds: dict[str, list[Closing]] = {}
    for one in closings:
        kinds.setdefault(one.period.split()[0], []).append(one)
    lines = ["| what | closes | slowest, s | all, s | published cells | peak memory so far, MiB |"]
    lines.append("|---|---:|---:|---:|---:|---:|")
    for name, found in kinds.items():
        slowest, total = max(one.seconds for one in found), sum(one.seconds for one in found)
        cells, peak = sum(one.cells for one in found), max(one.peak_mib for one in found)
        lines.append(f"| {name} | {len(found)} | {slowest:.1f} | {total:.1f} | {cells:,} | {peak:,} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
