"""What the columns of a table hold, read off all of it: numbers, True and False, dates, or categories."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError, is_number, shortened
from rl_designer.envs.datasets.rows.cells import TRUTHS, is_gap, moment_of, number_of, text_of
from rl_designer.envs.datasets.rows.table import Rows, object_array

_MOSTLY = 0.9  # of the cells: a column of one kind, and the others are mistakes
_FEW = 10  # distinct values that may well be categories, whatever they look like
_SIGNS = "%$€£¥₹"
_SAID = {"point": "with its commas between thousands", "comma": "with commas before its decimals"}


@dataclass(frozen=True)
class _Column:
    """A column of texts: its distinct ones, and how often and where first each is there."""

    name: str
    counts: Mapping[str, int]
    first: Mapping[str, int]

    @classmethod
    def of(cls, name: str, cells: NDArray[Any]) -> "_Column":
        counts: dict[str, int] = {}
        first: dict[str, int] = {}
        gaps: dict[Any, bool] = {}
        for row, cell in enumerate(cells.tolist()):
            if cell not in gaps:
                gaps[cell] = is_gap(cell)
            if not gaps[cell]:
                counts[cell] = counts.get(cell, 0) + 1
                first.setdefault(cell, row)
        return cls(name, counts, first)

    def readable(self, read: Callable[[str], float]) -> dict[str, float]:
        """What of the texts can be read, and as what."""
        values = {}
        for text in self.counts:
            try:
                values[text] = read(text)
            except (ValueError, OverflowError):
                continue
        return values

    def share(self, texts: Collection[str]) -> float:
        return sum(self.counts[text] for text in texts) / max(1, sum(self.counts.values()))


@dataclass(frozen=True)
class _Reading:
    """A column's schema, the value of each text that can be read so, and what is to be said of it."""

    schema: dict[str, Any]
    values: Mapping[str, float]
    note: str = ""


def typed(
    rows: Rows, categorical: Collection[str], decimal: str | None, where: str
) -> tuple[Rows, tuple[str, ...]]:
    """The rows with their schema, numbers and truth values as float64, and notes on how they were read.

    Args:
        categorical: columns that hold categories, whatever they look like.
        decimal: `point` or `comma`, for numbers that can be read either way; None refuses those.

    Raises:
        DatasetError: for a column that can be read in two ways, or holds a few cells that don't fit it.
    """
    schema, columns, notes = [], [], []
    for name, cells in zip(rows.names, rows.cells, strict=True):
        if name in categorical:
            schema.append({"name": name, "kind": "category", "declared": True})
            columns.append(cells if cells.dtype == object else object_array(_as_texts(cells)))
            continue
        if cells.dtype != object:
            _check_finite(cells, name, rows, where)
            schema.append({"name": name, "kind": "number"})
            columns.append(cells)
            continue
        reading = _read(_Column.of(name, cells), decimal, rows, where)
        schema.append(reading.schema)
        columns.append(_parsed(reading, cells))
        notes += [f"{where}: {reading.note}"] if reading.note else []
    return replace(rows, cells=tuple(columns), schema=tuple(schema)), tuple(notes)


def _as_texts(numbers: NDArray[np.float64]) -> list[str | None]:
    return [None if number != number else text_of(number) for number in numbers.tolist()]


def _check_finite(cells: NDArray[np.float64], name: str, rows: Rows, where: str) -> None:
    infinite = np.isinf(cells)
    if infinite.any():
        row = int(infinite.argmax())
        raise DatasetError(
            f"column {name!r} of {where} must be finite, got {cells[row]} in {rows.place(row)}"
        )


def _parsed(reading: _Reading, cells: NDArray[Any]) -> NDArray[Any]:
    """Numbers and truth values as float64; other cells as they are."""
    if reading.schema["kind"] not in ("number", "truth"):
        return cells
    return np.array([reading.values.get(cell, np.nan) for cell in cells.tolist()], dtype=np.float64)


def _read(column: _Column, decimal: str | None, rows: Rows, where: str) -> _Reading:
    """The only reading that fits all of a column of texts.

    Raises:
        DatasetError: where two fit, or one fits all but a few cells.
    """
    truths, numbers, dates = (
        _truths(column),
        _numbers(column, decimal, rows, where),
        _dates(column, rows, where),
    )
    for reading in (numbers, truths, dates):
        if len(reading.values) == len(column.counts):
            return reading
    spelled = [text for text in column.counts if text.lower() in ("true", "false")]
    if spelled and len(numbers.values) + len(spelled) == len(column.counts):
        raise DatasetError(
            f"column {column.name!r} of {where} holds numbers and True or False; make it one of them"
        )
    for reading in (numbers, dates):
        if column.share(reading.values) >= _MOSTLY and len(column.counts) > _FEW:
            raise _strange(column, reading, rows, where)
    return _Reading({"name": column.name, "kind": "category"}, {}, _mixture(column, numbers))


def _mixture(column: _Column, numbers: _Reading) -> str:
    """What is said of a column of texts where much of it could be read as numbers."""
    if column.share(numbers.values) < 0.5:
        return ""
    count = sum(column.counts[text] for text in numbers.values)
    of_all = f"{count:,} of {sum(column.counts.values()):,} cells"
    return f"{column.name!r} holds numbers in {of_all} and text in the others, and is read as text"


def _truths(column: _Column) -> _Reading:
    words = [text for text in column.counts if text.lower() in TRUTHS]
    spelled = any(text.lower() in ("true", "false") for text in words)
    values = {text: TRUTHS[text.lower()] for text in words} if spelled else {}
    return _Reading({"name": column.name, "kind": "truth"}, values)


def _numbers(column: _Column, decimal: str | None, rows: Rows, where: str) -> _Reading:
    schema: dict[str, Any] = {"name": column.name, "kind": "number"}
    plain = column.readable(lambda text: number_of(text, schema))
    if len(plain) == len(column.counts) and decimal is None:
        return _Reading(schema, plain)
    if sign := _sign(column):
        schema["sign"] = sign
    ways = {way: _written(column, {**schema, "decimal": way}) for way in ("plain", "point", "comma")}
    whole = [way for way, values in ways.items() if len(values) == len(column.counts)]
    if not whole:
        return _Reading(schema, max(ways.values(), key=len))
    if decimal is None and whole == ["point", "comma"] and ways["point"] != ways["comma"]:
        raise _two_readings(column, ways, rows, where)
    way = decimal if decimal in whole else whole[0]
    said = [f"without its {sign}"] if sign else []
    if way != "plain":
        schema["decimal"] = way
        said += [_SAID[way]] if ways[way] != ways["plain"] else []
    return _Reading(schema, ways[way], f"{column.name!r} is read {' and '.join(said)}" if said else "")


def _written(column: _Column, schema: dict[str, Any]) -> dict[str, float]:
    return column.readable(lambda text: number_of(text, schema))


def _sign(column: _Column) -> str:
    """The currency or percent sign that stands in every cell, at one end; "" for none."""
    signs = {sign for text in column.counts for sign in _SIGNS if sign in text}
    sign = signs.pop() if len(signs) == 1 else ""
    everywhere = all(text.count(sign) == 1 for text in column.counts) if sign else False
    return sign if everywhere else ""


def _two_readings(
    column: _Column, readings: Mapping[str, Mapping[str, float]], rows: Rows, where: str
) -> DatasetError:
    point, comma = readings["point"], readings["comma"]
    text = min((t for t in point if point[t] != comma[t]), key=column.first.__getitem__)
    return DatasetError(
        f"column {column.name!r} of {where} has two readings: {text!r} in {rows.place(column.first[text])} "
        f"may be {point[text]:,g} or {comma[text]:g}; say --decimal point (commas stand between thousands) "
        "or --decimal comma"
    )


def _dates(column: _Column, rows: Rows, where: str) -> _Reading:
    schema: dict[str, Any] = {"name": column.name, "kind": "date", "order": "day"}
    if column.share(_with_digits(column)) < 0.5:
        return _Reading(schema, {})
    day, month = (_dated(column, order) for order in ("day", "month"))
    if len(day) == len(month) == len(column.counts) and day != month:
        text = min((t for t in day if day[t] != month[t]), key=column.first.__getitem__)
        raise DatasetError(
            f"column {column.name!r} of {where} has two readings: {text!r} in "
            f"{rows.place(column.first[text])} may have the day first or the month; write dates as "
            f"2024-03-01, or leave the column out with --drop {column.name}"
        )
    if len(month) > len(day):
        return _Reading({**schema, "order": "month"}, month, f"{column.name!r} is read with the month first")
    return _Reading(schema, day, f"{column.name!r} is read with the day first" if day != month else "")


def _dated(column: _Column, order: str) -> dict[str, float]:
    return column.readable(lambda text: moment_of(text, {"order": order}))


def _with_digits(column: _Column) -> list[str]:
    return [text for text in column.counts if any(map(str.isdigit, text)) and len(text) < 60]


def _strange(column: _Column, reading: _Reading, rows: Rows, where: str) -> DatasetError:
    """The error for a cell that doesn't fit the many others of its column."""
    text = min((text for text in column.counts if text not in reading.values), key=column.first.__getitem__)
    called, place = f"column {column.name!r} of {where}", rows.place(column.first[text])
    kind = reading.schema["kind"]
    if is_number(text) and "_" not in text and kind == "number":
        return DatasetError(f"{called} must be finite, got {text} in {place}")
    if "," in text and is_number(text.replace(",", ".", 1)) and kind == "number":
        return DatasetError(f"{called} holds {text!r} in {place}; write decimals with a point")
    count = sum(column.counts[other] for other in column.counts if other not in reading.values)
    rows_of_them = "1 row" if count == 1 else f"{count:,} rows"
    return DatasetError(
        f"{called} holds {kind}s, and text in {rows_of_them} ({shortened(text)!r} in {place}); mend or empty "
        f"these cells, or have all read as categories: --categorical {column.name}"
    )
