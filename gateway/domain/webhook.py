"""Where a webhook may point to, and for how long its events are tried.

Source: OWASP, Server-Side Request Forgery Prevention: a receiver is on the public network, never beside the gateway.
"""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from gateway.domain.errors import WebhookUrlRefused

TRIED_FOR = timedelta(days=30)
MOST_OF_A_PROJECT = 10
SANDBOX_HOST = "127.0.0.1"
_TRANSLATED = ip_network("64:ff9b::/96")
_INSIDE = ("localhost", "local", "internal", "lan", "home", "corp", "arpa", "test", "invalid")


def check_url(url: str, *, is_sandbox: bool) -> None:
    """Refuse an address that events must not be sent to.

    Shape: https to a public name or address, without credentials or fragment; in the sandbox also http to 127.0.0.1.
    Raises: WebhookUrlRefused.
    Not: what a name resolves to, which is looked at again whenever something is sent.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise WebhookUrlRefused from None
    is_local = is_sandbox and (parts.scheme, host) == ("http", SANDBOX_HOST)
    is_plain = parts.username is None and not parts.fragment and url.isascii() and url.isprintable() and " " not in url
    if not is_plain or not (is_local or (parts.scheme == "https" and _may_be_public(host))):
        raise WebhookUrlRefused


def _may_be_public(host: str) -> bool:
    try:
        return is_public(str(ip_address(host)))
    except ValueError:
        labels = host.rstrip(".").split(".")
        return len(labels) > 1 and labels[-1] not in _INSIDE and not labels[-1].isdigit() and all(labels)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public network.

    >>> [is_public(one) for one in ("193.53.238.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1")]
    [True, False, False, False, False]
    """
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if inner is not None:
            return is_public(str(inner))
        if parsed in _TRANSLATED:
            return False
    return parsed.is_global and not parsed.is_multicast
