"""What `.ci` holds: the run of tests and checks, the question for known weaknesses, the search for secrets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.documents.texts import ROOT

FAKE_MAKE = """#!/bin/sh
echo "ran make $1 in $PWD"
case "$1" in
test) echo "3 passed in 1.00s"; exit ${TESTS_FAIL} ;;
check) echo "all checked"; exit ${CHECKS_FAIL} ;;
esac
"""


@pytest.mark.parametrize(("tests_fail", "checks_fail"), [(0, 0), (0, 1), (2, 0), (2, 1)])
def test_both_run_and_the_runner_has_the_last_word(tmp_path: Path, tests_fail: int, checks_fail: int) -> None:
    make = tmp_path / "make"
    make.write_text(FAKE_MAKE, encoding="utf-8")
    make.chmod(0o755)
    told = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TESTS_FAIL": str(tests_fail), "CHECKS_FAIL": str(checks_fail)}

    done = subprocess.run([ROOT / ".ci" / "run"], cwd=tmp_path, env=told, capture_output=True, text=True, check=False)

    lines = done.stdout.splitlines()
    assert lines[0] == f"ran make test in {ROOT}"
    assert f"ran make check in {ROOT}" in lines
    assert lines[-1] == "3 passed in 1.00s"
    assert f"make test: exit {tests_fail}" in lines
    assert f"make check: exit {checks_fail}" in lines
    assert (done.returncode == 0) == (tests_fail == 0 and checks_fail == 0)


@contextmanager
def a_list_of_weaknesses(weak: str) -> Iterator[str]:
    """A service that knows a weakness of one version of one package; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name, version = asked["package"]["name"], asked["version"]
            affected = [{"package": {"name": name, "ecosystem": "PyPI"}, "versions": [version]}]
            known = {"id": "X-1", "modified": "2026-01-01T00:00:00Z", "summary": "it leaks", "affected": affected}
            body = json.dumps({"vulns": [known]} if f"{name}=={version}" == weak else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/query"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(requirements: Path, url: str) -> tuple[int, str]:
    told = {**os.environ, "OSV_URL": url}
    command = [ROOT / ".ci" / "weaknesses", requirements]
    done = subprocess.run(command, env=told, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_a_known_weakness_fails_and_a_service_that_is_away_is_told(tmp_path: Path) -> None:
    requirements, unpinned = tmp_path / "requirements.txt", tmp_path / "unpinned.txt"
    requirements.write_text(f"flask==3.1.3 --hash=sha256:{'0' * 64}\n", encoding="ascii")
    unpinned.write_text("flask\n", encoding="ascii")

    with a_list_of_weaknesses("flask==3.1.3") as url:
        weak = ask(requirements, url)
        wrong = ask(unpinned, url)
    with a_list_of_weaknesses("flask==3.1.2") as url:
        sound = ask(requirements, url)
    away = ask(requirements, url)

    assert weak[0] == 1
    assert "X-1" in weak[1]
    assert sound == (0, "no known weakness\n")
    assert away[0] == 0
    assert away[1].startswith("NOT CHECKED for known weaknesses: ")
    assert wrong[0] == 1
    assert "does not contain a hash" in wrong[1] or "not pinned" in wrong[1]


def test_a_secret_in_a_kept_file_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    (folder / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "secrets", folder / ".ci" / "secrets")
    (folder / ".venv").symlink_to(ROOT / ".venv")
    (folder / "kept.py").write_text("KEY = 1\n", encoding="ascii")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)

    def look() -> tuple[bool, bool]:
        subprocess.run(["git", "add", "kept.py"], cwd=folder, check=True)
        done = subprocess.run([folder / ".ci" / "secrets"], capture_output=True, text=True, check=False)
        return done.returncode == 0, "Private Key" in done.stdout

    clean = look()
    (folder / "kept.py").write_text("-----BEGIN " + "PRIVATE KEY-----\n", encoding="ascii")

    assert (clean, look()) == ((True, False), (False, True))
