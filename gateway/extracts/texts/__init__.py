"""What people read beside an extract, in four languages."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

LANGUAGES = ("fr", "nl", "de", "en")


@cache
def dictionary_texts() -> Mapping[str, Any]:
    """The meaning of every column, and the notes."""
    return _read("dictionary.toml")


@cache
def report_texts() -> Mapping[str, Any]:
    """What a report explains, and how its checks are measured."""
    return _read("report.toml")


def in_every_language(texts: Mapping[str, str], **facts: str) -> dict[str, str]:
    """A text in the four languages, with its facts."""
    return {language: texts[language].format_map(facts) for language in LANGUAGES}


def _read(name: str) -> Mapping[str, Any]:
    return tomllib.loads(files(__name__).joinpath(name).read_text(encoding="utf-8"))
