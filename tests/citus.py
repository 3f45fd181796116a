"""The register on a Citus cluster, the third store of the store's own tests, where somebody gives one by its URL.

Shape: one database, empty before and after; one process at a time, so all its tests are one process's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.store.migrate import migrate
from tests.databases import Lent, run, tables_of

URL = os.environ.get("CHRONICCARE_TEST_CITUS_URL", "")
CITUS = ("citus",) if URL else ()
SERVERS = ("postgresql", *CITUS)
"""The stores to which each process has a role."""
_FREE = "SET LOCAL citus.multi_shard_modify_mode = 'sequential'"


class Cluster:
    """The one register there, which tests take turns at."""

    def __init__(self, seed: Callable[[str], None]) -> None:
        self._seed = seed
        self._templates: dict[str, Lent] = {}
        assert tables_of(URL) == [], "CHRONICCARE_TEST_CITUS_URL is emptied after the tests, so it has to be empty"

    @contextmanager
    def lent(self, template: str) -> Iterator[str]:
        """The URL of the register, as a template is."""
        if template not in self._templates or not self._templates[template].is_as_before():
            self._make()
            assert self._templates[template].is_as_before()
        yield URL

    def _make(self) -> None:
        self.empty()
        migrate(URL, distributed=True)
        self._look("migrated")
        self._seed(URL)
        self._look("seeded")

    def _look(self, template: str) -> None:
        self._templates[template] = Lent(URL, before=(_FREE,))
        self._templates[template].look()

    def empty(self) -> None:
        """Drop every table."""
        if tables := tables_of(URL):
            run(URL, f"DROP TABLE {', '.join(tables)} CASCADE")
