"""Settings: the only reader of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PREFIX = "CHRONICCARE_"


class SettingsError(Exception):
    """A setting is missing or ill-formed; the message names it and what it takes."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How one gateway, worker or job runs; each field is the environment variable of that name."""

    data_dir: Path = field(default_factory=lambda: Path("data"))
    database_url: str = ""
    replica_url: str = ""
    keys: Path | None = None
    kek: str = ""
    pseudonym_domain: str = ""
    pseudonym_key: Path | None = None
    extracts_dir: Path | None = None
    checkpoints_dir: Path | None = None
    issuer: str = ""
    audience: str = "chroniccare-gateway"
    mycarenet_url: str = ""
    trusted_hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    threads: int = 16
    sandbox: bool = False
    caller_rate: float | None = None
    project_rate: float | None = None
    standby: bool = False
    free_mib: float = 256.0
    lease_seconds: float = 30.0
    backoff_seconds: float = 300.0
    batch_days: float = 30.0
    late_hours: float = 72.0
    month_end_days: int = 5
    otlp_endpoint: str = ""

    @property
    def store_url(self) -> str:
        """The database; the embedded store under the data directory when none is named."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'register.sqlite3'}"

    @property
    def keyring_path(self) -> Path:
        """The key ring file."""
        return self.keys or self.data_dir / "keys.json"

    @property
    def domain_name(self) -> str:
        """The name of the pseudonymisation service's domain, the last part of its URL; empty when there is none."""
        return self.pseudonym_domain.rstrip("/").rsplit("/", 1)[-1]

    @property
    def extracts_path(self) -> Path:
        """The folder of extracts; every gateway and worker of one register shares it."""
        return self.extracts_dir or self.data_dir / "extracts"

    @property
    def checkpoints_path(self) -> Path:
        """The folder of the audit's checkpoints; outside the reach of whoever writes to the database."""
        return self.checkpoints_dir or self.data_dir / "checkpoints"


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings that an environment holds.

    Raises: SettingsError, naming the first setting that is ill-formed.
    """
    given = os.environ if environment is None else environment
    found = {name[len(PREFIX) :].lower(): value for name, value in given.items() if name.startswith(PREFIX)}
    defaults = Settings()
    return Settings(
        data_dir=Path(found.get("data_dir", "data")),
        database_url=found.get("database_url", ""),
        replica_url=found.get("replica_url", ""),
        keys=Path(found["keys"]) if "keys" in found else None,
        kek=found.get("kek", ""),
        pseudonym_domain=_web_address(found, "pseudonym_domain"),
        pseudonym_key=Path(found["pseudonym_key"]) if "pseudonym_key" in found else None,
        extracts_dir=Path(found["extracts_dir"]) if "extracts_dir" in found else None,
        checkpoints_dir=Path(found["checkpoints_dir"]) if "checkpoints_dir" in found else None,
        issuer=found.get("issuer", ""),
        audience=found.get("audience", defaults.audience),
        mycarenet_url=found.get("mycarenet_url", ""),
        trusted_hosts=tuple(found["trusted_hosts"].split(",")) if "trusted_hosts" in found else defaults.trusted_hosts,
        threads=int(_number(found, "threads", defaults.threads, 1, 1000)),
        sandbox=_flag(found, "sandbox"),
        caller_rate=_number(found, "caller_rate", 0, 0, 1e6) if "caller_rate" in found else None,
        project_rate=_number(found, "project_rate", 0, 0, 1e6) if "project_rate" in found else None,
        standby=_flag(found, "standby"),
        free_mib=_number(found, "free_mib", defaults.free_mib, 0, 1e9),
        lease_seconds=_number(found, "lease_seconds", defaults.lease_seconds, 1, 3600),
        backoff_seconds=_number(found, "backoff_seconds", defaults.backoff_seconds, 0.1, 86400),
        batch_days=_number(found, "batch_days", defaults.batch_days, 8, 3660),
        late_hours=_number(found, "late_hours", defaults.late_hours, 0.01, 8760),
        month_end_days=int(_number(found, "month_end_days", defaults.month_end_days, 0, 28)),
        otlp_endpoint=_web_address(found, "otlp_endpoint"),
    )


def read_token(environment: Mapping[str, str] | None = None) -> str:
    """The access token for commands that ask a gateway; not a setting of the gateway, so its settings do not hold it.

    Raises: SettingsError.
    """
    token = (os.environ if environment is None else environment).get(f"{PREFIX}TOKEN", "").strip()
    if not token:
        raise SettingsError(f"{PREFIX}TOKEN is missing: an access token, or name a file that holds one")
    return token


def _number(found: Mapping[str, str], name: str, default: float, least: float, most: float) -> float:
    try:
        value = float(found.get(name, default))
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise SettingsError(f"{PREFIX}{name.upper()} is a number from {least:g} to {most:g}")
    return value


def _web_address(found: Mapping[str, str], name: str) -> str:
    value = found.get(name, "")
    if value and not value.startswith(("http://", "https://")):
        raise SettingsError(f"{PREFIX}{name.upper()} begins with http:// or https://")
    return value


def _flag(found: Mapping[str, str], name: str) -> bool:
    value = found.get(name, "0")
    if value not in ("0", "1"):
        raise SettingsError(f"{PREFIX}{name.upper()} is 0 or 1")
    return value == "1"
