"""Texts become numbers of symbols. Exported networks carry these functions as they stand here, with the
standard library alone, so that both read alike.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

# What stands after a text's end, and for a symbol that was not learned; the vocabulary's first is 2.
PADDING, UNKNOWN = 0, 1
_WORDS = re.compile(r"\w+|[^\w\s]")


def symbols_of(text: str, kind: str) -> list[str]:
    """The symbols of a text. `characters`: all of them, any white space as one space, none at the ends.
    `words`: runs of letters and digits in lower case, and every other sign that isn't white space.
    """
    text = unicodedata.normalize("NFC", text)
    if kind == "characters":
        return list(" ".join(text.split()))
    return _WORDS.findall(text.lower())


def numbered(texts: Sequence[str], tokeniser: Mapping[str, Any]) -> list[list[int]]:
    """The numbers of each text's symbols, all rows of the tokeniser's length: longer texts are cut, padding
    stands after shorter ones.

    Args:
        tokeniser: `symbols` (`characters` or `words`), `vocabulary` (a list of symbols) and `length`.

    Raises:
        ValueError: for what is no text.
    """
    numbers = {symbol: number for number, symbol in enumerate(tokeniser["vocabulary"], UNKNOWN + 1)}
    length, rows = tokeniser["length"], []
    for place, text in enumerate(texts, 1):
        if not isinstance(text, str):
            raise ValueError(f"example {place} must be a text, got {type(text).__name__}")
        row = [numbers.get(symbol, UNKNOWN) for symbol in symbols_of(text, tokeniser["symbols"])[:length]]
        rows.append(row + [PADDING] * (length - len(row)))
    return rows
