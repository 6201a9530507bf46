"""Telephone numbers: spellings of one number are one subscriber, whatever program has written them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.input.tally import Tally
from harness.input.values import as_text, filled, missing
from workloads.activity import Words, counties_by_population, derive, phone_numbers, text_words

#: What exchanges write in place of a number that is withheld; it is not one subscriber's.
WITHHELD = frozenset(
    {"anonymous", "restricted", "unknown", "<unknown>", "private", "withheld", "unavailable", "blocked", "undefined"}
)
_OWN = "^[2-9][0-9]{9}$"
_SCHEME = re.compile(r"<?(?:tel|sips?):(?://)?", re.IGNORECASE)
_FORMULA = re.compile(r'="(.*)"|\'(.*)')
_PUNCTUATION = re.compile(r"[\s.()/\-\u2010-\u2015]")
_WHOLE = re.compile(r"(\+?[0-9]+)\.0+")
_ROUNDED = re.compile(r"[0-9](?:\.[0-9]+)?[eE]\+?[0-9]{1,2}")
_DIGITS = re.compile(r"\+?[0-9]+")
_NATIONAL = re.compile(r"[2-9][0-9]{9}")
#: Fewer digits are a short code or an extension, and not a number with a country's code.
_LEAST_INTERNATIONAL = 11
_SHOWN = 5


def canonical(text: str) -> str:
    """One spelling for all those of a number: ten digits in America's plan, ``+`` and digits, or as it is."""
    if found := _FORMULA.fullmatch(text):
        text = found[1] or found[2] or ""
    bare = _SCHEME.sub("", text, count=1) if _SCHEME.match(text) else text
    if bare is not text:
        user = re.split("[@;>]", bare, maxsplit=1)[0]
        bare = user if _DIGITS.fullmatch(_PUNCTUATION.sub("", user)) else bare.lower()
    if found := _WHOLE.fullmatch(bare):
        bare = found[1]
    elif _is_exact(bare):
        bare = str(int(Decimal(bare)))
    digits = _PUNCTUATION.sub("", bare)
    return _plan(digits) if _DIGITS.fullmatch(digits) else text


def _is_exact(text: str) -> bool:
    """Whether a number with an exponent has all of its digits."""
    mantissa, _, exponent = text.lower().partition("e")
    return bool(_ROUNDED.fullmatch(text)) and len(mantissa.partition(".")[2]) >= int(exponent)


def _plan(digits: str) -> str:
    abroad = digits.startswith("+")
    digits = digits.lstrip("+")
    for prefix in ("011", "00"):
        if not abroad and digits.startswith(prefix) and len(digits) - len(prefix) >= _LEAST_INTERNATIONAL - 3:
            abroad, digits = True, digits[len(prefix) :]
    if digits.startswith("1") and _NATIONAL.fullmatch(digits[1:]):
        return digits[1:]
    if not abroad and _NATIONAL.fullmatch(digits):
        return digits
    is_long = len(digits) >= _LEAST_INTERNATIONAL and not digits.startswith("0")
    return f"+{digits}" if abroad or is_long else digits


class SubscriberReader:
    """Reads columns of telephone numbers; a text that is none, such as a pseudonym, gets one by its hash.

    Args:
        nulls: words that mean that there is none.
        seed: of the hashes.
        tally: counts what was chosen by hashes.
    """

    def __init__(self, nulls: Sequence[str], seed: int, tally: Tally) -> None:
        self._nulls, self._seed, self._tally = nulls, seed, tally

    def read(
        self, key: str, column: pa.Array, chosen: NDArray[np.int64], counts: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """Numbers of ten digits, shape (rows,).

        Args:
            key: what the column is in the map.
            column: of text.
            chosen: the numbers of rows that have none, shape (rows,).
            counts: which rows are counted in the tally.
        """
        text = as_text(column)
        plain = pc.match_substring_regex(text, _OWN)
        found = filled(pc.if_else(plain, text, None).cast(pa.int64()), 0).copy()
        others = np.flatnonzero(found == 0)
        if len(others):
            seen = pc.dictionary_encode(pc.take(text, pa.array(others)))
            texts = seen.dictionary.to_pylist()
            at = seen.indices.to_numpy()
            lacks = missing(seen.dictionary, self._nulls)
            lacks |= np.array([each.lower() in WITHHELD for each in texts], dtype=np.bool_)
            spellings = [canonical(each) for each in texts]
            hashed = ~lacks & np.array([not _NATIONAL.fullmatch(each) for each in spellings], dtype=np.bool_)
            found[others] = np.where(lacks[at], chosen[others], self._numbers(spellings)[at])
            self._count(key, texts, at[counts[others]], hashed, lacks)
        return found

    def _numbers(self, spellings: list[str]) -> NDArray[np.int64]:
        words: Words = text_words(spellings, self._seed)
        made = phone_numbers(words, counties_by_population(derive(words, 0))).tolist()
        return np.array(
            [int(each) if _NATIONAL.fullmatch(each) else number for each, number in zip(spellings, made, strict=True)],
            dtype=np.int64,
        )

    def _count(
        self, key: str, texts: list[str], at: NDArray[np.int64], hashed: NDArray[np.bool_], lacks: NDArray[np.bool_]
    ) -> None:
        tally = self._tally
        times = np.bincount(at, minlength=len(texts))
        tally.hashed[key] += int(times[hashed].sum())
        tally.missing_numbers[key] += int(times[lacks].sum())
        tally.rounded_numbers += sum(
            int(times[each]) for each in np.flatnonzero(hashed) if _ROUNDED.fullmatch(texts[each])
        )
        for each in np.flatnonzero(hashed & (times > 0)).tolist():
            if len(tally.hashed_examples) >= _SHOWN:
                break
            if texts[each] not in tally.hashed_examples:
                tally.hashed_examples.append(texts[each])
