"""How the stand-in behaves: one row per scenario."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from flask import Blueprint, abort

from mock_mycarenet.bodies import load_body
from mock_mycarenet.problems import problem
from mock_mycarenet.storage import Storage
from schemas.mycarenet import ScenarioRequest

DEFAULT: Final = "accept"
RETRY_AFTER_SECONDS: Final = 2


@dataclass(frozen=True, slots=True)
class Decision:
    """The business outcome of one message; `code` says why a rejected one was rejected."""

    outcome: str
    code: str | None = None


def welcome() -> None:
    """Let the request in."""


def accept() -> Decision:
    """Accept the message."""
    return Decision("accepted")


def reject() -> Decision:
    """Reject the message: MyCareNet does not know the person."""
    return Decision("rejected", "unknown-person")


def unreachable() -> NoReturn:
    """Answer 503, as a service that is down behind its front."""
    answer = problem(503, "unavailable", "The stand-in plays an outage.")
    answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    abort(answer)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A behaviour, as what it does at each moment of an exchange.

    `arrive` runs at the start of every request of the exchange, outside any transaction: it may wait, or abort.
    `decide` runs inside the transaction that records a message: what it aborts is not recorded. A scenario that acts
    at a moment not named here adds a field with a harmless default.
    """

    arrive: Callable[[], None] = welcome
    decide: Callable[[], Decision] = accept


# The names are those of `schemas.mycarenet.SCENARIOS`, which refuses any other.
SCENARIOS: Final[dict[str, Scenario]] = {
    "accept": Scenario(),
    "outage": Scenario(arrive=unreachable, decide=unreachable),
    "reject-all": Scenario(decide=reject),
}


def name_in_play(connection: sqlite3.Connection) -> str:
    """The name of the scenario in play; it survives a restart."""
    return next((str(name) for (name,) in connection.execute("SELECT name FROM scenario")), DEFAULT)


def in_play(connection: sqlite3.Connection) -> Scenario:
    """The scenario in play."""
    return SCENARIOS[name_in_play(connection)]


def scenario_door(storage: Storage) -> Blueprint:
    """`GET` and `PUT /scenario`."""
    door = Blueprint("scenario", __name__)

    @door.get("/scenario")
    def read() -> dict[str, str]:
        with storage.reading() as connection:
            return {"name": name_in_play(connection)}

    @door.put("/scenario")
    def choose() -> dict[str, str]:
        name: str = load_body(ScenarioRequest())["name"]
        with storage.transaction() as tx:
            tx.execute("INSERT OR REPLACE INTO scenario (only, name) VALUES (1, ?)", (name,))
        return {"name": name}

    return door
