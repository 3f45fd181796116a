"""The one place that knows every part of the stand-in."""

from pathlib import Path

from flask import Flask

from mock_mycarenet.exchange import exchange_door
from mock_mycarenet.identity_provider import identity_door
from mock_mycarenet.ledger import ledger_door
from mock_mycarenet.members import members_door
from mock_mycarenet.problems import install_problems
from mock_mycarenet.pseudonymisation import pseudonymisation_door
from mock_mycarenet.scenarios import Stage, scenario_door
from mock_mycarenet.signing_key import signing_key
from mock_mycarenet.statement import statement_door
from mock_mycarenet.storage import Storage


def create_app(data_dir: Path, issuer: str) -> Flask:
    """The stand-in over the files in `data_dir`, which is made when it is missing; `issuer` is its own address."""
    data_dir.mkdir(parents=True, exist_ok=True)
    storage = Storage(data_dir / "mock.sqlite3")
    stage = Stage(storage)
    app = Flask(__name__, static_folder=None)
    for door in (
        identity_door(issuer, signing_key(data_dir / "signing-key.pem")),
        exchange_door(storage, stage),
        ledger_door(storage),
        members_door(),
        scenario_door(stage),
        statement_door(storage),
        pseudonymisation_door(storage, stage),
    ):
        app.register_blueprint(door)
    app.add_url_rule("/live", "live", lambda: {"status": "live"})
    install_problems(app)
    return app
