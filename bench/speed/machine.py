"""The machine: what it is, and what processes use of it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids: Iterable[int]) -> float:
    """What processes have used so far, and those of their children that have ended."""
    total = 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
            total += sum(int(one) for one in told[11:15])
    return total / TICKS


def own_mib(pid: int) -> float:
    """What a process holds, its part of what it shares counted once (proportional set size)."""
    return _kib(f"/proc/{pid}/smaps_rollup", "Pss:") / 1024


def peak_mib(pid: int) -> float:
    """The most that a process held since `forget_peak`, what it shares included (resident set size)."""
    return _kib(f"/proc/{pid}/status", "VmHWM:") / 1024


def forget_peak(pid: int) -> None:
    """Let the peak begin anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def _kib(path: str, name: str) -> int:
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def description() -> str:
    """Processor, cores, memory, system and Python."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    cpu = next((line.split(":", 1)[1].strip() for line in lines if "model name" in line), platform.machine())
    memory = _kib("/proc/meminfo", "MemTotal:") / 2**20
    system = f"Linux {platform.release().split('-')[0]}"
    return f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB, {system}, Python {platform.python_version()}"
