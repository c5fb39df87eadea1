"""Texts become numbers of symbols. Exported networks carry these functions as they stand here, with the
standard library alone, so that both read alike.
"""

import re
import unicodedata
from collections.abc import Container, Mapping, Sequence
from typing import Any

# What stands after a text's end, and for a symbol that was not learned; the vocabulary's first is 2.
PADDING, UNKNOWN = 0, 1
_WORDS = re.compile(r"\w+|[^\w\s]")
_PIECES = (4, 32)  # characters of a piece, the fewest and the most


def symbols_of(text: str, kind: str, known: Container[str] = ()) -> list[str]:
    """The symbols of a text. `characters`: all of them, any white space as one space, none at the ends.
    `words`: runs of letters and digits in lower case, and every other sign that isn't white space.
    `pieces`: words, of which those that aren't known are cut into known ones.
    """
    text = unicodedata.normalize("NFC", text)
    if kind == "characters":
        return list(" ".join(text.split()))
    words: list[str] = _WORDS.findall(text.lower())
    return words if kind == "words" else [piece for word in words for piece in _pieces(word, known)]


def _pieces(word: str, known: Container[str]) -> list[str]:
    """The longest known words from the beginning on, as WordPiece takes its own (Wu et al. 2016, section
    4.1); what no known word begins at is left out. The word itself where it is known, or has none in it.
    """
    if word in known:
        return [word]
    fewest, most = _PIECES
    pieces, start = list[str](), 0
    while start <= len(word) - fewest:
        ends = range(min(len(word), start + most), start + fewest - 1, -1)
        piece = next((word[start:end] for end in ends if word[start:end] in known), None)
        pieces += [] if piece is None else [piece]
        start += 1 if piece is None else len(piece)
    return pieces or [word]


def numbered(texts: Sequence[str], tokeniser: Mapping[str, Any]) -> list[list[int]]:
    """The numbers of each text's symbols, all rows of the tokeniser's length: longer texts are cut, padding
    stands after shorter ones.

    Args:
        tokeniser: `symbols` (`characters`, `words` or `pieces`), `vocabulary` (a list of symbols), `length`.

    Raises:
        ValueError: for what is no text.
    """
    numbers = {symbol: number for number, symbol in enumerate(tokeniser["vocabulary"], UNKNOWN + 1)}
    length, rows = tokeniser["length"], []
    for place, text in enumerate(texts, 1):
        if not isinstance(text, str):
            raise ValueError(f"example {place} must be a text, got {type(text).__name__}")
        symbols = symbols_of(text, tokeniser["symbols"], numbers)[:length]
        row = [numbers.get(symbol, UNKNOWN) for symbol in symbols]
        rows.append(row + [PADDING] * (length - len(row)))
    return rows
