"""Where the CPU time of a registration goes: samples of what runs, by package.

The application is called in this process, without a server, so that nothing else runs; a timer of the process's CPU
time takes the samples, which costs little and does not see waiting. What is compiled counts for the package that calls
it. The kernel may take fewer samples than it is asked for.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

from werkzeug.test import EnvironBuilder

from bench.speed.stage import ROOT, Stage
from gateway.app import build_app
from gateway.http.server import configure_logging
from gateway.settings import read_settings

INTERVAL_SECONDS = 0.001
WARM = 50
PORT = 80


@dataclass(frozen=True, slots=True)
class Profile:
    """How many registrations were looked at, the CPU of one in microseconds, and whose it was, the largest first."""

    count: int
    microseconds: float
    shares: tuple[tuple[str, float], ...]


def profile(stage: Stage, count: int) -> Profile:
    """Register so many people, and look who is at work meanwhile.

    Raises: RuntimeError when one of them was refused.
    """
    with (stage.folder / "profile.log").open("w", encoding="utf-8") as log, redirect_stderr(log):
        configure_logging()
        app = build_app(read_settings(stage.environment()))
        for sent in islice(_environments(stage), WARM):
            _register(app, sent)
        waiting = list(islice(_environments(stage), count))
        with _sampled() as seen:
            began = time.process_time()
            for sent in waiting:
                _register(app, sent)
            used = time.process_time() - began
    shares = tuple((name, hits / seen.total()) for name, hits in seen.most_common())
    return Profile(count, used / count * 1e6, shares)


def _environments(stage: Stage) -> Iterator[dict[str, Any]]:
    for sent in stage.registrations(PORT):
        head, _, body = sent.partition(b"\r\n\r\n")
        named = (line.partition(": ") for line in head.decode("ascii").split("\r\n")[1:])
        headers = [(name, value) for name, _, value in named]
        yield EnvironBuilder("/v1/inclusions", method="POST", headers=headers, data=body).get_environ()


def _register(app: Any, environment: dict[str, Any]) -> None:
    statuses: list[str] = []
    answer = app.wsgi_app(environment, lambda status, *_: statuses.append(status))
    b"".join(answer)
    if not statuses[0].startswith("201"):
        raise RuntimeError(statuses[0])


@contextmanager
def _sampled() -> Iterator[Counter[str]]:
    seen: Counter[str] = Counter()

    def look(_: int, frame: FrameType | None) -> None:
        if frame is not None:
            seen[package_of(frame.f_code.co_filename)] += 1

    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL_SECONDS, INTERVAL_SECONDS)
    try:
        yield seen
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def package_of(file: str) -> str:
    """Whose a file is: a package of ours, a library, or Python itself.

    >>> package_of(str(ROOT / "gateway" / "store" / "vault.py")), package_of("/x/site-packages/psycopg/cursor.py")
    ('gateway/store', 'psycopg')
    >>> package_of(signal.__file__), package_of("<string>")
    ('Python', 'Python')
    """
    _, installed, rest = file.partition("site-packages/")
    if installed:
        return Path(rest).parts[0].removesuffix(".py")
    if file.startswith(f"{ROOT}/"):
        return "/".join(Path(file).relative_to(ROOT).parts[:-1][:2])
    return "Python"
