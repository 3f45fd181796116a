"""The schema's migrations, run from code; Alembic keeps their order."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.exc import OperationalError

from gateway.domain.errors import StoreUnavailable
from gateway.store import dialects
from gateway.store.distribution import begin_to_spread, is_spread, spread
from gateway.store.rights import give_rights

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(database_url: str, *, distributed: bool = False) -> None:
    """Bring a database to the newest schema, and give each role its rights; one that is there already is left alone.

    Shape: a register that is spread over machines, or is asked to be, has every table spread.
    Raises: UnsafeStore for an engine that the register does not run on, or that cannot be spread; StoreUnavailable
    when it does not answer.
    """
    from alembic import command  # noqa: PLC0415 - no process but this command's needs it, and it is slow to load
    from alembic.config import Config  # noqa: PLC0415 - as above

    engine = dialects.open_engine(database_url, 1)
    try:
        with engine.begin() as connection:
            shall_be_spread = distributed or is_spread(connection)
            if shall_be_spread:
                begin_to_spread(connection)
            configuration = Config()
            configuration.set_main_option("script_location", str(MIGRATIONS))
            configuration.attributes["connection"] = connection
            command.upgrade(configuration, "head")
            give_rights(connection, is_spread=shall_be_spread)
            if shall_be_spread:
                spread(connection)
    except OperationalError as error:
        raise StoreUnavailable from error
    finally:
        engine.dispose()
