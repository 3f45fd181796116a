"""Parquet: rows in groups, written and read a group at a time. Stage: anonymous.

Cost: pyarrow takes half a second and forty MiB to import, which only who meets a Parquet file pays.

Not: other bytes than the rows ask for; the file says nothing of when it was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from gateway.extracts.columns import Column, Row, Value

GROUP_ROWS = 10_000


def write_parquet(path: Path, columns: Sequence[Column], rows: Iterable[Row], dictionary: Mapping[str, Any]) -> int:
    """Write rows as Parquet; how many they were."""
    import pyarrow  # noqa: PLC0415 - slow to load, and only a Parquet file needs it
    from pyarrow.parquet import ParquetWriter  # noqa: PLC0415 - slow to load, and only a Parquet file needs it

    types = {"text": pyarrow.string(), "integer": pyarrow.int64()}
    schema = pyarrow.schema([(column.name, types[column.type]) for column in columns])
    count, waiting = 0, iter(rows)
    with ParquetWriter(path, schema, compression="zstd") as writer:
        while group := list(islice(waiting, GROUP_ROWS)):
            arrays = [
                pyarrow.array(values, types[column.type])
                for column, values in zip(columns, zip(*group, strict=True), strict=True)
            ]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
            count += len(group)
    return count


def read_parquet(path: Path) -> Iterator[dict[str, Value]]:
    """The rows of a Parquet file by column."""
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - slow to load, and only a Parquet file needs it

    with ParquetFile(path) as file:
        for group in file.iter_batches(GROUP_ROWS):
            yield from group.to_pylist()


def parquet_columns(path: Path) -> list[str]:
    """The columns of a Parquet file."""
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - slow to load, and only a Parquet file needs it

    with ParquetFile(path) as file:
        names: list[str] = file.schema_arrow.names
        return names
