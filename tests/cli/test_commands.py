"""The commands: what they print, with which code they end, and that nobody is shown a traceback."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from gateway import cli
from gateway.clock import SandboxClock
from gateway.domain.rulebook import RULES
from gateway.pseudonyms.veil import Veil
from gateway.store.transaction import Store
from schemas.catalogue import ProjectRequest
from tests.live.catalogue import a_project


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    output: str
    errors: str


Run = Callable[..., Ended]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Settings for a data directory of its own, in the sandbox's mode so that the clock can be set."""
    for name, value in {
        "DATA_DIR": str(tmp_path / "data"),
        "SANDBOX": "1",
        "ISSUER": "http://127.0.0.1:9",
        "MYCARENET_URL": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(f"CHRONICCARE_{name}", value)
    (tmp_path / "data").mkdir()
    return monkeypatch


@pytest.fixture
def run(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process, as the installed one would."""

    def run(*arguments: object) -> Ended:
        environment.setattr(sys, "argv", ["chroniccare", *map(str, arguments)])
        try:
            cli.main()
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        said = capsys.readouterr()
        return Ended(status, said.out, unframed(said.err))

    return run


@pytest.fixture
def apart(environment: pytest.MonkeyPatch) -> Run:
    """Run a command in a process of its own."""

    def run(*arguments: object) -> Ended:
        command = [sys.executable, "-m", "gateway", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return Ended(done.returncode, done.stdout, unframed(done.stderr))

    return run


def unframed(text: str) -> str:
    """A message without the frame and the line breaks that a terminal's width gives it."""
    return re.sub(r"\s+", " ", re.sub(r"[│╭╮╰╯─]", " ", text)).strip()


def test_without_keys_the_gateway_does_not_start_and_says_which_command_makes_them(tmp_path: Path, apart: Run) -> None:
    ended = apart("serve", "--port", "0")

    ring = tmp_path / "data" / "keys.json"
    assert ended == Ended(2, "", f"chroniccare: there is no key ring at {ring}: chroniccare keys create")


@pytest.mark.parametrize("missing", ["ISSUER", "MYCARENET_URL"])
def test_a_missing_setting_is_named(environment: pytest.MonkeyPatch, run: Run, apart: Run, missing: str) -> None:
    run("keys", "create")
    environment.delenv(f"CHRONICCARE_{missing}")

    ended = apart("check")

    assert ended.status == 2
    assert ended.errors.startswith(f"chroniccare: CHRONICCARE_{missing} is missing")


def test_an_ill_formed_setting_is_named(environment: pytest.MonkeyPatch, run: Run) -> None:
    environment.setenv("CHRONICCARE_THREADS", "many")

    assert run("migrate") == Ended(2, "", "chroniccare: CHRONICCARE_THREADS is a number from 1 to 1000")


def test_keys_are_made_once_and_never_overwritten(tmp_path: Path, run: Run) -> None:
    ring = tmp_path / "data" / "keys.json"

    made = run("keys", "create")
    written = ring.read_bytes()
    again = run("keys", "create")

    assert made == Ended(0, f"{ring}: keep a copy apart; without it the register cannot be read\n", "")
    assert again == Ended(2, "", f"chroniccare: {ring} exists and is never overwritten: choose another file")
    assert ring.read_bytes() == written
    assert ring.stat().st_mode & 0o777 == 0o400
    assert [path.name for path in ring.parent.iterdir()] == ["keys.json"]


def test_key_of_the_issuer_is_denied_and_trusted_again(run: Run) -> None:
    run("keys", "create")
    run("migrate")

    denied = run("keys", "deny-kid", "ec-1")
    lifted = run("keys", "deny-kid", "ec-1", "--lift")
    again = run("keys", "deny-kid", "ec-1", "--lift")
    odd = run("keys", "deny-kid", "ec/1")

    assert denied == Ended(0, "ec-1: denied, on every gateway within 60 seconds\n", "")
    assert lifted == Ended(0, "ec-1: trusted again, on every gateway within 60 seconds\n", "")
    assert (again.status, odd.status) == (2, 2)
    assert "it is not denied" in again.errors
    assert "1 to 64 letters" in odd.errors


def test_keys_that_others_may_read_are_refused(tmp_path: Path, run: Run) -> None:
    run("keys", "create")
    (tmp_path / "data" / "keys.json").chmod(0o644)

    ended = run("release", "--due")

    assert ended.status == 2
    assert ended.errors.endswith(f"chmod 400 {tmp_path / 'data' / 'keys.json'}")


def test_check_goes_through_settings_keys_and_databases(
    tmp_path: Path, run: Run, apart: Run, environment: pytest.MonkeyPatch
) -> None:
    run("keys", "create")

    before = apart("check")
    migrated = [run("migrate"), run("migrate")]
    after = apart("check")
    environment.setenv("CHRONICCARE_REPLICA_URL", "postgresql+psycopg://127.0.0.1:9/register")
    without_its_replica = apart("check")

    assert before.status == 2
    assert before.errors.endswith("chroniccare migrate")
    assert migrated == [Ended(0, "the schema is current\n", "")] * 2
    assert after == Ended(0, "settings, keys and database are in order\n", "")
    assert (without_its_replica.status, without_its_replica.output) == (2, "")
    assert without_its_replica.errors.startswith("chroniccare: the database does not answer")


def test_a_database_that_does_not_answer_is_said_in_a_sentence(environment: pytest.MonkeyPatch, run: Run) -> None:
    run("keys", "create")
    database = "postgresql+psycopg://reader:quite-secret@127.0.0.1:9/register"  # pragma: allowlist secret - invented
    environment.setenv("CHRONICCARE_DATABASE_URL", database)

    ended = run("release", "--due")

    assert ended.status == 2
    assert ended.errors == "chroniccare: the database does not answer, or its schema is not there: chroniccare migrate"


def test_another_engine_is_refused(environment: pytest.MonkeyPatch, run: Run) -> None:
    environment.setenv("CHRONICCARE_DATABASE_URL", "mysql://127.0.0.1/register")

    ended = run("migrate")

    assert (ended.status, ended.output) == (2, "")
    assert ended.errors == "chroniccare: the register runs on SQLite or PostgreSQL, not on mysql"


def test_a_database_without_citus_cannot_be_spread(run: Run) -> None:
    ended = run("migrate", "--distributed")

    assert (ended.status, ended.output) == (2, "")
    assert "needs PostgreSQL with Citus" in ended.errors


def test_a_database_that_is_away_cannot_be_migrated(environment: pytest.MonkeyPatch, run: Run) -> None:
    environment.setenv("CHRONICCARE_DATABASE_URL", "postgresql+psycopg://reader@127.0.0.1:9/register")

    assert run("migrate").status == 2


def test_an_address_that_is_none_is_refused(environment: pytest.MonkeyPatch, run: Run) -> None:
    environment.setenv("CHRONICCARE_DATABASE_URL", "register")

    assert run("migrate").status == 2


@pytest.mark.parametrize("language", ["fr", "nl", "de", "en"])
def test_the_rule_book_is_printed_in_four_languages(run: Run, language: str) -> None:
    ended = run("rules", "--language", language)

    assert ended.status == 0
    assert re.findall(r"^([A-Z][0-9]+) \(", ended.output, re.MULTILINE) == list(RULES)


def test_another_language_is_refused(run: Run) -> None:
    ended = run("rules", "--language", "xx")

    assert ended.status == 2
    assert "fr, nl, de, en" in ended.errors


@pytest.fixture
def clock(environment: pytest.MonkeyPatch, run: Run, database_url: str, tmp_path: Path) -> SandboxClock:
    """A register with one project, on both stores; its clock stands on 9 March 2022."""
    environment.setenv("CHRONICCARE_DATABASE_URL", database_url)
    run("keys", "create")
    clock = SandboxClock(tmp_path / "data" / "clock")
    clock.move(datetime.fromisoformat("2022-03-09T22:59:59Z"))
    with closing(Store(database_url, clock)) as store, store.transaction() as tx:
        project = ProjectRequest().load(a_project("demo-nord"))
        tx.catalogue.add_project(project, clock())
    return clock


def test_a_month_is_released_on_its_day_and_once(clock: SandboxClock, run: Run) -> None:
    early = run("release", "--month", "2022-02", "--measures", "actions")
    clock.move(datetime.fromisoformat("2022-03-09T23:00:00Z"))
    closed = run("release", "--month", "2022-02", "--measures", "actions")
    again = run("release", "--month", "2022-02", "--measures", "actions")

    assert early.status == 2
    assert early.errors.endswith("2022-02 can be closed from 2022-03-10")
    assert closed == Ended(0, "actions-month-2022-02-1: 0 cells published\n", "")
    assert again.status == 2
    assert again.errors.endswith("2022-02 is released and never computed again")


def test_everything_that_is_due_is_released_and_nothing_else(clock: SandboxClock, run: Run) -> None:
    clock.move(datetime.fromisoformat("2022-03-10T08:00:00Z"))

    closed = run("release", "--due", "--measures", "actions")
    again = run("release", "--due", "--measures", "actions")

    months = [
        f"actions-month-{month}-1" for month in ("2021-09", "2021-10", "2021-11", "2021-12", "2022-01", "2022-02")
    ]
    others = ["actions-quarter-2021-Q3-1", "actions-quarter-2021-Q4-1", "actions-year-2021-1"]
    assert [line.split(":")[0] for line in closed.output.splitlines()] == [*months, *others]
    assert again == Ended(0, "", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--convention", "nowhere"), "no project is called nowhere"),
        (("--convention", "demo-nord"), "demo-nord can be closed from 2023-03-14"),
        (("--month", "2022-3"), "not a month, which is written like 2022-03"),
        (("--quarter", "2022-02"), "not a quarter, which is written like 2022-Q1"),
        (("--year", "22"), "not a year, which is written like 2022"),
        (("--convention", "Demo"), "not a convention, which is written as the id of its project"),
        ((), "name exactly one of --month, --quarter, --year, --convention, --due"),
        (("--month", "2022-02", "--due"), "name exactly one of --month, --quarter, --year, --convention, --due"),
    ],
)
def test_a_period_that_cannot_be_released_is_refused(
    clock: SandboxClock, run: Run, arguments: tuple[str, ...], message: str
) -> None:
    ended = run("release", *arguments)

    assert (ended.status, ended.output) == (2, "")
    assert ended.errors.endswith(message)


@pytest.fixture
def receipt(veil: Veil, tmp_path: Path) -> tuple[Path, Path]:
    """A receipt and the keys to check it with, as files."""
    file, jwks = tmp_path / "receipt.jws", tmp_path / "jwks.json"
    file.write_text(veil.receipts.sign({"id": "1", "kind": "inclusion"}) + "\n", encoding="ascii")
    jwks.write_text(json.dumps(veil.receipts.jwks()), encoding="utf-8")
    return file, jwks


def test_a_receipt_is_verified_offline(receipt: tuple[Path, Path], run: Run) -> None:
    file, jwks = receipt

    ended = run("receipt", "verify", file, "--jwks", jwks)

    assert (ended.status, ended.errors) == (0, "")
    assert json.loads(ended.output) == {"id": "1", "kind": "inclusion"}


@pytest.mark.parametrize("spoilt", ["", "a", "a.b.c", "é"])
def test_what_is_no_receipt_is_refused(receipt: tuple[Path, Path], run: Run, spoilt: str) -> None:
    file, jwks = receipt
    file.write_text(spoilt, encoding="utf-8")

    ended = run("receipt", "verify", file, "--jwks", jwks)

    assert ended == Ended(1, "", "the receipt is not one of these keys, or was changed")


@pytest.mark.parametrize("spoilt", ["", "[]", "5", '{"keys": []}', '{"keys": [5]}', "[1]"])
def test_a_receipt_of_other_keys_is_refused(receipt: tuple[Path, Path], run: Run, spoilt: str) -> None:
    file, jwks = receipt
    jwks.write_text(spoilt, encoding="utf-8")

    ended = run("receipt", "verify", file, "--jwks", jwks)

    assert ended == Ended(1, "", "the receipt is not one of these keys, or was changed")


def test_a_changed_receipt_is_refused(receipt: tuple[Path, Path], run: Run) -> None:
    file, jwks = receipt
    header, payload, signature = file.read_text(encoding="ascii").strip().split(".")
    file.write_text(f"{header}.{payload[:-2]}{'A' if payload[-2] != 'A' else 'B'}{payload[-1]}.{signature}", "ascii")

    ended = run("receipt", "verify", file, "--jwks", jwks)

    assert ended.status == 1


def test_one_round_of_delivery_with_nobody_to_deliver_to_ends_well(run: Run, apart: Run) -> None:
    run("keys", "create")
    run("migrate")

    ended = apart("deliver", "--once")

    assert (ended.status, ended.output) == (0, "")
    assert json.loads(ended.errors)["event"] == "mailbox_unavailable"


def test_a_token_file_that_is_not_there_is_named(tmp_path: Path, run: Run) -> None:
    lines = tmp_path / "lines.ndjson"
    lines.touch()

    ended = run("import", lines, "--token-file", tmp_path / "token")

    assert ended == Ended(2, "", f"chroniccare: {tmp_path / 'token'} cannot be read as an access token")


def test_a_register_is_backed_up_and_put_back_where_there_is_none(tmp_path: Path, run: Run) -> None:
    folder, register = tmp_path / "backup", tmp_path / "data" / "register.sqlite3"
    run("keys", "create")
    run("migrate")

    made = run("backup", folder)
    refused = run("restore", folder)
    register.unlink()
    put_back = run("restore", folder)

    assert made.status == 0
    assert "the key ring is not in it" in made.output
    assert refused == Ended(2, "", f"chroniccare: {register} exists, and a register is never overwritten: move it away")
    assert (put_back.status, put_back.errors) == (0, "")
    assert put_back.output.startswith("restored as of ")
    assert register.exists()
    assert run("migrate") == Ended(0, "the schema is current\n", "")
