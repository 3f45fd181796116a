"""`python -m mock_mycarenet --port 8081 --data-dir DIR`: the stand-in as a process of its own."""

import signal
from argparse import ArgumentParser
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.http.errors import ParseException
from gunicorn.util import write_error
from gunicorn.workers.gthread import ThreadWorker

from mock_mycarenet.app import create_app


class DiscreetWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A worker that repeats nothing of a request it could not read, where gunicorn would in its answer and its log."""

    def init_signals(self) -> None:
        """Leave Ctrl-C, which a terminal sends to every process, to the arbiter: told twice, a worker may hang."""
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def handle_error(self, _req: object, client: object, _addr: object, exc: BaseException) -> None:
        """Answer 400, or 500 where the fault is ours, and log the kind of fault alone."""
        is_theirs = isinstance(exc, ParseException)
        self.log.warning("request refused: %s", type(exc).__name__)
        with suppress(OSError):
            write_error(client, *((400, "Bad Request") if is_theirs else (500, "Internal Server Error")), "")


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn with one worker, set up from here alone: no file, no environment."""

    def __init__(self, settings: dict[str, Any], data_dir: Path, issuer: str) -> None:
        self._settings = settings
        self._data_dir = data_dir
        self._issuer = issuer
        super().__init__()

    def load_config(self) -> None:
        """Take over the settings."""
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Make the application, in the worker: a SQLite connection does not survive a fork."""
        return create_app(self._data_dir, self._issuer)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = ArgumentParser(prog="python -m mock_mycarenet", description="A stand-in for MyCareNet.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--issuer", default="", help="its own address, where others than this machine ask for it")
    parser.add_argument("--data-dir", type=Path, required=True, help="where it writes, and nowhere else")
    asked = parser.parse_args(arguments)
    asked.data_dir.mkdir(parents=True, exist_ok=True)
    settings = {
        "bind": f"{asked.host}:{asked.port}",
        "worker_class": DiscreetWorker,
        "workers": 1,
        "threads": 32,  # a scenario holds each connection of every worker, and yet another one has to be chosen
        "keepalive": 30,
        "graceful_timeout": 5,  # a scenario may be in the middle of a very slow answer
        "loglevel": "warning",
        "worker_tmp_dir": str(asked.data_dir),  # the heartbeat file, else in /tmp
        "control_socket_disable": True,  # else a socket in the home directory
    }
    Server(settings, asked.data_dir.resolve(), asked.issuer or f"http://127.0.0.1:{asked.port}").run()


if __name__ == "__main__":
    main()
