"""`chroniccare deliver retry`: another try for what failed, and a sentence for what did not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from uuid import UUID

import pytest

from gateway import cli
from gateway.domain.delivery import Unacceptable
from gateway.services.deliver_outbox import deliver_outbox
from gateway.store.tables import outbox
from tests.services.desk import Desk
from tests.services.test_deliver_outbox import PACE, Wire
from tests.store.rows import rows

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `chroniccare deliver` in this process."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["chroniccare", "deliver", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out, " ".join(said.err.split())

    return run


def _failed(desk: Desk) -> UUID:
    desk.include()
    deliver_outbox(desk.context, Wire(Unacceptable("http-422")), PACE)
    return UUID(str(rows(desk.database_url, outbox)[0]["id"]))


def test_failed_message_is_due_again(desk: Desk, run: Run) -> None:
    message = _failed(desk)

    ended = run("retry", message, "--reason", "mended-there")

    (row,) = rows(desk.database_url, outbox)
    assert ended == (0, f"{message}: due again (inclusion {row['reference']})\n", "")
    assert (row["state"], row["reason"]) == ("pending", None)


def test_message_that_did_not_fail_is_left_alone_and_told_why(desk: Desk, run: Run) -> None:
    message = _failed(desk)
    run("retry", message, "--reason", "mended-there")

    again = run("retry", message, "--reason", "mended-there")
    unknown = run("retry", UUID(int=message.int ^ 1), "--reason", "mended-there")

    assert again == (1, "", f"{message}: it is not sent yet, and will be tried by itself")
    assert (unknown[0], unknown[2].endswith(": there is no such message")) == (1, True)


@pytest.mark.parametrize(
    "arguments", [("retry", UUID(int=1)), ("retry", UUID(int=1), "--reason", "hope"), ("--once", "retry", UUID(int=1))]
)
def test_retry_takes_a_reason_from_the_list_and_nothing_else(desk: Desk, run: Run, arguments: tuple[object]) -> None:
    status, output, errors = run(*arguments)

    assert (status, output) == (2, "")
    assert "--reason" in errors or "--once" in errors
