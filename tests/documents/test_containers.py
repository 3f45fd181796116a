"""The container files name commands, settings, targets and files that there are; no engine is needed to see it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from gateway.settings import PREFIX, Settings, read_settings
from tests.documents.test_commands import commands
from tests.documents.texts import ROOT, read

COMPOSE: dict[str, Any] = yaml.safe_load(read("docker/compose.yaml"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if "build" in one}
DOCKERFILE = read("docker/Dockerfile")


def demo_settings() -> dict[str, str]:
    lines = [line for line in read("docker/demo.env").splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_every_command_of_the_containers_exists() -> None:
    words = [" ".join(one["command"]) for one in OURS.values() if "command" in one]
    words += [", ".join(re.findall(r'"([^"]+)"', line)) for line in re.findall(r"^CMD (.*)$", DOCKERFILE, re.M)]
    told = [part for text in words for part in re.findall(r"chroniccare,? (\w+(?: (?:create))?)(?:,|;| |$)", text)]

    assert {"serve", "deliver", "migrate", "release", "keys create"} == set(told)
    assert {f"chroniccare {one}" for one in told} <= commands().keys()


def test_every_setting_of_the_demonstration_exists_and_is_none_of_a_secret() -> None:
    settings = demo_settings()

    assert settings.keys() <= {PREFIX + field.name.upper() for field in fields(Settings)}
    assert read_settings(settings).sandbox
    assert not re.search(r"://[^/@]*:[^/@]*@", settings[f"{PREFIX}DATABASE_URL"])
    assert "PASSWORD:" not in read("docker/compose.yaml").replace("POSTGRES_PASSWORD_FILE", "")


def test_every_service_of_ours_is_an_ordinary_user_on_a_read_only_root() -> None:
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.M)
    for name, one in OURS.items():
        assert one["read_only"], name
        assert one["cap_drop"] == ["ALL"], name
        assert one["build"]["target"] in re.findall(r" AS (\w+)$", DOCKERFILE, re.M), name


def test_the_parts_of_the_demonstration_wait_for_each_other_and_share_what_they_must() -> None:
    assert {"gateway-1", "gateway-2", "worker", "scheduler", "database", "mock"} <= SERVICES.keys()
    for name, one in SERVICES.items():
        assert set(one.get("depends_on", {})) <= SERVICES.keys(), name
        volumes = {place.split(":")[0] for place in one["volumes"]}
        assert volumes <= COMPOSE["volumes"].keys(), name
        for port in one.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
    published = [port.rsplit(":", 1)[0] for one in SERVICES.values() for port in one.get("ports", [])]
    assert len(published) == len(set(published))


def test_what_the_dockerfile_copies_is_there_and_not_ignored() -> None:
    copied = [part.split()[:-1] for part in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.M)]
    kept = {line[1:] for line in read(".dockerignore").splitlines() if line.startswith("!")}

    names = {name for one in copied for name in one}
    assert names == kept
    assert all((ROOT / name).exists() for name in names)
    assert set(re.findall(r"requirements/\w+\.txt", DOCKERFILE)) <= {f"requirements/{p.name}" for p in LOCKS}


LOCKS = list((ROOT / "requirements").glob("*.txt"))


def test_the_linter_finds_nothing() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    found = str(linter) if linter.exists() else shutil.which("hadolint")
    assert found is not None

    done = subprocess.run([found, ROOT / "docker" / "Dockerfile"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


class Health(BaseHTTPRequestHandler):
    """Answers `/live` alone, with the status that it is told."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/live" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("port", ["8080", "8081"])
def test_a_health_check_says_whether_live_answers_well(port: str) -> None:
    told = [json.loads(one) for one in re.findall(r"^ +CMD (\[.*\])$", DOCKERFILE, re.M)]
    (command,) = [one for one in told if f":{port}/" in one[-1]]
    server = HTTPServer(("127.0.0.1", 0), Health)
    Thread(target=server.serve_forever, daemon=True).start()

    def ends_with(status: int) -> int:
        server.RequestHandlerClass = type("Told", (Health,), {"status": status})
        here = command[-1].replace(f":{port}/", f":{server.server_port}/")
        done = subprocess.run([sys.executable, "-I", *command[1:-1], here], stderr=subprocess.DEVNULL, check=False)
        return done.returncode

    assert (ends_with(200), ends_with(503)) == (0, 1)
    server.shutdown()
    server.server_close()
    assert ends_with(200) == 1
