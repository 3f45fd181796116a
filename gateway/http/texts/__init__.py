"""What people read, in four languages: problems, fields, rules and notes."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from werkzeug.datastructures import LanguageAccept

from gateway.domain.audit import Entry
from gateway.domain.periods import BRUSSELS

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
    """How a step of an explanation reads, by rule or text and language; `{name}` stands for an input or the result."""
    return _read("explanations.toml")


@cache
def delivery_texts() -> Mapping[str, Mapping[str, str]]:
    """Why a delivery stands where it does, by reason or, for reasons without a text of their own, by status."""
    return _read("deliveries.toml")


@cache
def notes() -> Mapping[str, Mapping[str, str]]:
    """What is said beside figures, by note and language."""
    return _read("notes.toml")


@cache
def difference_texts() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """In what the sides of a reconciliation differ (`kind`), and what to do about it (`remedy`), by language."""
    return _read("differences.toml")


def difference_text(kind: str, remedy: str, language: str) -> str:
    """A difference and what to do about it, in words."""
    return f"{difference_texts()['kind'][kind][language]} {difference_texts()['remedy'][remedy][language]}"


@cache
def access_texts() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """How a person is told who (`role`) did what (`verb`) and `why`, and what else is `said`, by language."""
    return _read("access.toml")


def access_text(entry: Entry, language: str) -> str:
    """An audit entry in words: when, who, what, why, and how it ended where that was not its plain end."""
    texts = access_texts()
    who = texts["role"][entry.role][language].format(organisation=entry.organisation)
    what = texts["verb"].get(entry.verb, {**texts["said"]["other"], "why": "other"})
    where = "" if entry.project is None else f" [{entry.project}]"
    at, why = entry.at.astimezone(BRUSSELS), texts["why"][what["why"]][language]
    return f"{at:%Y-%m-%d %H:%M:%S}{where} {who}: {what[language]}, {why}{_end(entry, language)}"


def _end(entry: Entry, language: str) -> str:
    """How an entry ended, in brackets; nothing where it was done."""
    said = access_texts()["said"]
    if entry.outcome == "done":
        return ""
    if entry.outcome in said:
        return f" ({said[entry.outcome][language]})"
    title = problem_texts().get(entry.outcome, {}).get("title", {}).get(language, entry.outcome)
    return f" ({said['refused'][language].format(title=title)})"


def language_of(accepted: LanguageAccept) -> str:
    """The language to answer in: the first of four that is asked for, in whatever region; English when none is."""
    asked = (tag.partition("-")[0].lower() for tag, quality in accepted if quality > 0)
    return next((language for language in asked if language in LANGUAGES), DEFAULT_LANGUAGE)


def _read(name: str) -> Mapping[str, Any]:
    return tomllib.loads(files(__name__).joinpath(name).read_text(encoding="utf-8"))
