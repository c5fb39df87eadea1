"""Cells as people's files and frames give them: numbers, moments, categories and gaps."""

import ast
import datetime
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas
import pytest

from rl_designer.envs.datasets.rows import cells
from rl_designer.envs.datasets.rows.cells import (
    encoded_column,
    encoded_rows,
    is_gap,
    moment_of,
    number_of,
    text_of,
)


def test_the_file_needs_nothing_but_the_standard_library() -> None:
    """It is copied into exported networks."""
    tree = ast.parse(Path(cells.__file__).read_text(encoding="utf-8"), feature_version=(3, 9))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules = {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names | modules} <= sys.stdlib_module_names


@pytest.mark.parametrize(
    "cell", [None, float("nan"), "", " ", "NA", "n/a", "NaN", "?", "-", "None", pandas.NA, pandas.NaT, np.nan]
)
def test_what_people_write_where_nothing_is_known_is_a_gap(cell: object) -> None:
    assert is_gap(cell)


@pytest.mark.parametrize("cell", [0, 0.0, False, "0", "no", "nothing", "--", datetime.date(2024, 3, 1)])
def test_anything_else_is_none(cell: object) -> None:
    assert not is_gap(cell)


@pytest.mark.parametrize(
    ("cells_of_one", "text"),
    [
        ((1, 1.0, "1", "1.0", " 1 ", np.int64(1), np.float64(1), Decimal(1)), "1"),
        ((True, np.bool_(True), "True", "TRUE", "true"), "True"),
        (("1.50", " 1.50"), "1.50"),
        ((datetime.date(2024, 3, 1), pandas.Timestamp(2024, 3, 1), "2024-03-01"), "2024-03-01"),
    ],
)
def test_a_category_has_one_spelling_wherever_it_comes_from(
    cells_of_one: tuple[object, ...], text: str
) -> None:
    assert {text_of(cell) for cell in cells_of_one} == {text}


@pytest.mark.parametrize(
    ("cell", "how", "number"),
    [
        ("1.5", {}, 1.5),
        (" -1e3 ", {}, -1000.0),
        (np.float32(0.1), {}, 0.1),
        (Decimal("0.1"), {}, 0.1),
        (7, {}, 7.0),
        ("1,080", {"decimal": "point"}, 1080.0),
        ("1,234,567.5", {"decimal": "point"}, 1234567.5),
        ("12.5", {"decimal": "point"}, 12.5),
        ("1,080", {"decimal": "comma"}, 1.08),
        ("1.234,5", {"decimal": "comma"}, 1234.5),
        ("1 234,5", {"decimal": "comma"}, 1234.5),
        ("$1,200", {"decimal": "point", "sign": "$"}, 1200.0),
        ("-€5", {"sign": "€"}, -5.0),
        ("45 %", {"sign": "%"}, 45.0),
        (45.0, {"sign": "%", "decimal": "comma"}, 45.0),
    ],
)
def test_numbers_are_read_as_their_column_writes_them(
    cell: object, how: dict[str, str], number: float
) -> None:
    assert number_of(cell, how) == number


@pytest.mark.parametrize("cell", ["red", "3_14", "inf", "1e999", "1,080", True, "0x10", 10**400])
def test_what_is_no_finite_number_is_refused(cell: object) -> None:
    with pytest.raises((ValueError, OverflowError)):
        number_of(cell, {})
    column = {"name": "u", "kind": "number", "fill": 0.0, "gaps": False, "scale": 0.0}
    with pytest.raises(ValueError, match=r"column 'u' must hold .* in row 2"):
        encoded_column(column, [1, cell])


MOMENT = datetime.datetime(2024, 3, 14, 9, 5, tzinfo=datetime.UTC).timestamp()
DAY = datetime.datetime(2024, 3, 14, tzinfo=datetime.UTC).timestamp()


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        ("2024-03-14", DAY),
        ("2024/3/14", DAY),
        ("14.03.2024", DAY),
        ("14/03/2024", DAY),
        ("14/03/24", DAY),
        ("Mar 14, 2024", DAY),
        ("14 March 2024", DAY),
        ("14-Mar-24", DAY),
        (datetime.date(2024, 3, 14), DAY),
        (np.datetime64("2024-03-14"), DAY),
        ("2024-03", DAY - 13 * 86_400),
        ("2024-03-14 09:05", MOMENT),
        ("2024-03-14T09:05:00.000Z", MOMENT),
        ("2024-03-14T11:05:00+02:00", MOMENT),
        ("2024-03-14T07:05-0200", MOMENT),
        ("14/03/2024 9:05 AM", MOMENT),
        (pandas.Timestamp("2024-03-14 09:05"), MOMENT),
        (pandas.Timestamp("2024-03-14 11:05", tz="Europe/Kyiv"), MOMENT),
        (np.datetime64("2024-03-14T09:05", "ns"), MOMENT),
        ("2024-03-14 09:05:30.25", MOMENT + 30.25),
        ("9:05", MOMENT - DAY),
        ("09:05:00", MOMENT - DAY),
        (datetime.time(9, 5), MOMENT - DAY),
        ("12:00 am", 0.0),
    ],
)
def test_dates_and_times_are_seconds(cell: object, seconds: float) -> None:
    assert moment_of(cell, {"order": "day"}) == seconds


def test_a_column_says_what_comes_first_in_its_dates() -> None:
    assert moment_of("03/14/2024", {"order": "month"}) == DAY
    with pytest.raises(ValueError):
        moment_of("03/14/2024", {"order": "day"})


@pytest.mark.parametrize(
    "cell",
    ["red", "2024", "20240314", "2024-13-01", "2024-02-30", "25:00", "1:2", "a 9:05", "9:05 b", "1.2.3"],
)
def test_what_is_no_moment_is_refused(cell: str) -> None:
    with pytest.raises(ValueError):
        moment_of(cell, {"order": "day"})


CATEGORY = {"name": "c", "kind": "category", "values": ["a", "b"], "other": True, "gaps": False}
CATEGORY |= {"words": [], "hashed": 0}
COLUMNS = [
    {"name": "u", "kind": "number", "fill": 2.0, "gaps": True, "scale": 0.0},
    CATEGORY,
    {"name": "t", "kind": "truth", "fill": 1.0, "gaps": False},
]


def test_rows_may_be_dictionaries_columns_or_a_frame() -> None:
    rows = [{"u": "1", "c": "a", "t": "TRUE"}, {"u": None, "c": "new", "t": False}, {"u": 3, "c": "", "t": 0}]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    expected = [[1, 0, 1, 0, 0, 1], [2, 1, 0, 0, 1, 0], [3, 0, 0, 0, 0, 0]]
    for given in (rows, columns, pandas.DataFrame(rows)):
        assert encoded_rows(COLUMNS, given) == expected


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"u": 1, "c": "a", "t": 1}, {"u": 1, "t": 1}], "column 'c' is missing in row 2"),
        ({"u": [1], "c": ["a"]}, "column 't' is missing; the network needs it"),
        ({"u": [1, 2], "c": ["a"], "t": [1]}, "all columns must have as many cells"),
        ({"u": [1], "c": ["a"], "t": ["maybe"]}, r"column 't' must hold .* got 'maybe' in row 1"),
    ],
)
def test_rows_that_do_not_fit_are_refused(rows: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        encoded_rows(COLUMNS, rows)
