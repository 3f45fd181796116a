"""Disks that fail: a small one of its own, which can be full, and one that cannot flush."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("unflushed.c")


@contextmanager
def small_disk(mebibytes: int) -> Iterator[Path | None]:
    """A file system in memory that any user may pass through, gone afterwards; None where none can be mounted."""
    folder = Path(tempfile.mkdtemp(prefix="chroniccare-disk-", dir="/tmp"))
    command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=755", "tmpfs", str(folder)]
    is_mounted = os.geteuid() == 0 and not subprocess.run(command, capture_output=True, check=False).returncode
    try:
        yield folder if is_mounted else None
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


@dataclass(frozen=True, slots=True)
class Flushing:
    """What decides whether the processes that were started with its environment can flush what they wrote."""

    library: Path
    flag: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process must be started with."""
        return {"LD_PRELOAD": str(self.library), "UNFLUSHED": str(self.flag)}

    def fail(self) -> None:
        """Let every flush fail from now on."""
        self.flag.touch()

    def succeed(self) -> None:
        """Let them succeed again."""
        self.flag.unlink(missing_ok=True)


@contextmanager
def flushing() -> Iterator[Flushing | None]:
    """A way to let flushes fail, for processes of any user; None without a C compiler.

    libfiu would do the same, and cannot be loaded into PostgreSQL: both have a `hash_create`.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="chroniccare-unflushed-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        made = Flushing(folder / "unflushed.so", folder / "flag")
        subprocess.run([compiler, "-shared", "-fPIC", "-o", made.library, SOURCE, "-ldl"], check=True)
        yield made
    finally:
        shutil.rmtree(folder)
