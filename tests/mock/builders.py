"""What the tests of the stand-in send, and the stand-in as a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import requests
from werkzeug.serving import make_server

from mock_mycarenet.app import create_app

SSIN = "85073003328"
NAMING = "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem"
ISSUER = "http://127.0.0.1:8081"


PROJECTS, KINDS, SSINS = "urn:chroniccare:project", "urn:chroniccare:kind", f"{NAMING}/ssin"


def a_message(kind: str = "inclusion", ssin: object = SSIN, **changes: Any) -> dict[str, Any]:
    """A message in its envelope; `changes` are of the envelope, but for `project`, `timestamp` and `focus`."""
    header, focus, patient = (f"urn:uuid:{uuid4()}" for _ in range(3))
    person = {"subject" if kind.startswith("action") else "patient": {"reference": patient}}
    status = "completed" if kind.startswith("action") else "active"
    resources = {
        header: {
            "resourceType": "MessageHeader",
            "eventCoding": {"system": KINDS, "code": kind},
            "source": {"endpoint": "urn:chroniccare:gateway"},
            "destination": [{"endpoint": "urn:mycarenet"}],
            "sender": {"identifier": {"system": PROJECTS, "value": changes.pop("project", "demo-nord")}},
            "focus": [{"reference": focus}],
        },
        focus: {
            "resourceType": "Procedure" if kind.startswith("action") else "EpisodeOfCare",
            "status": status,
            **person,
            **changes.pop("focus", {}),
        },
        patient: {"resourceType": "Patient", "identifier": [{"system": SSINS, "value": ssin}]},
    }
    body = {
        "resourceType": "Bundle",
        "type": "message",
        "timestamp": changes.pop("timestamp", "2022-01-12T09:30:00Z"),
        "entry": [{"fullUrl": urn, "resource": resource} for urn, resource in resources.items()],
    }
    envelope = {"message_id": str(uuid4()), "input_reference": str(uuid4()), "destination": None, "body": body}
    return {**envelope, **changes}


def generated_ssins(count: int) -> list[str]:
    """National numbers with right check digits, of people born from 1925 to 2021, each once."""
    random, numbers = Random(1), set[str]()
    while len(numbers) < count:
        year, month, day = random.randint(1925, 2021), random.randint(1, 12), random.randint(1, 28)
        nine = f"{year % 100:02}{month:02}{day:02}{random.randint(1, 997):03}"
        numbers.add(with_check_digits(nine, born_from_2000=year >= 2000))
    return sorted(numbers)


def with_check_digits(nine: str, *, born_from_2000: bool = False) -> str:
    return f"{nine}{97 - int(('2' if born_from_2000 else '') + nine) % 97:02}"


@contextmanager
def a_mycarenet(data_dir: Path) -> Iterator[str]:
    """The stand-in over real HTTP, in this process; its address."""
    server = make_server("127.0.0.1", 0, create_app(data_dir, ISSUER), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Stand:
    """The stand-in as a process, in a session of its own so that killing its group ends nothing else."""

    def __init__(self, data_dir: Path, elsewhere: Path) -> None:
        self.data_dir, self.elsewhere = data_dir, elsewhere
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "mock_mycarenet", "--port", str(self.port), "--data-dir", str(self.data_dir)]
        homes = {name: str(self.elsewhere) for name in ("HOME", "TMPDIR", "XDG_RUNTIME_DIR")}
        environment = {**os.environ, **homes, "PYTHONDONTWRITEBYTECODE": "1"}
        self.process = subprocess.Popen(command, cwd=self.elsewhere, env=environment, start_new_session=True)
        deadline = time.monotonic() + 30
        while not self._is_live():
            assert time.monotonic() < deadline, "the stand-in does not answer"
            assert self.process.poll() is None, "the stand-in ended"
            time.sleep(0.1)

    def stop(self, number: signal.Signals) -> int:
        os.killpg(self.process.pid, number)
        return self.process.wait(timeout=30)

    def get(self, path: str) -> Any:
        answer = requests.get(self.url + path, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: object) -> requests.Response:
        return requests.post(self.url + path, json=body, timeout=10)

    def play(self, scenario: str) -> None:
        assert requests.put(f"{self.url}/scenario", json={"name": scenario}, timeout=10).json() == {"name": scenario}

    def _is_live(self) -> bool:
        try:
            return requests.get(f"{self.url}/live", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False
