"""How rows become features: what is learned, that it is learned of the training part alone, and its file."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_designer.envs.datasets.errors import DatasetError
from rl_designer.envs.datasets.rows import RowEncoding, Rows, learned
from rl_designer.envs.datasets.rows.cells import encoded_rows
from rl_designer.envs.datasets.rows.kinds import typed
from rl_designer.envs.datasets.rows.table import object_array


def rows_of(**columns: list[Any]) -> Rows:
    """As a reader gives them: numbers as float64, all else as texts."""
    numbers = {name: all(isinstance(cell, float) for cell in cells) for name, cells in columns.items()}
    cells = (np.array(c) if numbers[name] else object_array(c) for name, c in columns.items())
    return Rows(tuple(columns), tuple(cells))


def encoding_of(*, categorical: tuple[str, ...] = (), **columns: list[Any]) -> RowEncoding:
    return learned(typed(rows_of(**columns), categorical, None, "t")[0], "t")


N = 60
NUMBERS = [float(i * i % 17) for i in range(N)]


def test_numbers_without_gaps_stay_as_they_are() -> None:
    encoding = encoding_of(u=NUMBERS, v=NUMBERS[::-1])
    assert encoding.plain and encoding.feature_names == ("u", "v")
    x = encoding.apply(rows_of(u=NUMBERS, v=NUMBERS[::-1]))
    assert np.array_equal(x, np.array([NUMBERS, NUMBERS[::-1]]).T)
    assert encoding.summary == "2 columns: 2 numbers"


def test_gaps_of_numbers_are_filled_with_the_median_and_told_where_there_are_some() -> None:
    encoding = encoding_of(u=["1", "2", "9", "", "?"] * 4, v=["1", "2", "3", "4", "5"] * 4)
    assert encoding.feature_names == ("u", "u is missing", "v")
    assert encoding.apply(rows_of(u=["NA", "7"], v=["", "7"])).tolist() == [[2, 1, 3], [7, 0, 7]]
    assert encoding.summary == "2 columns: 2 numbers (1 with gaps)"


def test_categories_have_a_feature_each_rare_ones_share_one_and_unknown_ones_go_there() -> None:
    colours = ["red"] * 30 + ["blue"] * 20 + ["", ""] + ["green", "mauve"] + ["teal"] * 6
    encoding = encoding_of(c=colours, u=NUMBERS)
    names = ("c = blue", "c = red", "c = teal", "c = another", "c is missing", "u")
    assert encoding.feature_names == names
    cells = ["red", "green", "never seen", "", None]
    x = encoding.apply(rows_of(c=cells, u=[0.0] * 5))[:, :5]
    assert x.tolist() == [[0, 1, 0, 0, 0], *[[0, 0, 0, 1, 0]] * 2, *[[0, 0, 0, 0, 1]] * 2]
    assert encoding.summary == "2 columns: 1 number, 1 category → 5"


def test_what_is_unknown_where_nothing_was_rare_is_no_category_at_all() -> None:
    encoding = encoding_of(c=["a", "b"] * 30, u=NUMBERS)
    assert encoding.apply(rows_of(c=["c", ""], u=[0.0, 0.0]))[:, :2].tolist() == [[0, 0], [0, 0]]


def test_texts_become_the_words_that_recur_and_those_that_nobody_wrote_before_are_passed_over() -> None:
    names = [f"{('Ford', 'BMW', 'Audi')[i % 3]} number{i}" for i in range(N)]
    encoding = encoding_of(s=names, u=NUMBERS)
    assert encoding.summary == "2 columns: 1 number, 1 text → 3"
    assert encoding.feature_names[:3] == ("s has 'audi'", "s has 'bmw'", "s has 'ford'")
    x = encoding.apply(rows_of(s=["a new FORD, from Audi", "Opel"], u=[0.0] * 2))
    assert x[:, :3].tolist() == [[1, 0, 1], [0, 0, 0]]


def test_where_there_are_many_rows_words_are_hashed_besides_so_that_like_texts_are_near() -> None:
    texts = [f"street {i % 550} of {'abcdefg'[i % 7]}" for i in range(2_100)]
    encoding = encoding_of(s=texts, u=[float(i * i % 97) for i in range(2_100)])
    hashed = [index for index, name in enumerate(encoding.feature_names) if "hashed" in name]
    assert len(hashed) == 32
    x = encoding.apply(rows_of(s=["street 7 of a", "street 7 of b", "Qx"], u=[0.0] * 3))
    one, like, other = x[:, hashed]
    assert one @ one == pytest.approx(1) and one @ like > 0.5 > one @ other


def test_many_values_of_which_some_are_frequent_have_both() -> None:
    encoding = encoding_of(s=["often"] * 30 + [f"rare{i % 2} one{i}" for i in range(30)], u=NUMBERS)
    assert encoding.feature_names[:4] == ("s = often", "s = another", "s has 'often'", "s has 'rare0'")


def test_numbers_with_long_tails_are_drawn_in_and_others_stay_as_they_are() -> None:
    heavy = [float(i % 7) for i in range(N - 1)] + [10_000.0]
    encoding = encoding_of(a=heavy, u=NUMBERS)
    assert encoding.summary == "2 columns: 2 numbers (1 with long tails drawn in)"
    x = encoding.apply(rows_of(a=[-1e9, 3.0, 4.0, 1e9], u=[0.0, 1.0, 2.0, 3.0]))
    assert x[:, 0] == pytest.approx([-3, 0, x[2, 0], 3]) and 0 < x[2, 0] < 1
    assert x[:, 1].tolist() == [0, 1, 2, 3]


def test_dates_become_what_varies_of_them() -> None:
    days = [f"2024-03-{1 + i % 28:02d}" for i in range(N)]
    encoding = encoding_of(d=days, u=NUMBERS)
    assert encoding.summary == "2 columns: 1 number, 1 date → 5"
    assert encoding.feature_names[0] == "d: years since 1970"
    with_times = encoding_of(d=[f"{day} {i % 24}:00" for i, day in enumerate(days)], u=NUMBERS)
    assert "d: time of day, sine" in with_times.feature_names
    [x] = with_times.apply(rows_of(d=["2024-03-01 06:00"], u=[0.0]))
    assert x[0] == pytest.approx(2024 + 60 / 366 - 1970, abs=0.01)
    assert x[with_times.feature_names.index("d: time of day, sine")] == pytest.approx(1)
    times = encoding_of(d=[f"{i % 24}:30" for i in range(N)], u=NUMBERS)
    assert times.feature_names[-3:-1] == ("d: time of day, sine", "d: time of day, cosine")


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ([3.0] * N, "which is always 3 in the training part"),
        (["red"] * N, "which is always 'red' in the training part"),
        (["2024-03-01"] * N, "which is always '2024-03-01' in the training part"),
        (["True"] * N, "which is always 1 in the training part"),
        ([""] * N, "which is empty in the training part"),
        ([f"A{i:05d}" for i in range(N)], "in which every row has another value"),
        (
            [f"{i}:00:00.{i:09d}" for i in [1] * (N - 1)] + ["1:00:00.000000002"],
            "which hardly varies in the training part",
        ),
    ],
)
def test_columns_that_can_tell_nothing_are_left_out_which_is_told(column: list[Any], reason: str) -> None:
    encoding = encoding_of(k=column, u=NUMBERS)
    assert encoding.feature_names == ("u",)
    assert encoding.summary == f"1 column: 1 number; left out: 'k', {reason}"
    with pytest.raises(DatasetError, match="t must have features; left out: 'k', "):
        encoding_of(k=column)


def test_numbers_may_be_named_categories() -> None:
    encoding = encoding_of(categorical=("u",), u=[float(i % 3) for i in range(N)], v=NUMBERS)
    assert encoding.feature_names == ("u = 0", "u = 1", "u = 2", "v")
    assert encoding.apply(rows_of(u=[1.0], v=[5.0])).tolist() == [[0, 1, 0, 5]]
    assert encoding.texts == ("u",)


def test_a_cell_that_can_not_be_read_is_told_with_its_place() -> None:
    encoding = encoding_of(u=NUMBERS, v=NUMBERS)
    with pytest.raises(DatasetError, match=r"column 'u' must hold .* got 'red' in row 2"):
        encoding.apply(rows_of(u=["1", "red"], v=["1", "2"]))
    with pytest.raises(DatasetError, match="column 'v' is missing; there are: u"):
        encoding.apply(rows_of(u=["1"]))


# -- for any table ---------------------------------------------------------------------------------

GAP = st.sampled_from(["", "NA", None])
COLUMN = st.one_of(
    st.lists(st.floats(-1e6, 1e6), min_size=12, max_size=12),
    *(
        st.lists(st.one_of(cell, cell, cell, GAP), min_size=12, max_size=12)
        for cell in (
            st.floats(-1e6, 1e6).map(str),
            st.integers(-50, 50).map(str),
            st.sampled_from(["True", "False", "FALSE"]),
            st.sampled_from(["red", "blue", "green", "1.0"]),
            st.text(max_size=8).map(str.strip),
            st.datetimes().map(str),
            st.dates().map(lambda day: day.strftime("%d.%m.%Y") if day.year > 999 else "01.02.2000"),
        )
    ),
)
TABLE = st.lists(COLUMN, min_size=1, max_size=5).map(
    lambda c: {f"column {i}": cells for i, cells in enumerate(c)}
)


def readable(table: dict[str, list[Any]]) -> tuple[Rows, RowEncoding] | None:
    """The encoding of its first eight rows; None for one that is refused."""
    try:
        rows = typed(rows_of(**table), (), None, "t")[0]
        return rows, learned(rows[np.arange(8)], "t")
    except DatasetError:
        return None


@given(TABLE)
@settings(max_examples=60, deadline=None)
def test_encoding_is_the_same_by_columns_and_by_cells_to_the_bit(table: dict[str, list[Any]]) -> None:
    if (made := readable(table)) is None:
        return
    rows, encoding = made
    by_cells = np.array(encoded_rows(list(encoding.columns), table))
    assert by_cells.tobytes() == encoding.apply(rows).tobytes() == encoding.apply(rows_of(**table)).tobytes()
    assert by_cells.shape == (12, len(encoding.feature_names)) and np.isfinite(by_cells).all()


@given(TABLE)
@settings(max_examples=25, deadline=None)
def test_an_encoding_goes_through_json(table: dict[str, list[Any]]) -> None:
    if (made := readable(table)) is None:
        return
    rows, encoding = made
    again = RowEncoding.from_dict(json.loads(json.dumps(encoding.to_dict(), allow_nan=False)))
    assert (again.columns, again.left_out) == (encoding.columns, encoding.left_out)
    assert again.apply(rows).tobytes() == encoding.apply(rows).tobytes()


NUMBER = {"name": "u", "kind": "number", "fill": 0.0, "gaps": False, "decimal": "plain", "sign": ""}
NUMBER |= {"centre": 0.0, "scale": 0.0}
CATEGORY = {
    "name": "c",
    "kind": "category",
    "values": ["a"],
    "other": False,
    "words": [],
    "hashed": 0,
    "gaps": False,
}
DATE = {"name": "d", "kind": "date", "fill": 0.0, "gaps": False, "order": "day", "parts": ["years"]}


@pytest.mark.parametrize(
    "damaged",
    [
        None,
        [],
        {"columns": []},
        {"columns": [], "left_out": []},
        {"columns": [NUMBER, NUMBER], "left_out": []},
        {"columns": [NUMBER | {"fill": float("inf")}], "left_out": []},
        {"columns": [NUMBER | {"sign": "$$"}], "left_out": []},
        {"columns": [NUMBER | {"kind": "code"}], "left_out": []},
        {"columns": [NUMBER | {"more": 1}], "left_out": []},
        {"columns": [CATEGORY | {"values": ["a", "a"]}], "left_out": []},
        {"columns": [CATEGORY | {"values": ["a" * 10_000]}], "left_out": []},
        {"columns": [CATEGORY | {"hashed": 10**9}], "left_out": []},
        {"columns": [DATE | {"fill": 1e300}], "left_out": []},
        {"columns": [DATE | {"parts": ["years", "years"]}], "left_out": []},
        {"columns": [NUMBER], "left_out": [["id"]]},
    ],
)
def test_what_is_no_encoding_is_refused_in_one_line(damaged: object) -> None:
    RowEncoding.from_dict({"columns": [NUMBER, CATEGORY, DATE], "left_out": [["id", "which counts"]]})
    with pytest.raises(ValueError, match="the encoding of rows is damaged: ") as error:
        RowEncoding.from_dict(damaged)
    assert "\n" not in str(error.value)
