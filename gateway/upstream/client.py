"""The client of MyCareNet: one message at a time out, answers in by the page.

Stage: identified on the way out. Nothing that is sent or received is ever logged.
"""

from __future__ import annotations

import requests
from marshmallow import ValidationError

from gateway.domain.delivery import Acknowledged, Answer, Message, Outcome, Unacceptable, Unavailable
from gateway.domain.identity import Ssin
from gateway.upstream.bodies import read_at_most
from gateway.upstream.messages import body_of, decode_mailbox
from schemas import strict_json

PAGE = 200
LARGEST_ANSWER_BYTES = 4 * 1024 * 1024
_TIMEOUT_SECONDS = (3.0, 10.0)
_JSON = {"Content-Type": "application/json"}


class MailboxUnavailable(Exception):
    """The mailbox could not be read, or not understood; the answers wait there."""


class MyCareNet:
    """MyCareNet over HTTP, on one kept-alive connection; not for several threads at once."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False

    def send(self, message: Message, ssin: Ssin) -> Outcome:
        """Send a message; what came of it as a value, never as an exception.

        Shape: an answer that is lost leaves the message unacknowledged, so it is sent again under the same id.
        """
        try:
            response = self._post("/messages", body_of(message, ssin))
        except requests.RequestException:
            return Unavailable("unreachable")
        if response.status_code == requests.codes.accepted:
            return Acknowledged()
        if response.status_code in (400, 404, 409, 413, 415, 422):
            return Unacceptable(f"http-{response.status_code}")
        return Unavailable(f"http-{response.status_code}")

    def fetch(self) -> list[Answer]:
        """The answers that wait, oldest first; they come again until confirmed.

        Raises: MailboxUnavailable.
        """
        try:
            response = self._session.get(
                f"{self._url}/mailbox",
                params={"limit": PAGE},
                timeout=_TIMEOUT_SECONDS,
                allow_redirects=False,
                stream=True,
            )
            with response:
                body = read_at_most(response, LARGEST_ANSWER_BYTES)
        except requests.RequestException as error:
            raise MailboxUnavailable from error
        if response.status_code != requests.codes.ok or len(body) > LARGEST_ANSWER_BYTES:
            raise MailboxUnavailable
        try:
            return decode_mailbox(body)
        except (ValidationError, strict_json.StrictJsonError) as error:
            raise MailboxUnavailable from error

    def confirm(self, answer_ids: list[str]) -> None:
        """Tell MyCareNet that answers are recorded here; unheard, they only come again."""
        try:
            self._post("/mailbox/confirmations", strict_json.dumps({"answers": answer_ids}))
        except requests.RequestException:
            return

    def _post(self, path: str, body: bytes) -> requests.Response:
        """Post JSON, without the session's merging of cookies and proxies, which costs as much as the sending.

        Shape: the answer's body is read whole, for the connection's sake, but no more of it than is ever taken.
        """
        request = requests.PreparedRequest()
        request.prepare(method="POST", url=self._url + path, headers=_JSON, data=body)
        with self._session.send(request, timeout=_TIMEOUT_SECONDS, allow_redirects=False, stream=True) as response:
            read_at_most(response, LARGEST_ANSWER_BYTES)
        return response
