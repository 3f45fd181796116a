"""The production server: gunicorn with threads, configured from here alone."""

from __future__ import annotations

import gc
import logging
import re
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from selectors import EVENT_READ
from socket import SHUT_WR, socket
from typing import Any
from uuid import uuid4

import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.http import get_parser
from gunicorn.http.errors import InvalidHeader, ParseException
from gunicorn.http.message import Request
from gunicorn.workers.gthread import TConn, ThreadWorker
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from gateway.domain import errors
from gateway.http.inlet import HEAD_SECONDS, Inlet
from gateway.http.problems import ALWAYS, problem_response
from gateway.http.texts import DEFAULT_LANGUAGE, language_of
from schemas import strict_json

CLOSERS = 4
MOST_PER_THREAD = 16
"""How many requests may be at hand for each thread; a worker that has so many turns others away."""
SAID_ONCE = ("AUTHORIZATION", "CONTENT-TYPE", "IDEMPOTENCY-KEY", "IF-MATCH")
_LANGUAGES = re.compile(rb"\r\naccept-language:([^\r\n]*)\r\n", re.IGNORECASE)
log = structlog.get_logger("chroniccare.server")


class ServerLine(logging.Formatter):
    """A line of gunicorn's own as a JSON object: the words it would fill in, and of what it fills in the numbers."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        filled = record.args if isinstance(record.args, tuple) else ()
        said = {
            "event": "server",
            "said": str(record.msg),
            "numbers": [one for one in filled if isinstance(one, int)],
            "process": record.process,
            "level": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
        }
        return strict_json.dumps(said).decode()


class DiscreetLogger(Logger):  # type: ignore[misc] # gunicorn has no types
    """gunicorn's logger, in the form of all other lines and without anything that a client sent."""

    def setup(self, cfg: Any) -> None:
        """Take over the configuration."""
        super().setup(cfg)
        for out in self.error_log.handlers:
            out.setFormatter(ServerLine())


class DiscreetWorker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """A worker that repeats nothing of a request it could not read, where gunicorn would in its answer and its log."""

    def init_signals(self) -> None:
        """Leave Ctrl-C, which a terminal sends to every process, to the arbiter: told twice, a worker may hang."""
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """The threads that serve; and those that wait, in the loop's stead, until a client has taken the last of it."""
        self._at_hand = 0
        self._closers = ThreadPoolExecutor(CLOSERS)
        return ThreadPoolExecutor(self.cfg.threads)

    def enqueue_req(self, conn: TConn) -> None:
        """Give a connection to a thread as soon as a request's head is there.

        It is turned away when too many wait, and when its caller is over the rate, which costs the others least here.
        """
        if conn.parser is None:
            conn.inlet = Inlet(conn.sock)
            conn.parser = get_parser(self.cfg, conn.inlet, conn.client)
            conn.data_ready = True
        conn.inlet.fill()
        is_begun = conn.parser.unreader.buf.getvalue()  # gunicorn took some of it already
        if not (is_begun or conn.inlet.is_ready() or conn.inlet.is_over):
            self._await_head(conn)
            return
        if conn in self.pending_conns:
            self.pending_conns.remove(conn)
        if not (is_begun or conn.inlet.is_ready()):
            self._end(conn)
        elif seconds := self.wsgi.extensions["postponed"].seconds_left(conn.inlet.head()):
            self._turn_away(conn, errors.TooManyRequests(seconds))
        elif self._at_hand >= self.cfg.threads * MOST_PER_THREAD:
            self._turn_away(conn, errors.Overloaded())
        else:
            self._at_hand += 1
            super().enqueue_req(conn)

    def _await_head(self, conn: TConn) -> None:
        """Look at a connection again when more of it came; `murder_pending` closes it when that takes too long."""
        if conn not in self.pending_conns:
            conn.timeout = time.monotonic() + HEAD_SECONDS
            self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def on_pending_socket_readable(self, conn: TConn, client: socket) -> None:
        """Take what came of a head, whose time goes on."""
        self.poller.unregister(client)
        self.enqueue_req(conn)

    def handle(self, conn: TConn) -> object:
        """Serve a request; its body has its time from now on."""
        conn.inlet.begin()
        return super().handle(conn)

    def finish_request(self, conn: TConn, fs: Future[object]) -> None:
        """Keep a connection for its next request, or close it without holding up the others."""
        self._at_hand -= 1
        is_kept = not fs.cancelled() and fs.exception() is None and fs.result()
        if is_kept and conn.inlet.holds_more():
            self.enqueue_req(conn)
        elif is_kept:
            super().finish_request(conn, fs)
        else:
            self._end(conn)

    def _end(self, conn: TConn) -> None:
        """Say that nothing more comes; another thread waits until the client has taken it, or for a short time."""
        with suppress(OSError):
            conn.sock.shutdown(SHUT_WR)
        self._closers.submit(self._close, conn)

    def _close(self, conn: TConn) -> None:
        conn.close(graceful=True)
        self.method_queue.defer(self._count_closed)

    def _count_closed(self) -> None:
        self.nr_conns -= 1

    def _turn_away(self, conn: TConn, problem: errors.Problem) -> None:
        """Answer a request that nobody will look at soon."""
        request_id = str(uuid4())
        log.warning("request_refused", request_id=request_id, kind=problem.code)
        self.wsgi.extensions["metrics"].refused(problem.code, problem)
        spoken = _LANGUAGES.search(conn.inlet.head())
        language = language_of(parse_accept_header(spoken and spoken[1].decode("latin-1"), LanguageAccept))
        with suppress(OSError):
            conn.sock.setblocking(False)
            conn.sock.send(_wire_problem(problem, request_id, language))  # less than what any connection takes at once
        self._end(conn)

    def handle_request(self, req: Request, conn: TConn) -> object:
        """Serve a request, unless it says twice what may be said once: joined by a comma, that would look like one.

        A client that waits to be told to go on is told when its body is wanted, where gunicorn would tell it before
        anybody has looked at its head; its connection ends after it, because a refused client may send its body or not.
        Source: RFC 9110 §10.1.1.
        """
        names = [name for name, _ in req.headers]
        if any(names.count(name) > 1 for name in SAID_ONCE):
            raise InvalidHeader("")
        if req._expected_100_continue:
            req._expected_100_continue = False
            req.force_close()
            conn.inlet.expect_continue()
        return super().handle_request(req, conn)

    def handle_error(self, _req: object, client: socket, _addr: object, exc: BaseException) -> None:
        """Answer what HTTP itself forbids with a problem, and log the kind of fault alone."""
        problem = errors.MalformedHttp() if isinstance(exc, ParseException) else errors.Unexpected()
        request_id = str(uuid4())
        log.warning("request_refused", request_id=request_id, kind=type(exc).__name__)
        with suppress(OSError):
            client.sendall(_wire_problem(problem, request_id))


def _wire_problem(problem: errors.Problem, request_id: str, language: str = DEFAULT_LANGUAGE) -> bytes:
    """A whole HTTP answer with a problem, for a request that never became one."""
    answer = problem_response(problem, language, request_id)
    headers = {**ALWAYS, **answer.headers, "Connection": "close", "X-Request-ID": request_id}
    head = [f"HTTP/1.1 {answer.status}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*head, "", ""]).encode("ascii") + bytes(answer.data)


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
        """The application, which the garbage collector need not look at: it stays as long as its process."""
        application = self._build()
        gc.freeze()
        return application


def serve(build: Callable[[], Flask], host: str, port: int, workers: int, threads: int) -> None:
    """Serve until SIGINT or SIGTERM; requests at hand are finished first."""
    options = {
        "bind": f"{host}:{port}",
        "worker_class": DiscreetWorker,
        "logger_class": DiscreetLogger,
        "workers": workers,
        "threads": threads,
        "keepalive": 30,
        "graceful_timeout": 10,
        "loglevel": "warning",
        "forwarded_allow_ips": "",
        "limit_request_line": 4094,
        "limit_request_field_size": 8190,
        "control_socket_disable": True,
    }
    Server(build, options).run()


def configure_logging() -> None:
    """One JSON object per line, on standard error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
