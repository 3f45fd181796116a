"""The key of one release: 256 random bits that live as long as the job that closes a period.

Source: DISCLOSURE 3 and 5.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable


def release_key() -> Callable[[str], int]:
    """A keyed draw: a label in, 64 uniform bits out.

    Shape: 0 to 2^64 - 1. The key has no other holder than the function; it is gone with it.
    """
    key = secrets.token_bytes(32)
    return lambda label: int.from_bytes(hmac.digest(key, label.encode(), "sha256")[:8], "big")
