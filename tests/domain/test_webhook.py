"""Where a webhook may point to: the public network, over https, and nowhere else."""

from __future__ import annotations

import pytest

from gateway.domain.errors import WebhookUrlRefused
from gateway.domain.webhook import check_url, is_public

PUBLIC = (
    "https://software.example/hook?a=b",
    "https://software.example:8443",
    "https://193.53.238.1/x",
    "https://[2a02::1]/",
)
REFUSED = (
    "http://software.example/hook",
    "ftp://software.example/hook",
    "//software.example/hook",
    "https://",
    "https://user:secret@software.example/hook",  # pragma: allowlist secret - invented
    "https://software.example/hook#part",
    "https://software.example:99999/",
    "https://software.example/a b",
    "https://software.example/\x00",
    "https://softwäre.example/",
    "https://localhost/hook",
    "https://intranet/hook",
    "https://register.internal/hook",
    "https://127.0.0.1/hook",
    "https://10.1.2.3/hook",
    "https://169.254.169.254/latest",
    "https://224.0.0.1/",
    "https://0177.0.0.1/",
    "https://[::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[2002:7f00:1::]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[::1",
    "https://a..example/",
)
LOCAL = "http://127.0.0.1:8090/hook"


@pytest.mark.parametrize("url", PUBLIC)
def test_public_address_may_be_told(url: str) -> None:
    check_url(url, is_sandbox=False)
    check_url(url, is_sandbox=True)


@pytest.mark.parametrize("url", REFUSED)
def test_other_address_is_refused_in_the_sandbox_too(url: str) -> None:
    for is_sandbox in (False, True):
        with pytest.raises(WebhookUrlRefused):
            check_url(url, is_sandbox=is_sandbox)


def test_this_machine_may_be_told_in_the_sandbox_alone() -> None:
    check_url(LOCAL, is_sandbox=True)
    with pytest.raises(WebhookUrlRefused):
        check_url(LOCAL, is_sandbox=False)


def test_address_of_no_kind_is_not_public() -> None:
    assert not any(is_public(one) for one in ("192.168.0.1", "fe80::1", "fc00::1", "100.64.0.1", "ff02::1"))
