"""The production server: gunicorn with threads, configured from here alone."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication


class Server(BaseApplication):  # type: ignore[misc] # gunicorn has no types
    """Gunicorn with threads; the application is made in each worker, after the fork."""

    def __init__(self, build: Callable[[], Flask], options: dict[str, Any]) -> None:
        self._build = build
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        """Take over the options."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The application."""
        return self._build()


def serve(build: Callable[[], Flask], host: str, port: int, workers: int, threads: int) -> None:
    """Serve until SIGINT or SIGTERM; requests at hand are finished first."""
    options = {
        "bind": f"{host}:{port}",
        "worker_class": "gthread",
        "workers": workers,
        "threads": threads,
        "keepalive": 30,
        "graceful_timeout": 15,
        "loglevel": "warning",
        "limit_request_line": 4094,
        "limit_request_field_size": 8190,
        "control_socket_disable": True,
    }
    Server(build, options).run()


def configure_logging() -> None:
    """One JSON object per line, on standard error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
