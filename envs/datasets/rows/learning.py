"""`learned`: the encoding of rows that a training part decides, column by column."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError, shortened
from rl_designer.envs.datasets.rows.cells import (
    LONGEST_TEXT,
    encoded_column,
    is_gap,
    moment_of,
    text_of,
    words_of,
)
from rl_designer.envs.datasets.rows.checking import LONGEST_VALUE, PARTS
from rl_designer.envs.datasets.rows.encoding import Column, RowEncoding
from rl_designer.envs.datasets.rows.table import Rows

_MOST_VALUES = 30  # of a column, that have a feature of their own
_FEW = 10  # values that all have one, however rare, unless they are there once
_RARE = 0.005  # of the rows
_FEWEST_GAPS = 2  # that tell something
_WORDS = 30  # of a column of texts, that have a feature of their own
_FREQUENT = 0.02  # of the rows have such a word
_HASHED = 32  # features that share the words and values that have none of their own
_MANY = 2_000  # rows from which on those are worth it
_LONG_TAIL = 10  # deviations, as its quartiles tell them, that a number is from the median
_REST = 0.1  # of the rows: where the values without a feature of their own are more, they are hashed
_IDENTIFIERS = 0.95  # distinct, of the cells that are known
_QUARTILES_APART = 1.349  # standard deviations, of a normal distribution
# Parts of a date whose features vary by less are constant: years within a day, or rounding.
_LEAST = {"years": 1 / 365, "season": 1e-9, "weekday": 1e-9, "time": 1e-9}

Learned = tuple[Column | None, str]


def learned(rows: Rows, where: str) -> RowEncoding:
    """The encoding of a training part.

    Args:
        rows: as `kinds.typed` gives them.
        where: the source, for errors.

    Raises:
        DatasetError: where no column is left.
    """
    columns, left_out = [], list(rows.left_out)
    for schema, cells in zip(rows.schema, rows.cells, strict=True):
        column, reason = _LEARNERS[schema["kind"]](schema, cells)
        if column is None:
            left_out.append((schema["name"], reason))
        else:
            columns.append(column)
    if not columns:
        told = "; ".join(f"{name!r}, {reason}" for name, reason in left_out)
        raise DatasetError(f"{where} must have features; left out: {shortened(told)}")
    return RowEncoding(tuple(columns), tuple(left_out))


def _number(schema: Column, cells: NDArray[np.float64]) -> Learned:
    known = cells[~np.isnan(cells)]
    gaps = _gaps(len(cells) - len(known))
    if reason := _constant(known, gaps):
        return None, reason
    fill = float(np.median(known))
    if schema["kind"] == "truth":
        return {**schema, "fill": float(fill >= 0.5), "gaps": gaps}, ""
    low, high = np.quantile(known, (0.25, 0.75))
    deviation = float(high - low) / _QUARTILES_APART
    tail = bool(np.abs(known - fill).max() > _LONG_TAIL * deviation > 0)
    tails = {"centre": fill, "scale": deviation} if tail else {"centre": 0.0, "scale": 0.0}
    return {"sign": "", "decimal": "plain", **schema, "fill": fill, "gaps": gaps, **tails}, ""


def _constant(known: Any, gaps: bool) -> str:
    """Why a column of these known values is left out; "" where it isn't."""
    if len(known) == 0:
        return "which is empty in the training part"
    if not gaps and (known == known[0]).all():
        return f"which is always {known[0]:g} in the training part"
    return ""


def _gaps(count: int) -> bool:
    return count >= _FEWEST_GAPS


def _category(schema: Column, cells: NDArray[Any]) -> Learned:
    texts = [text_of(cell) for cell in cells.tolist() if not is_gap(cell)]
    counts, declared = Counter(texts), schema.get("declared", False)
    gaps = _gaps(len(cells) - len(texts))
    if not texts:
        return None, "which is empty in the training part"
    if len(counts) == 1 and not gaps:
        return None, f"which is always {shortened(texts[0])!r} in the training part"
    alone = len(counts) >= _IDENTIFIERS * len(texts)
    if alone and (declared or not any(" " in text for text in counts)):
        return None, "in which every row has another value"
    least = 2 if len(counts) <= _FEW else max(2, math.ceil(_RARE * len(cells)))
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    short = [text for text, count in ranked if count >= least and len(text) <= LONGEST_VALUE]
    values = sorted(short[:_MOST_VALUES])
    rest = len(texts) - sum(counts[value] for value in values)
    texts_of_words = rest > _REST * len(cells) and len(counts) > _FEW and not declared
    words = _frequent_words(texts) if texts_of_words else []
    hashed = texts_of_words and len(cells) >= _MANY
    if not (values or words or hashed or gaps):
        return None, "of which no value or word is there often enough"
    column = {
        "name": schema["name"],
        "kind": "category",
        "values": values,
        "other": rest > 0 and not hashed and bool(values),
        "words": words,
        "hashed": _HASHED if hashed else 0,
        "gaps": gaps,
    }
    return column, ""


def _frequent_words(texts: Sequence[str]) -> list[str]:
    """Words that tell some rows from others."""
    counts = Counter(word for text in texts for word in words_of(text.lower()[:LONGEST_TEXT]))
    least, most = max(2, math.ceil(_FREQUENT * len(texts))), (1 - _FREQUENT) * len(texts)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    telling = [word for word, count in ranked if least <= count <= most and len(word) <= LONGEST_VALUE]
    return sorted(telling[:_WORDS])


def _date(schema: Column, cells: NDArray[Any]) -> Learned:
    texts = [cell for cell in cells.tolist() if not is_gap(cell)]
    moments = {text: moment_of(text, schema) for text in dict.fromkeys(texts)}
    gaps = _gaps(len(cells) - len(texts))
    if not texts:
        return None, "which is empty in the training part"
    if not gaps and len(set(moments.values())) == 1:
        return None, f"which is always {texts[0]!r} in the training part"
    fill = float(np.median([moments[text] for text in texts]))
    column = {**schema, "parts": [], "fill": fill, "gaps": gaps}
    for part in PARTS:
        features = np.array(encoded_column({**column, "parts": [part], "gaps": False}, moments))
        if np.ptp(features, axis=0).max() >= _LEAST[part]:
            column["parts"].append(part)
    return (column, "") if column["parts"] or gaps else (None, "which hardly varies in the training part")


_LEARNERS: Mapping[str, Callable[[Column, NDArray[Any]], Learned]] = {
    "number": _number,
    "truth": _number,
    "category": _category,
    "date": _date,
}
