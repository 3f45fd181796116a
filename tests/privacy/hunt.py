"""The hunt for canaries: SSINs and secrets, in every form in which one might have slipped through."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Forms = Mapping[str, bytes]


@dataclass(frozen=True, order=True)
class Sighting:
    """A canary where it has no business: the place, and the form in which it was there; never the canary itself."""

    place: str
    form: str


def forms_of_ssin(ssin: str) -> dict[str, bytes]:
    """An SSIN as text in several writings, each encoded in several ways, and as packed digits and a number."""
    birth, serial, check = ssin[:6], ssin[6:9], ssin[9:]
    parts = [birth[start : start + 2] for start in (0, 2, 4)]
    written = {
        "plain": ssin,
        "dotted": f"{'.'.join(parts)}-{serial}.{check}",
        "dashed": f"{birth}-{serial}-{check}",
        "spaced": f"{' '.join(parts)} {serial} {check}",
        "in two": f"{birth} {serial}{check}",
        "backwards": ssin[::-1],
    }
    packed = {
        "packed, filled left": bytes.fromhex(f"0{ssin}"),
        "packed, filled right": bytes.fromhex(f"{ssin}0"),
        "packed, signed": bytes.fromhex(f"{ssin}c"),
    }
    forms = {f"{name}, {how}": raw for name, text in written.items() for how, raw in encodings(text.encode("ascii"))}
    forms |= {f"{name}, {how}": raw for name, given in packed.items() for how, raw in encodings(given)}
    ends: tuple[Literal["big", "little"], ...] = ("big", "little")
    for end in ends:
        raw = int(ssin).to_bytes(5, end)
        forms |= {f"number, {end} end first": raw, f"number, {end} end first, hex": raw.hex().encode()}
    forms |= {f"{name}, utf-16": text.encode("utf-16-le") for name, text in written.items()}
    return forms


def forms_of_secret(secret: bytes) -> dict[str, bytes]:
    """A secret as it is, and encoded."""
    return dict(encodings(secret))


def encodings(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """Bytes as they are, in hexadecimal, and in base64 at each of the three places at which they may begin."""
    yield "raw", raw
    yield "hex", raw.hex().encode()
    yield "HEX", raw.hex().upper().encode()
    for name, encode in (("base64", b64encode), ("base64url", urlsafe_b64encode)):
        for shift in range(3):
            yield f"{name} after {shift}", _surely(encode(bytes(shift) + raw + bytes(3)), shift, len(raw))


def _surely(encoded: bytes, shift: int, size: int) -> bytes:
    """The characters that are the same whatever stands before and after the bytes."""
    return encoded[-(-8 * shift // 6) : 8 * (shift + size) // 6]


def hunt(forms: Forms, places: Iterable[tuple[str, bytes]]) -> set[Sighting]:
    """Where a canary is, in whichever form."""
    return {Sighting(place, form) for place, content in places for form, needle in forms.items() if needle in content}


def files_under(*folders: Path) -> Iterator[tuple[str, bytes]]:
    """Every file, whatever its name, with its name as well."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            yield f"name of {path}", path.name.encode()
            if path.is_file():
                yield str(path), path.read_bytes()


def values_of(everything: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, bytes]]:
    """Every value of a database as text; bytes as they are, and in hexadecimal as a dump shows them."""
    for place, value in everything:
        match value:
            case None:
                continue
            case bytes() | memoryview():
                yield place, bytes(value)
                yield place, bytes(value).hex().encode()
            case _:
                yield place, str(value).encode()
