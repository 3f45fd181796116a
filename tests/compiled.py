"""Statements that were compiled are kept for all engines of a process: a test opens engines of its own.

A gateway compiles each statement once, too. What a statement compiles to depends on the kind of engine alone.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.util import LRUCache

Key = tuple[Any, ...]


class Compiled(LRUCache[Key, Any]):
    """What an engine keeps under its own dialect, under the name of that dialect."""

    def get(self, key: Key, default: Any = None) -> Any:
        return super().get(_shared(key), default)

    def __setitem__(self, key: Key, value: Any) -> None:
        super().__setitem__(_shared(key), value)


def _shared(key: Key) -> Key:
    dialect, *rest = key
    return (dialect.name, *rest)


def share() -> None:
    """Let every engine of this process that is opened from now on use what others compiled."""
    Engine._execution_options = Engine._execution_options.union({"compiled_cache": Compiled(5_000)})
