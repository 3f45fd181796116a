"""The client of eHealth's blind pseudonymisation: a blinded point out, a pseudonym in transit back.

Stage: neither an identity nor a pseudonym goes out; what comes back is a pseudonym only for who blinded the point.
Source: https://github.com/smals-belgium/shared-pseudo-helper-java.
Not: eHealth's log-in. A proxy beside the gateway has to add the token that eHealth asks for.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import requests
import structlog
from marshmallow import Schema, ValidationError

from gateway.domain.circuit import Circuit, CircuitState
from gateway.domain.delivery import Backoff
from gateway.domain.errors import PseudonymiserUnavailable
from gateway.upstream.bodies import read_at_most
from gateway.upstream.deadlines import timed_session
from schemas import strict_json
from schemas.mycarenet.ehealth import CURVE, BlindedPoint, PseudonymDomain, PseudonymInTransit

TOTAL_SECONDS = 4.0
LARGEST_ANSWER_BYTES = 256 * 1024
_TIMEOUT_SECONDS = (1.0, 3.0)
_JSON = {"Content-Type": "application/json", "Accept": "application/json"}
_ASKED_FOR = timedelta(seconds=TOTAL_SECONDS + sum(_TIMEOUT_SECONDS))
log = structlog.get_logger("chroniccare.pseudonymisation")


class PseudonymisationService:
    """One domain of the service over HTTP, for several threads at once, each on a connection of its own.

    Shape: after some failures in a row nobody is asked for a while, then one request is let through.
    """

    def __init__(self, url: str, now: Callable[[], datetime]) -> None:
        self._url = url.rstrip("/")
        self._name = self._url.rsplit("/", 1)[-1]
        self._now = now
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._circuit = Circuit()

    def domain(self) -> Mapping[str, Any]:
        """What the service says of the domain. Raises: PseudonymiserUnavailable."""
        return self._asked("GET", "", None, PseudonymDomain())

    def pseudonymise(self, x: bytes, y: bytes) -> tuple[bytes, str]:
        """The x-coordinate of a blinded point's pseudonym in transit, and its transit.

        Raises: PseudonymiserUnavailable.
        """
        question = BlindedPoint().dump({"id": uuid4(), "crv": CURVE, "x": x, "y": y})
        answer = self._asked("POST", "/pseudonymize", strict_json.dumps(question), PseudonymInTransit())
        return answer["x"], answer["transit"]

    def _asked(self, method: str, path: str, body: bytes | None, schema: Schema) -> Mapping[str, Any]:
        self._enter()
        try:
            answer: Mapping[str, Any] = schema.load(strict_json.loads(self._sent(method, path, body)))  # type: ignore[arg-type]  # checked by load
            if answer["domain"] != self._name:
                raise ValueError("another domain answers there")
        except (requests.RequestException, ValidationError, ValueError) as error:
            self._leave(is_there=False)
            raise PseudonymiserUnavailable from error
        self._leave(is_there=True)
        return answer

    def _sent(self, method: str, path: str, body: bytes | None) -> bytes:
        if not hasattr(self._mine, "session"):
            self._mine.session = timed_session(TOTAL_SECONDS)
        with self._mine.session.request(
            method,
            self._url + path,
            data=body,
            headers=_JSON,
            timeout=_TIMEOUT_SECONDS,
            allow_redirects=False,
            stream=True,
        ) as response:
            answer = read_at_most(response, LARGEST_ANSWER_BYTES)
        if response.status_code != requests.codes.ok or len(answer) > LARGEST_ANSWER_BYTES:
            raise ValueError("not an answer of the service")
        return answer

    def _enter(self) -> None:
        """Let a request through, or none while the circuit is open; of a probe the others wait for the outcome.

        Raises: PseudonymiserUnavailable.
        """
        with self._lock:
            now = self._now()
            state = self._circuit.state(now)
            if state is CircuitState.OPEN:
                raise PseudonymiserUnavailable
            if state is CircuitState.HALF_OPEN:
                self._circuit = self._circuit.probed(now + _ASKED_FOR)

    def _leave(self, *, is_there: bool) -> None:
        with self._lock:
            before = self._circuit
            chance = random.random()  # noqa: S311 - jitter, no secret
            self._circuit = before.after(is_there, self._now(), Backoff(), chance)
        if (before.open_until is None) != (self._circuit.open_until is None):
            log.warning("circuit_closed" if is_there else "circuit_opened")
