"""The numbers and texts of the contract: pure questions about one string, each answered by True or False.

Digits are ASCII digits, matched over the whole string: neither full-width digits nor a trailing newline pass.
"""

from __future__ import annotations

import re
import unicodedata

from stdnum.be import ssn, vat

_SSIN = re.compile(r"[0-9]{11}")
_NIHII = re.compile(r"[0-9]{8}(?:[0-9]{3})?")
_CBE = re.compile(r"[0-9]{10}")
_PSEUDOCODE = re.compile(r"[0-9]{6}")
_NIS = re.compile(r"[0-9]{5}")
_PROJECT_ID = re.compile(r"[a-z0-9-]{1,40}")

# Control characters, line and paragraph separators, embeddings, overrides and isolates of direction, surrogates.
_UNPLAIN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

# YYMMDD, counter, check digits, as plain digits or in a display form; looked ahead so that overlapping ones are seen.
_SEPARATOR = r"[\s.,/_\-\u2010-\u2015\u2212]{0,3}"
_SSIN_IN_TEXT = re.compile(
    r"(?<![0-9])(?=([0-9]{2})S([0-9]{2})S([0-9]{2})S([0-9]{3})S([0-9]{2})(?![0-9]))".replace("S", _SEPARATOR)
)


def is_ssin(text: str) -> bool:
    """Whether it is a national number or BIS number: 11 digits with right check digits and a possible month.

    >>> is_ssin("85073003328"), is_ssin("85473003317")
    (True, True)
    >>> [is_ssin(text) for text in ("85073003329", "85.07.30-033.28", "85073003328\\n", "85133003370", "00000000097")]
    [False, False, False, False, False]

    Source: I2. Not: it does not say that the number was ever issued.
    """
    return bool(_SSIN.fullmatch(text)) and not text.startswith("000000000") and bool(ssn.is_valid(text))


def is_nihii(text: str) -> bool:
    """Whether it is an INAMI/RIZIV number: 8 digits, or 11 with the qualification.

    Shape: six digits, two check digits (97 or 89 minus the remainder), then any three digits of qualification.

    >>> is_nihii("12345625"), is_nihii("12345676"), is_nihii("12345625001")
    (True, True, True)
    >>> is_nihii("12345626"), is_nihii("1234562500"), is_nihii("12345625 ")
    (False, False, False)
    """
    if not _NIHII.fullmatch(text):
        return False
    number, check = int(text[:6]), int(text[6:8])
    return check in (97 - number % 97, 89 - number % 89)


def provider_of(nihii: str) -> str:
    """The first 8 digits, which name the provider whatever the qualification.

    >>> provider_of("12345625001")
    '12345625'
    """
    return nihii[:8]


def is_cbe(text: str) -> bool:
    """Whether it is an enterprise number (BCE/KBO): 10 digits with right check digits.

    >>> is_cbe("0403019261"), is_cbe("0403019262"), is_cbe("403019261"), is_cbe("BE0403019261")
    (True, False, False, False)
    """
    return bool(_CBE.fullmatch(text)) and bool(vat.is_valid(text))


def is_pseudocode(text: str) -> bool:
    """Whether it has the form of a pseudocode: exactly six digits, leading zeros kept.

    >>> is_pseudocode("794010"), is_pseudocode("000000"), is_pseudocode("79401"), is_pseudocode("７９４０１０")
    (True, True, False, False)

    Source: P1. Not: it does not say that the code is assigned.
    """
    return bool(_PSEUDOCODE.fullmatch(text))


def is_nis(text: str) -> bool:
    """Whether it has the form of a NIS code of a municipality: five digits, checked against no list.

    >>> is_nis("25112"), is_nis("2511"), is_nis("251120")
    (True, False, False)
    """
    return bool(_NIS.fullmatch(text))


def is_project_id(text: str) -> bool:
    """Whether it can name a project: 1 to 40 of a-z, 0-9 and hyphen, and no person's number among them.

    >>> is_project_id("demo-nord"), is_project_id("Demo"), is_project_id("a" * 41), is_project_id("p-85073003328")
    (True, False, False, False)
    """
    return bool(_PROJECT_ID.fullmatch(text)) and not holds_ssin(text)


def holds_ssin(text: str) -> bool:
    """Whether a checksum-valid SSIN stands somewhere in the text, as plain digits or in a display form.

    Shape: digits of any script count, invisible characters between them do not; a longer run of digits holds none.

    >>> holds_ssin("see 85073003328."), holds_ssin("85.07.30-033.28"), holds_ssin("(85 07 30 033 28)")
    (True, True, True)
    >>> holds_ssin("８５０７３００３３２８"), holds_ssin("850730\\u200b03328")
    (True, True)
    >>> holds_ssin("85073003329"), holds_ssin("1850730033281"), holds_ssin("Demo Nord 2022")
    (False, False, False)

    Cost: linear in the text.
    """
    return any(is_ssin("".join(match.groups())) for match in _SSIN_IN_TEXT.finditer(ascii_digits(text)))


def ascii_digits(text: str) -> str:
    """The text folded for a search: compatibility forms resolved, digits of any script in ASCII, no format characters.

    >>> ascii_digits("８٥²\\u200b7")
    '8527'

    Not: it is never stored or shown; only what was sent is.
    """
    folded = unicodedata.normalize("NFKC", text)
    if folded.isascii():
        return folded
    return "".join(_folded(character) for character in folded if unicodedata.category(character) != "Cf")


def is_plain_text(text: str) -> bool:
    """Whether it can be stored, shown and logged as it is, and has something to show.

    Shape: no control character, line separator, surrogate or change of direction; at least one visible character.

    >>> is_plain_text("Soins intégrés – Geïntegreerde zorg")
    True
    >>> [is_plain_text(text) for text in ("", " ", "a\\nb", "a\\x00", "\\u202eabc", "\\ud800", "\\u200d")]
    [False, False, False, False, False, False, False]
    """
    return not _UNPLAIN.search(text) and any(unicodedata.category(character)[0] not in "ZC" for character in text)


def _folded(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    return character if digit is None else str(digit)
