"""What a register of so many people needs, computed from what was measured: writes `docs/capacity.md`.

`python -m bench.capacity` reads `bench/flat.json`, `bench/close.json` and `bench/RESULTS.md`; each of those benches
calls it when it has measured anew, and a test compares the page with what it computes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log
from pathlib import Path

HERE = Path(__file__).parent
TARGET = HERE.parent / "docs" / "capacity.md"
PEOPLE = {
    "the law's ceiling": 300_000,
    "every inhabitant of Belgium": 11_700_000,
    "ten times Belgium": 117_000_000,
}
ACTIONS_A_MONTH = 26
"""Of each person, as in `bench/close.py`: 8 million in a month are those of the law's ceiling."""
PEAK, FILLED = 10, 0.5
"""How many times the average the busiest hour sees, and how much of a core is then used."""
GATEWAY_CORES, SERVER_CORES = 2, 16
YEAR_SECONDS = 365.25 * 86_400
OF_A_PERSON = ("beneficiary", "vault", "inclusion", "outbox", "audit_entry")
OF_AN_ACTION = ("action", "outbox", "audit_entry")
_CPU = re.compile(r"^\| gateway on PostgreSQL, 16 \|(?:[^|]*\|){4} (\d+) \| (\d+) \|", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Close:
    """A close that was measured."""

    actions: float
    cpu_seconds: float
    memory_mib: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What the benches found.

    Shape: `bytes` of a row of each table with its indexes; microseconds of CPU of a registration; closes by size.
    """

    bytes: Mapping[str, float]
    gateway_us: float
    server_us: float
    closes: Sequence[Close]


@dataclass(frozen=True, slots=True)
class Need:
    """What a register of so many people needs."""

    people: int
    found: Measured

    @property
    def actions_a_month(self) -> int:
        """How many actions are registered in a month.

        >>> Need(300_000, Measured({}, 0, 0, [])).actions_a_month
        7800000
        """
        return self.people * ACTIONS_A_MONTH

    @property
    def rows_a_year(self) -> int:
        """Rows that a first year adds to tables from which nothing is removed."""
        return self.people * len(OF_A_PERSON) + 12 * self.actions_a_month * len(OF_AN_ACTION)

    @property
    def busiest(self) -> float:
        """Registrations a second in the busiest hour."""
        return PEAK * (self.people + 12 * self.actions_a_month) / YEAR_SECONDS

    def gateways(self) -> int:
        """How many gateways of two cores serve that."""
        return ceil(self.busiest * self.found.gateway_us / 1e6 / (GATEWAY_CORES * FILLED))

    def servers(self) -> int:
        """How many machines of sixteen cores take the writes, standbys not counted."""
        return ceil(self.busiest * self.found.server_us / 1e6 / (SERVER_CORES * FILLED))

    def disk(self, years: int) -> float:
        """Bytes after so many years, on each copy of the register."""
        once = sum(self.found.bytes[one] for one in OF_A_PERSON)
        each = sum(self.found.bytes[one] for one in OF_AN_ACTION)
        return self.people * (once + years * 12 * ACTIONS_A_MONTH * each)

    def close(self) -> Close:
        """A month's close, grown from the largest that was measured as that grew from the one before."""
        before, last = self.found.closes[-2:]
        times = self.actions_a_month / last.actions

        def grown(one: float, other: float) -> float:
            exponent = log(other / one) / log(last.actions / before.actions)
            return float(other * times**exponent)

        cpu_seconds = grown(before.cpu_seconds, last.cpu_seconds)
        return Close(self.actions_a_month, cpu_seconds, grown(before.memory_mib, last.memory_mib))


def measured() -> Measured:
    """What the benches keep."""
    flat = json.loads((HERE / "flat.json").read_text(encoding="utf-8"))
    closes = json.loads((HERE / "close.json").read_text(encoding="utf-8"))["closes"]
    cpu = _CPU.search((HERE / "RESULTS.md").read_text(encoding="utf-8"))
    if cpu is None:
        raise LookupError("bench/RESULTS.md lacks the gateway on PostgreSQL with 16 connections")
    return Measured(
        flat["bytes"],
        float(cpu[1]),
        float(cpu[2]),
        [Close(one["actions"], one["cpu"], one["memory"]) for one in closes],
    )


def page(found: Measured) -> str:
    """The page."""
    needs = [Need(people, found) for people in PEOPLE.values()]
    heads = [f"{name}: {people:,}" for name, people in PEOPLE.items()]
    lines: list[tuple[str, Callable[[Need], str]]] = [
        ("actions a month", lambda need: f"{need.actions_a_month:,}"),
        ("rows added in a first year", lambda need: f"{need.rows_a_year:,}"),
        ("registrations a second, the year round", lambda need: f"{need.busiest / PEAK:,.1f}"),
        ("registrations a second, busiest hour", lambda need: f"{need.busiest:,.0f}"),
        (f"gateways of {GATEWAY_CORES} cores for that hour", lambda need: f"{need.gateways():,}"),
        (f"PostgreSQL machines of {SERVER_CORES} cores for that hour", lambda need: f"{need.servers():,}"),
        ("disk after a year, on each copy, GB", lambda need: f"{need.disk(1) / 1e9:,.0f}"),
        ("disk after ten years, on each copy, GB", lambda need: f"{need.disk(10) / 1e9:,.0f}"),
        ("a month's close, seconds of CPU", lambda need: f"{need.close().cpu_seconds:,.0f}"),
        ("a month's close, memory, GiB", lambda need: f"{need.close().memory_mib / 1_024:,.1f}"),
    ]
    table = [f"| {what} | {' | '.join(tell(one) for one in needs)} |" for what, tell in lines]
    widths = [f"| `{table}` | {size:.0f} |" for table, size in found.bytes.items()]
    return TEXT.format(
        heads=" | ".join(heads),
        dashes="---:|" * len(heads),
        table="\n".join(table),
        widths="\n".join(widths),
        each=ACTIONS_A_MONTH,
        peak=PEAK,
        filled=f"{FILLED:.0%}",
        gateway=f"{found.gateway_us:,.0f}",
        server=f"{found.server_us:,.0f}",
        largest=f"{found.closes[-1].actions:,.0f}",
        smaller=f"{found.closes[-2].actions:,.0f}",
        person=" + ".join(f"`{one}`" for one in OF_A_PERSON),
        action=" + ".join(f"`{one}`" for one in OF_AN_ACTION),
    )


TEXT = """\
# Capacity, on paper

Written by `python -m bench.capacity` from what the benches measured; nobody writes into it by hand.

| | {heads} |
|---|{dashes}
{table}

From what each figure follows:

- **People.** The law's ceiling is 20 zones of 150 000 inhabitants, a tenth of whom may be included. The others are past
  anything that is planned.
- **Actions.** {each} of each person in a month, as in the closes that are measured; each person is included once.
- **Rows** in tables from which nothing is removed.
  A person: {person}.
  An action: {action}.
  Answers under idempotency keys, events and batches are removed after days or weeks and not counted.
- **Busiest hour.** {peak} times the average of the year: an assumption, not a measurement.
- **Gateways and machines.** A registration takes {gateway} µs of the gateway's CPU and {server} µs of PostgreSQL's
  ([RESULTS](../bench/RESULTS.md), 16 connections); cores are filled to {filled}. Delivery is the workers' and comes
  on top, and so do standbys. More than one machine for PostgreSQL means [Citus](beyond.md), whose cost is not in it.
- **Disk.** Bytes of a row with its share of freshly built indexes, as below, on the smaller register of
  [FLAT](../bench/FLAT.md). Indexes that grow row by row are less full; the database's logs and backups come on top.
- **Close.** Grown from {largest} actions as that grew from {smaller} ([CLOSE](../bench/CLOSE.md)): beyond the largest
  that was measured it is a guess. A close runs on one machine, in one process for each period.

| table | bytes of a row |
|---|---:|
{widths}
"""


def write() -> None:
    """Write the page."""
    TARGET.write_text(page(measured()), encoding="utf-8")


if __name__ == "__main__":
    write()
