"""`Tokeniser`: which symbols texts are made of, learned from the training part alone."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from rl_designer.envs.datasets.errors import DatasetError
from rl_designer.envs.datasets.texts.symbols import UNKNOWN, numbered, symbols_of
from rl_designer.envs.datasets.texts.texts import Reading, Symbols, Texts
from rl_designer.envs.errors import Error
from rl_designer.envs.files.untrusted import damage_told

_SPECIAL = UNKNOWN + 1  # padding, and what isn't known
_FEWEST_TEXTS = 2  # that a symbol is seen in
# With those two. A network pays for each symbol by the width of its embedding.
_USUAL: Mapping[Symbols, int] = {"characters": 500, "words": 2_000, "pieces": 2_000}
_READ_AS: Mapping[Symbols, str] = {
    "characters": "characters",
    "words": "words in lower case",
    "pieces": "words in lower case, unknown ones cut into known ones",
}
_MOST = 100_000
_WORDS_FROM = 4  # of a text, the median, from which on symbols are words
_SEEN_AGAIN = 0.75  # of all words, that must be in the vocabulary for that
_UNCUT = 0.98  # of the training texts, that are as long as the length at most
_LENGTHS = (8, 256)


class _Written(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    symbols: Symbols
    vocabulary: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=1_000)]], Field(min_length=1, max_length=_MOST)
    ]
    length: Annotated[int, Field(ge=1, le=100_000)]
    column: Annotated[str, Field(max_length=4_096)] | None

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.vocabulary)) < len(self.vocabulary):
            raise Error("a symbol is there twice")
        return self


@dataclass(frozen=True, eq=False)
class Tokeniser:
    """What texts become numbers by; with `to_dict` it goes into files.

    Attributes:
        symbols: what a text is cut into, as `symbols_of` does it.
        vocabulary: the symbols that are known, the most frequent first; they have the numbers from 2 on.
        length: of every text, in symbols.
        column: of a table, that the texts stand in; None for other sources.
    """

    symbols: Symbols
    vocabulary: tuple[str, ...]
    length: int
    column: str | None = None

    @property
    def size(self) -> int:
        """Numbers that there are, those of padding and of unknown symbols included."""
        return len(self.vocabulary) + _SPECIAL

    @property
    def input_shape(self) -> tuple[int, int]:
        """(numbers that there are, length), as networks are designed for."""
        return self.size, self.length

    def apply(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The numbers of the texts' symbols, float32 [n, length], 0 after their ends.

        Raises:
            DatasetError: for what is no text.
        """
        try:
            rows = numbered(texts, self.to_dict())
        except ValueError as error:
            raise DatasetError(str(error)) from None
        return np.array(rows, dtype=np.float32).reshape(len(texts), self.length)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` reads it back."""
        return {
            "symbols": self.symbols,
            "vocabulary": list(self.vocabulary),
            "length": self.length,
            "column": self.column,
        }

    @classmethod
    def from_dict(cls, given: object) -> Self:
        """Of what a stranger may have written. Raises ValueError, one line, for anything else."""
        with damage_told("the tokeniser"):
            read = _Written.model_validate(given)
        return cls(read.symbols, tuple(read.vocabulary), read.length, read.column)


def learned(texts: Texts, reading: Reading, where: str) -> tuple[Tokeniser, str]:
    """The tokeniser of the training texts, and in one line what it is.

    Raises:
        DatasetError: where there is no symbol to learn, and for a vocabulary that can't be.
    """
    if reading.vocabulary is not None and not _SPECIAL < reading.vocabulary <= _MOST:
        raise DatasetError(
            f"a vocabulary must have from {_SPECIAL + 1} to {_MOST:,} symbols, padding and what isn't known "
            f"among them, got {reading.vocabulary:,}"
        )
    kinds: tuple[Symbols, ...] = ("words", "characters")
    for kind in kinds if reading.symbols is None else (reading.symbols,):
        cut = [symbols_of(text, kind) for text in texts.values]
        vocabulary = _vocabulary(cut, (reading.vocabulary or _USUAL[kind]) - _SPECIAL)
        if reading.symbols is not None or kind == "characters" or _are_words(cut, vocabulary):
            break
    if not vocabulary:
        raise DatasetError(
            f"the texts of {where} have no {kind} that at least {_FEWEST_TEXTS} texts of the training part "
            "have in common"
        )
    if kind == "pieces":  # which are cut by what is known, and that is known only now
        known = set(vocabulary)
        cut = [symbols_of(text, kind, known) for text in texts.values]
    lengths = sorted(map(len, cut))
    length = lengths[math.ceil(_UNCUT * len(lengths)) - 1]
    length = min(max(length, _LENGTHS[0]), _LENGTHS[1])
    tokeniser = Tokeniser(kind, vocabulary, length, texts.column)
    of_column = "" if texts.column is None else f" of the column {texts.column!r}"
    told = (
        f"texts{of_column}, read as {_READ_AS[kind]}: "
        f"{tokeniser.size:,} symbols, one for padding and one for unknown ones among them, the others seen "
        f"in at least {_FEWEST_TEXTS} training texts; length {length:,} (median {median(lengths):g}, longest "
        f"{lengths[-1]:,})"
    )
    if kind == "words" and reading.symbols is None:
        told += "; --symbols pieces cuts unknown words into known ones"
    return tokeniser, told


def _vocabulary(cut: Sequence[Sequence[str]], most: int) -> tuple[str, ...]:
    """The symbols that stand in most texts, of equal ones the first in alphabetical order."""
    counts = Counter(symbol for symbols in cut for symbol in set(symbols))
    known = [symbol for symbol, count in counts.items() if count >= _FEWEST_TEXTS]
    return tuple(sorted(known, key=lambda symbol: (-counts[symbol], symbol))[:most])


def _are_words(cut: Sequence[Sequence[str]], vocabulary: Sequence[str]) -> bool:
    """Whether words suit the texts: there are several in each, and most are seen again and again."""
    if median(map(len, cut)) < _WORDS_FROM:
        return False
    known = set(vocabulary)
    total = sum(map(len, cut))
    return sum(symbol in known for symbols in cut for symbol in symbols) >= _SEEN_AGAIN * total


def notes_on(tokeniser: Tokeniser, part: str, texts: Sequence[str]) -> list[str]:
    """What is said of texts of a part: how much is cut off, unknown, empty."""
    known = set(tokeniser.vocabulary)
    cut = [symbols_of(text, tokeniser.symbols, known) for text in texts]
    total = max(1, sum(map(len, cut)))
    long = sum(len(symbols) > tokeniser.length for symbols in cut)
    beyond = sum(max(0, len(symbols) - tokeniser.length) for symbols in cut)
    strange = sum(symbol not in known for symbols in cut for symbol in symbols)
    notes = []
    if long:
        notes.append(
            f"{part} cut off after {tokeniser.length:,} {tokeniser.symbols}: {long:,}, {beyond / total:.1%} "
            "of all symbols"
        )
    if strange:
        notes.append(f"unknown {tokeniser.symbols} in {part}: {strange:,} of {total:,}")
    if empty := sum(not symbols for symbols in cut):
        notes.append(f"{part} without any {tokeniser.symbols}: {empty:,}")
    return notes


def symbols_of_parts(
    x: Mapping[str, Texts], reading: Reading, where: str
) -> tuple[dict[str, Any], Tokeniser, tuple[str, ...]]:
    """Texts of all parts as numbers, by what the training part alone decides, and what is said of it.

    Raises:
        DatasetError: as `learned`.
    """
    tokeniser, told = learned(x["train"], reading, where)
    ready = {part: tokeniser.apply(texts.values.tolist()) for part, texts in x.items()}
    notes = [told, *notes_on(tokeniser, "training texts", x["train"].values.tolist())]
    if "val" in x:
        notes += notes_on(tokeniser, "validation texts", x["val"].values.tolist())
        known = set(x["train"].values.tolist())
        if twins := sum(text in known for text in x["val"].values.tolist()):
            notes.append(f"validation texts that stand among the training texts, too: {twins:,}")
    return ready, tokeniser, tuple(f"{where}: {note}" for note in notes)
