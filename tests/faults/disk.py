"""A small disk of its own, which can be full."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
