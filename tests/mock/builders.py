"""What the tests of the stand-in send, and the stand-in as a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import requests

SSIN = "85073003328"
ISSUER = "http://127.0.0.1:8081"


def inclusion_message(**changes: Any) -> dict[str, Any]:
    message = {
        "message_id": str(uuid4()),
        "kind": "inclusion",
        "project": "demo-nord",
        "ssin": SSIN,
        "reference": str(uuid4()),
        "communicated_at": "2022-01-12T09:30:00Z",
        "valid_from": "2022-02-01",
        "agreed_on": "2022-01-10",
    }
    return {**message, **changes}


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
