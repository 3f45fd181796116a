"""What people read, in four languages: problems, fields and rules."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from werkzeug.datastructures import LanguageAccept

LANGUAGES = ("fr", "nl", "de", "en")
DEFAULT_LANGUAGE = "en"


@cache
def problem_texts() -> Mapping[str, Any]:
    """The texts of every problem by code (title, detail, remedy by language), and of field codes under `field`."""
    return _read("problems.toml")


@cache
def rule_texts() -> Mapping[str, Mapping[str, str]]:
    """The text of every rule, by id and language."""
    return _read("rules.toml")


@cache
def explanation_texts() -> Mapping[str, Mapping[str, str]]:
    """How a step of an explanation reads, by rule and language; `{name}` stands for an input or the result."""
    return _read("explanations.toml")


def language_of(accepted: LanguageAccept) -> str:
    """The language to answer in: the best of four, English when none is asked for."""
    return accepted.best_match(LANGUAGES, default=DEFAULT_LANGUAGE) or DEFAULT_LANGUAGE


def _read(name: str) -> Mapping[str, Any]:
    return tomllib.loads(files(__name__).joinpath(name).read_text(encoding="utf-8"))
