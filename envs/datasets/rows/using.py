"""Rows that a network is used on: what is said of cells unlike those of its training."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from rl_designer.envs.datasets.errors import listed, shortened
from rl_designer.envs.datasets.rows.cells import is_gap, text_of
from rl_designer.envs.datasets.rows.encoding import Column, RowEncoding
from rl_designer.envs.datasets.rows.table import Rows

_SHOWN = 3  # unknown categories of a column


def notes_on_strangers(encoding: RowEncoding, rows: Rows) -> Iterator[str]:
    """What is said of gaps where training had none, and of categories that it didn't know; with counts."""
    for column in encoding.columns:
        if column["name"] in rows.names:
            counts = _counts(rows, column)
            if gaps := 0 if column["gaps"] else sum(n for cell, n in counts.items() if is_gap(cell)):
                yield _of_gaps(column, gaps)
            if column["kind"] == "category" and not (column["words"] or column["hashed"]):
                yield from _of_categories(column, counts)


def _counts(rows: Rows, column: Column) -> Mapping[Any, int]:
    cells = rows.column(column["name"])
    if cells.dtype == object:
        return Counter(cells.tolist())
    return {None: int(np.isnan(cells).sum())}  # no category


def _of_gaps(column: Column, gaps: int) -> str:
    filled = f"filled with {column['fill']:g}" if column["kind"] in ("number", "truth") else "passed over"
    filled = "filled with the median date" if column["kind"] == "date" else filled
    return f"column {column['name']!r} is empty in {gaps:,} rows, as hardly ever in training: {filled}"


def _of_categories(column: Column, counts: Mapping[Any, int]) -> Iterator[str]:
    unknown: Counter[str] = Counter()
    for cell, count in counts.items():
        if not is_gap(cell) and (text := text_of(cell)) not in column["values"]:
            unknown[text] += count
    if unknown:
        what = "rare in training or unknown" if column["other"] else "unknown"
        shown = listed(repr(shortened(text)[:60]) for text in list(unknown)[:_SHOWN])
        more = " …" if len(unknown) > _SHOWN else ""
        yield f"column {column['name']!r} holds {what} categories in {unknown.total():,} rows: {shown}{more}"
