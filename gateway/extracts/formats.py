"""The formats of an extract: one line each. Stage: anonymous.

Every one takes its rows one at a time and holds no more of them than a group, so memory does not grow with an extract.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gateway.extracts.columns import Column, Row, Value
from gateway.extracts.parquet import parquet_columns, read_parquet, write_parquet
from gateway.extracts.text_forms import csv_columns, ndjson_columns, read_csv, read_ndjson, write_csv, write_ndjson
from gateway.extracts.workbook import read_xlsx, write_xlsx, xlsx_columns

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class Format:
    """One format: the type of its file, how rows are written, how they are read again, and which columns there are."""

    media_type: str
    write: Callable[[Path, Sequence[Column], Iterable[Row], Mapping[str, Any]], int]
    read: Callable[[Path], Iterator[dict[str, Value]]]
    columns: Callable[[Path], list[str]]


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "csv": Format("text/csv", write_csv, read_csv, csv_columns),
        "ndjson": Format("application/x-ndjson", write_ndjson, read_ndjson, ndjson_columns),
        "parquet": Format("application/vnd.apache.parquet", write_parquet, read_parquet, parquet_columns),
        "xlsx": Format(XLSX, write_xlsx, read_xlsx, xlsx_columns),
    }
)


def file_name(form: str) -> str:
    """The name of the file of records in a format.

    >>> file_name("csv")
    'extract.csv'
    """
    return f"extract.{form}"
