"""Programs of Debian that tests need and the machine may lack.

They are fetched with apt and unpacked beside the code: no root is needed, and no service is started by it. What only
works where it was meant to be is installed, if root is who runs the tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

TOOLS = Path(__file__).parents[1] / ".tools"
FETCH_SECONDS, INSTALL_SECONDS = 180, 600


class NotToBeHad(Exception):
    """A program is neither here nor can be fetched; the message says why."""


def program(package: str, name: str) -> Path:
    """A program of a Debian package: the machine's own, or the one of the package, which is fetched once.

    Raises: NotToBeHad.
    """
    own = shutil.which(name)
    return Path(own) if own else unpacked(package) / "usr" / "bin" / name


@cache
def unpacked(package: str) -> Path:
    """A folder with the files of a Debian package.

    Raises: NotToBeHad.
    """
    folder = TOOLS / "debian" / package
    if not folder.exists():
        if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
            raise NotToBeHad(f"the machine has no apt to fetch Debian's {package} with")
        half = folder.with_name(f"{package}.half")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        _run("dpkg-deb", "--extract", _fetched(package), half)
        half.rename(folder)
    return folder


@cache
def install(*packages: str) -> None:
    """Install Debian packages on the machine itself.

    Raises: NotToBeHad.
    """
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise NotToBeHad(f"only root installs Debian's {', '.join(packages)}, and only with apt")
    apt = ["apt-get", "-o", f"DPkg::Lock::Timeout={FETCH_SECONDS}"]
    _run(*apt, "update")
    how = ["env", "DEBIAN_FRONTEND=noninteractive", *apt, "install", "--yes", "--no-install-recommends"]
    _run(*how, *packages, seconds=INSTALL_SECONDS)


def _fetched(package: str) -> Path:
    kept = TOOLS / "debian" / "apt"
    lists, archives = kept / "lists", kept / "cache"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    (archives / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    apt = ["apt-get", "-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={archives}"]
    apt += ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
    _run(*apt, "update")
    _run(*apt, "download", package, folder=kept)
    return next(kept.glob(f"{package}_*.deb"))


def _run(*command: str | Path, folder: Path | None = None, seconds: int = FETCH_SECONDS) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, cwd=folder, timeout=seconds)
    except subprocess.CalledProcessError as error:
        raise NotToBeHad(f"{command[0]} failed: {error.stderr.decode(errors='replace').strip()[:300]}") from error
    except subprocess.TimeoutExpired as error:
        raise NotToBeHad(f"{command[0]} took longer than {seconds} s") from error
