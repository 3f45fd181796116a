"""Reading what another side sends: never more than a bound, and whatever goes wrong under one name."""

from __future__ import annotations

import requests

_CHUNK_BYTES = 64 * 1024


def read_at_most(response: requests.Response, most: int) -> bytes:
    """The body of a streamed response; more than `most` bytes only says that it is longer.

    Raises: requests.RequestException when it is cut, reset, too slow or ill-encoded. `response.raw.read` would raise
    errors of urllib3 there, which are none of requests'.
    """
    body = bytearray()
    for chunk in response.iter_content(_CHUNK_BYTES):
        body += chunk
        if len(body) > most:
            break
    return bytes(body)
