"""The pseudonymisation service over real HTTP in this process, and who owns a domain of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import request
from werkzeug.serving import make_server

from gateway.pseudonyms.blind import Owner
from gateway.upstream.pseudonymisation import PseudonymisationService
from mock_mycarenet.app import create_app
from tests.http.issuer import PrivateKey, an_rsa_key, public_jwk

DOMAIN = "chroniccare"


@dataclass
class Played:
    """The service as it is played: where, what it was sent, and what happens while it is asked."""

    url: str = ""
    sent: list[tuple[str, Any]] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None
    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        """Real time, moved forward by `ahead`."""
        return datetime.now(UTC) + self.ahead

    def owner(self, domain: str = DOMAIN) -> Owner:
        """Who owns a domain, told to the service."""
        url = f"{self.url}/pseudo/v1/domains/{domain}"
        told = requests.put(f"{url}/owner", json={"public_key": public_jwk(an_rsa_key(), "owner-1")}, timeout=10)
        assert told.status_code == 200, told.text
        return Owner(PseudonymisationService(url, self.now), an_rsa_key(), self.now)

    def play(self, scenario: str) -> None:
        """Let it behave otherwise."""
        assert requests.put(f"{self.url}/scenario", json={"name": scenario}, timeout=10).ok


@contextmanager
def a_service(home: Path) -> Iterator[Played]:
    """The service, until the block ends."""
    played, app = Played(), create_app(home, "http://127.0.0.1:8081")

    @app.before_request
    def see() -> None:
        if request.path.endswith("/pseudonymize") or request.method == "GET":
            played.sent.append((request.path, request.get_json(silent=True)))
            played.meanwhile()

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    played.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield played
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def pem(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
