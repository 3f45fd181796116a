"""`chroniccare deliver retry` and `resend`: another try for what failed or was lost, and why not for the rest."""

from __future__ import annotations

import sys
from collections.abc import Callable
from uuid import UUID

import pytest

from gateway import cli
from gateway.domain.delivery import Unacceptable
from gateway.services.change_identity import change_identity
from gateway.services.collect_answers import collect_answers
from gateway.services.deliver_outbox import deliver_outbox
from gateway.store.tables import outbox
from tests.services.desk import ADMIN, Desk, ssin
from tests.services.test_deliver_outbox import PACE, Wire, answer_to
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


def test_message_that_mycarenet_took_is_sent_again_and_any_other_is_told_why_not(desk: Desk, run: Run) -> None:
    failed = _failed(desk)
    taken = UUID(str(desk.include(1).known.inclusion.message_id))
    asked = "--reason", "dropped"
    waiting = run("resend", taken, *asked)
    deliver_outbox(desk.context, Wire(), PACE)

    again = run("resend", taken, *asked)

    assert (waiting[0], waiting[2]) == (1, f"{taken}: it is not sent yet, and will be tried by itself")
    assert run("resend", failed, *asked)[2] == f"{failed}: it failed: deliver retry is for that"
    assert (again[0], again[1].startswith(f"{taken}: due again (inclusion ")) == (0, True)
    assert {row["state"] for row in rows(desk.database_url, outbox) if row["id"] == taken} == {"pending"}


def test_message_whose_number_is_destroyed_is_not_sent_again(desk: Desk, run: Run) -> None:
    one = desk.include().known.inclusion
    answer = answer_to(desk)
    desk.ask(ADMIN, change_identity, one.id, ssin(1), "mistyped")
    collect_answers(desk.context, Wire(answers=[answer]))

    ended = run("resend", answer.message_id, "--reason", "asked-for")

    assert (ended[0], "a number that was replaced since and is destroyed" in ended[2]) == (1, True)


@pytest.mark.parametrize(
    "arguments", [("retry", UUID(int=1)), ("retry", UUID(int=1), "--reason", "hope"), ("--once", "retry", UUID(int=1))]
)
def test_retry_takes_a_reason_from_the_list_and_nothing_else(desk: Desk, run: Run, arguments: tuple[object]) -> None:
    status, output, errors = run(*arguments)

    assert (status, output) == (2, "")
    assert "--reason" in errors or "--once" in errors
