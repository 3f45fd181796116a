"""The client of MyCareNet: messages out one by one, answers in by the page.

Stage: identified on the way out. Nothing that is sent or received is ever logged.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import requests
from marshmallow import ValidationError

from gateway.domain.delivery import Acknowledged, Answer, Message, Outcome, StatementLine, Unacceptable, Unavailable
from gateway.domain.identity import Ssin
from gateway.upstream.bodies import read_at_most
from gateway.upstream.deadlines import timed_session
from gateway.upstream.messages import (
    OtherMessage,
    decode_acknowledgement,
    decode_mailbox,
    decode_statement,
    encode,
)
from schemas import strict_json

PAGE = 200
LARGEST_ANSWER_BYTES = 4 * 1024 * 1024
TOTAL_SECONDS = 20.0
_TIMEOUT_SECONDS = (3.0, 10.0)
_JSON = {"Content-Type": "application/json"}


class MailboxUnavailable(Exception):
    """The mailbox could not be read, or not understood; the answers wait there."""


class MyCareNet:
    """MyCareNet over HTTP, on connections that are kept alive; what is sent may be sent by several threads at once."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session = timed_session(TOTAL_SECONDS)
        self._form = lru_cache(_form)

    def send(self, message: Message, ssin: Ssin) -> Outcome:
        """Send a message; what came of it as a value, never as an exception.

        Shape: an acknowledgement that is lost, unreadable or to another message leaves this one unacknowledged, so it
        is sent again under the same id.
        """
        try:
            response, body = self._post("/messages", encode(message, ssin))
        except requests.RequestException:
            return Unavailable("unreachable")
        if response.status_code == requests.codes.accepted:
            return _acknowledged(body, message)
        if response.status_code in (400, 404, 409, 413, 415, 422):
            return Unacceptable(f"http-{response.status_code}")
        return Unavailable(f"http-{response.status_code}")

    def fetch(self) -> list[Answer]:
        """The answers that wait, oldest first; they come again until confirmed.

        Raises: MailboxUnavailable.
        """
        try:
            return decode_mailbox(self._get("/mailbox", {"limit": str(PAGE)}))
        except (ValidationError, strict_json.StrictJsonError) as error:
            raise MailboxUnavailable from error

    def statement(self, project: str, month: str) -> Iterator[StatementLine]:
        """What MyCareNet received, decided and answered of a project's facts of a month, in order of receipt.

        Cost: a page in memory at a time.
        Raises: MailboxUnavailable, at any page.
        """
        asked = {"project": project, "month": month, "limit": str(PAGE)}
        while True:
            try:
                lines, following = decode_statement(self._get("/statement", asked))
            except (ValidationError, strict_json.StrictJsonError) as error:
                raise MailboxUnavailable from error
            yield from lines
            if following is None:
                return
            asked["cursor"] = following

    def confirm(self, answer_ids: list[str]) -> None:
        """Tell MyCareNet that answers are recorded here; unheard, they only come again."""
        try:
            self._post("/mailbox/confirmations", strict_json.dumps({"answers": answer_ids}))
        except requests.RequestException:
            return

    def _get(self, path: str, asked: dict[str, str]) -> bytes:
        try:
            response = self._session.get(
                self._url + path, params=asked, timeout=_TIMEOUT_SECONDS, allow_redirects=False, stream=True
            )
            with response:
                body = read_at_most(response, LARGEST_ANSWER_BYTES)
        except requests.RequestException as error:
            raise MailboxUnavailable from error
        if response.status_code != requests.codes.ok or len(body) > LARGEST_ANSWER_BYTES:
            raise MailboxUnavailable
        return body

    def _post(self, path: str, body: bytes) -> tuple[requests.Response, bytes]:
        """Post JSON past the session: its cookies and proxies cost as much as the sending, and belong to one thread.

        Shape: the answer's body is read whole, for the connection's sake, but no more of it than is ever taken.
        """
        request = self._form(self._url + path).copy()
        request.prepare_body(body, None)
        adapter = self._session.get_adapter(self._url)
        with adapter.send(request, stream=True, timeout=_TIMEOUT_SECONDS) as response:
            return response, read_at_most(response, LARGEST_ANSWER_BYTES)


def _form(url: str) -> requests.PreparedRequest:
    """A post to an address, without its body; made once, as checking the address costs as much as sending.

    Raises: requests.RequestException.
    """
    form = requests.PreparedRequest()
    form.prepare(method="POST", url=url, headers=_JSON)
    return form


def _acknowledged(body: bytes, message: Message) -> Outcome:
    if len(body) > LARGEST_ANSWER_BYTES:
        return Unavailable("not-acknowledged")
    try:
        return Acknowledged(decode_acknowledgement(body, message))
    except (ValidationError, strict_json.StrictJsonError, OtherMessage):
        return Unavailable("not-acknowledged")
