"""How a register is spread over machines: the statements in their order, and who is refused them."""

from __future__ import annotations

import pytest
from sqlalchemy import NullPool, create_engine

from gateway.store.dialects import UnsafeStore
from gateway.store.distribution import ON_EVERY_NODE, PLACES, statements
from gateway.store.migrate import migrate
from tests.citus import CITUS
from tests.conftest import STORES
from tests.store.rows import counts

ALWAYS = """\
ALTER DATABASE "register" SET citus.propagate_set_commands = 'local'
ALTER ROLE chroniccare_worker SET chroniccare.projects = '*'
ALTER ROLE chroniccare_release SET chroniccare.projects = '*'
ALTER ROLE chroniccare_gateway LOGIN
ALTER ROLE chroniccare_gateway SET lock_timeout = 5000
ALTER ROLE chroniccare_worker LOGIN
ALTER ROLE chroniccare_worker SET lock_timeout = 5000
ALTER ROLE chroniccare_release LOGIN
ALTER ROLE chroniccare_release SET lock_timeout = 5000
ALTER ROLE chroniccare_reader LOGIN
ALTER ROLE chroniccare_reader SET lock_timeout = 5000
"""
ONCE = """\
SELECT create_reference_table('catalogue_version')
SELECT create_reference_table('project')
SELECT create_reference_table('zone')
SELECT create_reference_table('pseudocode')
SELECT create_reference_table('assignment')
SELECT create_reference_table('partner')
SELECT create_reference_table('catalogue_history')
SELECT create_reference_table('denied_key')
SELECT create_reference_table('webhook')
SELECT create_reference_table('release')
SELECT create_reference_table('cell')
SELECT create_reference_table('pulse')
SELECT create_reference_table('latency')
SELECT create_reference_table('lane_beat')
SELECT create_distributed_table('inclusion', 'bucket')
SELECT create_distributed_table('action', 'bucket', colocate_with => 'inclusion')
SELECT create_distributed_table('beneficiary', 'bucket', colocate_with => 'inclusion')
SELECT create_distributed_table('vault', 'bucket', colocate_with => 'inclusion')
SELECT create_distributed_table('former_pseudonym', 'bucket', colocate_with => 'inclusion')
SELECT create_distributed_table('outbox', 'bucket', colocate_with => 'inclusion')
SELECT create_distributed_table('delivery_failure', 'bucket', colocate_with => 'inclusion')
SELECT create_distributed_table('moved', 'bucket', colocate_with => 'inclusion')
SELECT create_distributed_table('audit_entry', 'bucket', colocate_with => 'inclusion')
SELECT create_distributed_table('audit_chain', 'bucket', colocate_with => 'inclusion')
SELECT create_distributed_table('webhook_event', 'bucket', colocate_with => 'inclusion')
SELECT create_distributed_table('idempotency', 'shard', colocate_with => 'inclusion')
SELECT create_distributed_table('rate', 'shard', colocate_with => 'inclusion')
SELECT create_distributed_table('batch', 'shard', colocate_with => 'inclusion')
SELECT create_distributed_table('batch_line', 'shard', colocate_with => 'inclusion')
SELECT create_distributed_table('extract', 'shard', colocate_with => 'inclusion')
"""
PLACED = """SELECT table_name::text, distribution_column, colocation_id FROM citus_tables
    WHERE distribution_column <> '<none>'"""


def test_a_register_is_spread_in_this_order() -> None:
    assert "\n".join(statements('"register"')) + "\n" == ALWAYS + ONCE


def test_what_is_spread_already_is_left_alone() -> None:
    everything = {*ON_EVERY_NODE, *PLACES}

    assert "\n".join(statements('"register"', everything)) + "\n" == ALWAYS
    added = [*statements('"register"', everything - {"lane_beat", "moved"})][len(ALWAYS.splitlines()) :]
    assert added == [one for one in ONCE.splitlines() if "lane_beat" in one or "moved" in one]


@pytest.mark.parametrize("database_url", STORES, indirect=True)
def test_a_database_that_cannot_be_spread_is_refused_and_stays_as_it_is(database_url: str) -> None:
    before = counts(database_url)

    with pytest.raises(UnsafeStore, match="needs PostgreSQL with Citus"):
        migrate(database_url, distributed=True)

    assert counts(database_url) == before


@pytest.mark.skipif(not CITUS, reason="no cluster is given by CHRONICCARE_TEST_CITUS_URL")
@pytest.mark.parametrize("database_url", ["citus"], indirect=True)
def test_a_spread_register_is_spread_again_by_every_migration(database_url: str) -> None:
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL citus.multi_shard_modify_mode = 'sequential'")
        connection.exec_driver_sql("SELECT undistribute_table('rate'), undistribute_table('moved')")

    migrate(database_url)
    migrate(database_url, distributed=True)

    with engine.connect() as connection:
        found = connection.exec_driver_sql(PLACED).all()
    assert {name.strip('"'): column for name, column, _ in found} == dict(PLACES)
    assert len({group for *_, group in found}) == 1
