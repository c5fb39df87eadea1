"""Cells of a table of rows, as files and frames give them, become features: the standard library alone, since
an exported network carries this file with it.

A cell that is no text is read as it would be written: 1.0 is '1.0', None is a gap. A column is a dictionary
that `RowEncoding` makes: its `name`, its `kind` and what was learned of it.
"""

import datetime
import math
import re
import zlib
from typing import Any

GAPS = frozenset(("", "?", "na", "n/a", "#n/a", "nan", "null", "-", "none", "<na>", "nat"))
TRUTHS = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}
LONGEST_TEXT = 1_000  # characters of a cell that are looked at
_GROUP = "'\u2019 \u00a0\u202f"  # between thousands, beside a comma or a point
_GROUPED = {
    "point": re.compile(rf"[+-]?[1-9]\d{{0,2}}([,{_GROUP}]\d{{3}})+(\.\d*)?"),
    "comma": re.compile(rf"[+-]?([1-9]\d{{0,2}}([.{_GROUP}]\d{{3}})+|\d+)(,\d+)?"),
}
_BETWEEN = {"point": re.compile(f"[,{_GROUP}]"), "comma": re.compile(f"[.{_GROUP}]")}
_WHOLE = re.compile(r"(-?\d+)\.0+")
_TIME = re.compile(
    r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?\s*(?:([ap])\.?m\.?)?\s*(z|utc|[+-]\d{2}:?(?:\d{2})?)?"
)
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec"
_MONTH = r"(?P<name>(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*)\.?"
_DATES = [
    re.compile(pattern)
    for pattern in (
        r"(?P<year>\d{4})([-/.])(?P<month>\d{1,2})\2(?P<day>\d{1,2})",
        r"(?P<year>\d{4})-(?P<month>\d{1,2})",
        r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4}|\d{2})",
        r"(?P<first>\d{1,2})([-/])(?P<second>\d{1,2})\2(?P<year>\d{4}|\d{2})",
        rf"(?P<day>\d{{1,2}})[ -]{_MONTH}[ ,-]+(?P<year>\d{{4}}|\d{{2}})",
        rf"{_MONTH}[ -](?P<day>\d{{1,2}}),?[ -](?P<year>\d{{4}})",
        rf"{_MONTH}[ ,-]+(?P<year>\d{{4}})",
    )
]
_DAY = 86_400.0  # seconds
_YEAR = 365.2425 * _DAY


def is_gap(cell: Any) -> bool:
    """Whether nothing is known: None, NaN, NaT, an empty text, and what people write in its place."""
    return (cell if isinstance(cell, str) else str(cell)).strip().lower() in GAPS


def text_of(cell: Any) -> str:
    """A category, in the one spelling that files and frames share: 1.0 is '1', TRUE is 'True'."""
    text = (cell if isinstance(cell, str) else str(cell)).strip()
    if text.lower() in ("true", "false"):
        return text.capitalize()
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text.removesuffix(" 00:00:00")


def number_of(cell: Any, column: dict[str, Any]) -> float:
    """A number; `decimal` (plain, point, comma) and `sign` of its column say how it is written. No gap.

    Raises:
        ValueError: for what is no finite number.
    """
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        number = float(cell)
    else:
        text = str(cell).strip()
        if column.get("sign"):
            text = text.replace(column["sign"], "", 1).strip()
        decimal = column.get("decimal", "plain")
        if decimal == "comma" or (decimal == "point" and _GROUPED[decimal].fullmatch(text)):
            if not _GROUPED[decimal].fullmatch(text):
                raise ValueError("it is written in another way")
            text = _BETWEEN[decimal].sub("", text).replace(",", ".")
        if "_" in text:
            raise ValueError("it is no number")
        number = float(text)
    if not math.isfinite(number):
        raise ValueError("it must be finite")
    return number


def moment_of(cell: Any, column: dict[str, Any]) -> float:
    """Seconds since 1970, of a date, a date and time, or a time of day; in UTC where it says its zone.

    `order` of its column is `day` or `month`: what comes first in 01/02/2024.

    Raises:
        ValueError: for what is none of them.
    """
    text = str(cell).strip().lower()
    timed = _TIME.search(text) if ":" in text else None
    if timed and timed.end() != len(text):
        raise ValueError("it is no date")
    date = text[: timed.start()].rstrip("t ,") if timed else text
    if timed and not date and timed.start():
        raise ValueError("it is no date")
    return (_day(date, column.get("order", "day")) if date else 0.0) + (_time(timed) if timed else 0.0)


def _day(text: str, order: str) -> float:
    found = next(filter(None, (pattern.fullmatch(text) for pattern in _DATES)), None)
    if found is None:
        raise ValueError("it is no date")
    parts = found.groupdict()
    if "first" in parts:
        names = ("month", "day") if order == "month" else ("day", "month")
        parts.update({names[0]: parts["first"], names[1]: parts["second"]})
    month = _MONTHS.index(parts["name"][:3]) // 4 + 1 if "name" in parts else int(parts["month"])
    year = int(parts["year"])
    if len(parts["year"]) == 2:
        year += 1900 if year >= 69 else 2000  # as POSIX reads them
    return (datetime.date(year, month, int(parts.get("day", 1))).toordinal() - 719_163) * _DAY


def _time(found: "re.Match[str]") -> float:
    hour, minute, second, fraction, half, zone = found.groups()
    hours, minutes, seconds = int(hour), int(minute), int(second or 0)
    if half:
        if not 1 <= hours <= 12:
            raise ValueError("it is no time")
        hours = hours % 12 + (12 if half == "p" else 0)
    if hours > 23 or minutes > 59 or seconds > 60:
        raise ValueError("it is no time")
    offset = 0
    if zone and zone not in ("z", "utc"):
        digits = zone[1:].replace(":", "").ljust(4, "0")
        offset = (60 * int(digits[:2]) + int(digits[2:])) * (-60 if zone[0] == "-" else 60)
    return 3600 * hours + 60 * minutes + seconds + float(f"0.{fraction or 0}") - offset


def _number(column: dict[str, Any], cell: Any, gap: bool) -> list[float]:
    return [drawn_in(column["fill"] if gap else number_of(cell, column), column)]


def drawn_in(number: float, column: dict[str, Any]) -> float:
    """A number of a column with long tails, smoothly within 3 of its `scale`s; others have a scale of 0."""
    if not column["scale"]:
        return number
    away: float = (number - column["centre"]) / column["scale"]
    return away / math.sqrt(1 + (away / 3) * (away / 3))


def _truth(column: dict[str, Any], cell: Any, gap: bool) -> list[float]:
    text = str(cell).strip().lower()
    if not gap and text not in TRUTHS:
        raise ValueError("it must be True or False")
    return [column["fill"] if gap else TRUTHS[text]]


def _category(column: dict[str, Any], cell: Any, gap: bool) -> list[float]:
    text = "" if gap else text_of(cell)
    features = [float(text == value) for value in column["values"]]
    if column["other"]:
        features.append(float(not gap and 1.0 not in features))
    text = text.lower()[:LONGEST_TEXT]
    words = words_of(text) if column["words"] else set()
    return features + [float(word in words) for word in column["words"]] + _hashed(text, column["hashed"])


def words_of(text: str) -> set[str]:
    """The words of a text in lower case."""
    return set(re.findall(r"\w+", text))


def _hashed(text: str, size: int) -> list[float]:
    """Words and their runs of three letters, each added to or taken from one of `size` sums; of length 1."""
    sums = [0.0] * size
    for word in re.findall(r"\w+", text) if size else ():
        around = f" {word} "
        for piece in (word, *(around[start : start + 3] for start in range(len(word)))):
            code = zlib.crc32(piece.encode("utf-8", "replace"))
            sums[code % size] += 1.0 if code >> 16 & 1 else -1.0
    length = math.sqrt(sum(value * value for value in sums))
    return [value / length for value in sums] if length else sums


def _date(column: dict[str, Any], cell: Any, gap: bool) -> list[float]:
    seconds = column["fill"] if gap else moment_of(cell, column)
    days = math.floor(seconds / _DAY)
    turns = {"weekday": (days + 3) % 7 / 7, "time": seconds / _DAY - days}
    if "season" in column["parts"]:
        year = datetime.date.fromordinal(days + 719_163).year
        turns["season"] = (days + 719_163 - datetime.date(year, 1, 1).toordinal()) / 366
    features: list[float] = []
    for part in column["parts"]:
        angle = 2 * math.pi * turns.get(part, 0.0)
        features += [seconds / _YEAR] if part == "years" else [math.sin(angle), math.cos(angle)]
    return features


_ENCODERS = {"number": _number, "truth": _truth, "category": _category, "date": _date}


def encoded_column(column: dict[str, Any], cells: Any) -> list[list[float]]:
    """The features of a column's cells, a list a cell.

    Raises:
        ValueError: for the first cell that can't be read, with its row, counted from 1.
    """
    encode, features = _ENCODERS[column["kind"]], []
    # A frame's own numbers, of which float32 is written shorter than Python's.
    cells = cells.to_numpy() if hasattr(cells, "to_numpy") else cells
    for row, cell in enumerate(cells, start=1):
        gap = is_gap(cell)
        try:
            features.append(encode(column, cell, gap) + ([float(gap)] if column["gaps"] else []))
        except (ValueError, OverflowError) as error:
            raise ValueError(
                f"column {column['name']!r} must hold what it did in training ({column['kind']}), got "
                f"{str(cell)[:60]!r} in row {row}: {error}"
            ) from None
    return features


def encoded_rows(columns: list[dict[str, Any]], rows: Any) -> list[list[float]]:
    """The features of rows: a list of dictionaries, or a mapping (a frame, too) from names to cells.

    Raises:
        ValueError: for a column that is missing, and as `encoded_column`.
    """
    table = rows if hasattr(rows, "keys") else None
    blocks = []
    for column in columns:
        name = column["name"]
        for row, there in enumerate(rows if table is None else [table], start=1):
            if name not in there:
                where = f" in row {row}" if table is None else ""
                raise ValueError(f"column {name!r} is missing{where}; the network needs it")
        blocks.append(encoded_column(column, [row[name] for row in rows] if table is None else table[name]))
    if len({len(block) for block in blocks}) > 1:
        raise ValueError("all columns must have as many cells")
    return [[value for cells in row for value in cells] for row in zip(*blocks)]  # noqa: B905, old Pythons
