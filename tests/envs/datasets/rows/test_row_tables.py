"""People's tables, from the file to the data set: what is read, what is told, what is refused and why."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from rl_designer.envs.datasets import Dataset, DatasetError, load_dataset
from rl_designer.envs.datasets.catalogue import read_rows
from rl_designer.envs.datasets.rows.cells import encoded_rows
from rl_designer.runs.data import keep_data, with_categories

N = 60
DRAWN = np.random.Generator(np.random.PCG64(3))
U = DRAWN.normal(size=N).round(3)
K = ["yes" if value else "no" for value in np.arange(N) % 2]

Table = Callable[..., Path]


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """Writes columns as a `.csv`, whose target is `k`."""

    def write(name: str = "own.csv", encoding: str = "utf-8", **columns: Any) -> Path:
        path = tmp_path / name
        frame = pandas.DataFrame({"u": U, **columns, **({} if "k" in columns else {"k": K})})
        path.write_bytes(frame.to_csv(index=False).encode(encoding))
        return path

    return write


def of(path: Path, **options: Any) -> Dataset:
    return load_dataset(path, target="k", **options)


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(DatasetError) as error:
        of(path, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def notes(path: Path, **options: Any) -> tuple[str, ...]:
    return tuple(note.removeprefix("'own.csv': ") for note in of(path, **options).notes)


def some(*cells: Any) -> list[Any]:
    """Over and over, to the table's length."""
    return [cells[i % len(cells)] for i in range(N)]


# -- what is read and told -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (some(1, 2, 3), ()),
        (some("1", "2.5", "NA", "-"), ("2 columns: 2 numbers (1 with gaps)",)),
        (some("red", "blue", ""), ("2 columns: 1 number, 1 category → 3",)),
        (some("True", "False"), ("2 columns: 1 number, 1 of True (1) and False (0)",)),
        (some("TRUE", "0", "1"), ("2 columns: 1 number, 1 of True (1) and False (0)",)),
        (some("0", "1", "2", "3+"), ("2 columns: 1 number, 1 category → 4",)),
        (some("2024-03-01", "2024-04-17", "2025-01-02"), ("2 columns: 1 number, 1 date → 5",)),
        (some("Jan 1 2000", "Feb 3 2001", "Jun 12 1998"), ("2 columns: 1 number, 1 date → 5",)),
        (some("01.02.2024", "03.04.2024", "05.06.2023"), ("2 columns: 1 number, 1 date → 5",)),
        (some("12:30", "08:05", "23:59"), ("2 columns: 1 number, 1 date → 2",)),
    ],
)
def test_columns_are_known_by_their_cells(table: Table, cells: list[Any], told: tuple[str, ...]) -> None:
    assert notes(table(a=cells))[:1] == told


@pytest.mark.parametrize(
    ("cells", "numbers", "said"),
    [
        (some("1,080", "12.5", "7"), some(1080, 12.5, 7), "with its commas between thousands"),
        (some("1,234,567", "1,080"), some(1234567, 1080), "with its commas between thousands"),
        (some("3,5", "0,250", "1,080"), some(3.5, 0.25, 1.08), "with commas before its decimals"),
        (some("1.234,5", "2.500,25"), some(1234.5, 2500.25), "with commas before its decimals"),
        (some("$5", "$7.5", "$11"), some(5, 7.5, 11), "without its $"),
        (some("45%", "1 %", ""), some(45, 1, None), "without its %"),
        (
            some("$1,200", "$3,400.50"),
            some(1200, 3400.5),
            "without its $ and with its commas between thousands",
        ),
    ],
)
def test_numbers_in_other_spellings_are_read_which_is_told(
    table: Table, cells: list[str], numbers: list[Any], said: str
) -> None:
    path = table(a=cells)
    assert f"'a' is read {said}" in notes(path)
    assert of(path).digest == of(table("plain.csv", a=numbers)).digest


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (some("14/03/2024", "01/02/2024"), "'a' is read with the day first"),
        (some("03/14/2024", "01/02/2024"), "'a' is read with the month first"),
    ],
)
def test_a_date_that_has_one_reading_decides_for_its_column(
    table: Table, cells: list[str], said: str
) -> None:
    assert said in notes(table(a=cells))


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (some("1,080", "1,250"), "two readings: '1,080' in line 2 may be 1,080 or 1.08; say --decimal point"),
        (some("$1,080", "$12"), "two readings: '$1,080' in line 2"),
        (some("", "2", "3,001"), "two readings: '3,001' in line 4 may be 3,001 or 3.001"),
        (some("01/02/2024", "03/04/2024"), "two readings: '01/02/2024' in line 2 may have the day first"),
        (some("1-2-99", "3-4-99"), "two readings: '1-2-99' in line 2 may have the day first"),
    ],
)
def test_what_has_two_readings_is_asked_about(table: Table, cells: list[str], said: str) -> None:
    assert said in refusal(table(a=cells))
    assert of(table(a=cells), drop=("a",)).input_shape == (1,)


@pytest.mark.parametrize(("decimal", "numbers"), [("point", (1080, 25, 1250)), ("comma", (1.08, 25, 1.25))])
def test_the_option_says_which_reading(table: Table, decimal: str, numbers: tuple[float, ...]) -> None:
    path, same = table(a=some("1,080", "25", "1,250")), table("plain.csv", a=some(*numbers))
    assert of(path, decimal=decimal).digest == of(same).digest == of(same, decimal="point").digest


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([*map(str, range(0, 2 * N - 2, 2)), "many"], "holds numbers, and text in 1 row ('many' in line 61)"),
        ([*map(str, range(0, 2 * N - 2, 2)), "True"], "holds numbers and True or False"),
        ([*map(str, range(0, 2 * N - 2, 2)), "-inf"], "must be finite, got -inf in line 61"),
        (
            [*(f"2024-{1 + i % 12}-{1 + i % 28}" for i in range(N - 1)), "soon"],
            "holds dates, and text in 1 row",
        ),
    ],
)
def test_a_few_cells_that_do_not_fit_are_refused(table: Table, cells: list[str], said: str) -> None:
    assert f"column 'a' of 'own.csv' {said}" in refusal(table(a=cells))


def test_a_column_of_numbers_and_words_is_text_which_is_told(table: Table) -> None:
    cells = [str(i * 7) if i % 3 else f"PC {i}" for i in range(N)]
    assert "'a' holds numbers in 40 of 60 cells and text in the others, and is read as text" in notes(
        table(a=cells)
    )


def test_numbers_with_underscores_are_no_numbers(table: Table) -> None:
    assert "u" in of(table(a=some("3_14", "31_4"))).encoding.feature_names  # type: ignore[union-attr]
    assert of(table(a=some("3_14", "31_4"))).input_shape == (3,)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_with_a_byte_order_mark_are_read(table: Table, encoding: str) -> None:
    path = table(encoding=encoding, a=some("é", "ü"))
    assert of(path).encoding.feature_names[1:] == ("a = é", "a = ü")  # type: ignore[union-attr]


# -- what is left out ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cells",
    [range(N), range(7, N + 7), DRAWN.permutation(N) + 3, [f"{i:04d}" for i in range(N)], range(N, 0, -1)],
)
def test_what_counts_the_rows_in_any_order_is_left_out(table: Table, cells: Any) -> None:
    assert notes(table(a=list(cells))) == ("1 column: 1 number; left out: 'a', which counts the rows",)


@pytest.mark.parametrize("names", [range(1, 2 * N, 2), [f"Mazda RX{i}" for i in range(N)]])
def test_a_nameless_column_in_which_every_row_has_another_value_is_an_index(
    tmp_path: Path, names: Any
) -> None:
    path = tmp_path / "own.csv"
    path.write_text("\n".join([",u,k", *(f"{n},{u},{k}" for n, u, k in zip(names, U, K, strict=True))]))
    told = "left out: a column without a name, in which every row has another value"
    assert told in notes(path)[0]


def test_columns_are_left_out_as_asked(table: Table) -> None:
    path = table(a=some("x", "y"), b=some(3, 1))
    assert notes(path, drop=("a", "b"))[0] == "1 column: 1 number; left out: 'a', 'b', as asked"
    assert of(path, drop=("a", "b")).digest == of(table("less.csv")).digest


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"drop": ("ab",)}, "unknown column 'ab'. Did you mean 'a'?"),
        ({"categorical": ("v",)}, "unknown column 'v'."),
        ({"group": "k"}, "'k' is the target; it can't be anything else"),
        ({"drop": ("a",), "categorical": ("a",)}, "'a' is no feature; it can't be categorical, too"),
        ({"drop": ("a", "u")}, "must have features besides its target 'k'"),
    ],
)
def test_columns_that_are_not_there_or_taken_are_refused(
    table: Table, options: dict[str, Any], said: str
) -> None:
    assert said in refusal(table(a=some(1, 2)), **options)


def test_options_of_tables_are_for_tables(tmp_path: Path) -> None:
    for option, value in (("drop", ("a",)), ("group", "a"), ("decimal", "point"), ("missing_target", "drop")):
        with pytest.raises(DatasetError, match=f"--{option.replace('_', '-')} is for tables of rows"):
            load_dataset("digits", **{option: value})


def test_rows_without_a_target_are_left_out_where_that_is_asked_for(table: Table) -> None:
    path = table(k=["NA" if i % 12 == 0 else "ab"[i % 2] for i in range(N)])
    assert "in 5 of 60 rows, first in line 2" in refusal(path)
    assert "leave these rows out: --missing-target drop" in refusal(path, missing_target="refuse")
    dataset = of(path, missing_target="drop")
    assert dataset.class_names == ("a", "b")
    assert dataset.notes == ("'own.csv': left out 5 of 60 rows, in which 'k' is empty",)


# -- what is warned of -----------------------------------------------------------------------------


def test_rows_that_are_there_twice_are_told(table: Table) -> None:
    twice = np.arange(N) // 2
    told = notes(table(u=U[twice], a=twice * 3 % 71, k=[K[i] for i in twice]))
    assert told[0].startswith("30 rows repeat another, target included; ")
    assert told[0].endswith(" of those to validate or test on are in the training part, too")
    assert notes(table(u=U[twice], a=twice * 3 % 71)) == (
        "30 rows have the features of another row and another target",
    )
    assert notes(table()) == ()


def test_a_column_that_rises_or_falls_with_a_number_to_predict_is_told(table: Table) -> None:
    price = np.arange(N) * 37 % 101 + 0.5
    logs = [None if index % 5 == 0 else value for index, value in enumerate(-np.log(price))]
    nearly = price + 3 * np.sin(np.arange(N))
    said = [note for note in of(table(k=price, logs=logs, nearly=nearly)).notes if "tells" in note]
    assert len(said) == 1 and "'logs' tells the target: it rises or falls with it in all rows" in said[0]


def test_a_column_that_tells_the_target_is_told(table: Table) -> None:
    copies = {"copy": [word.upper() for word in K], "number": [5 * (word == "yes") for word in K]}
    said = "'copy', 'number' tell the target: each of their values goes with one class"
    assert f"{said}; --drop leaves columns out" in notes(table(**copies))
    assert not any("the target" in note for note in notes(table(other=some("a", "b", "c"))))


# -- groups ----------------------------------------------------------------------------------------


def groups_of(dataset: Dataset, number_of_group: dict[float, int]) -> list[set[int]]:
    """The groups of each part; the feature `u` tells them."""
    scale = dataset.standardisation
    assert scale is not None and dataset.sealed_test is not None
    parts = (dataset.x_train, dataset.x_val, dataset.sealed_test.open()[0])
    raw = [(x * scale.deviation + scale.mean)[:, 0].round(3).tolist() for x in parts]
    return [{number_of_group[value] for value in values} for values in raw]


def test_no_group_is_on_both_sides_of_a_split(table: Table) -> None:
    group = DRAWN.permutation(np.arange(N) % 15)
    u = np.arange(N) * 2.0
    path = table(u=u, patient=[f"p{number}" for number in group])
    dataset = of(path, group="patient")
    parts = groups_of(dataset, dict(zip(u.tolist(), group.tolist(), strict=True)))
    assert set.union(*parts) == set(range(15)) and sum(map(len, parts)) == 15
    assert dataset.notes[0].endswith("left out: 'patient', which groups the rows")
    assert 30 <= len(dataset.y_train) <= 46 and {0, 1} == set(dataset.y_val) == set(dataset.y_train)
    assert of(path, group="patient").digest == dataset.digest
    trained = (dataset.x_train * dataset.standardisation.deviation + dataset.standardisation.mean)[:, 0]  # type: ignore[union-attr]
    in_folds = [{group[round(u / 2)] for u in trained[dataset.folds == fold]} for fold in (1, 2, 3, 4)]
    assert all(in_folds) and sum(map(len, in_folds)) == len(parts[0])


@pytest.mark.parametrize(
    ("group", "said"),
    [
        (some("a", "a", "b", "b"), "each part of the split needs groups of its own; none is left for val"),
        (
            ["", *some("a", "b", "c")[1:]],
            "group column 'a' of 'own.csv' is empty in 1 of 60 rows, first in line 2",
        ),
        (K, "a class stands in too few groups"),
    ],
)
def test_groups_that_can_not_be_split_are_refused(table: Table, group: list[str], said: str) -> None:
    assert said in refusal(table(a=group), group="a")


# -- learned from the training part alone ----------------------------------------------------------


def test_nothing_is_learned_of_the_rows_to_validate_and_test_on(table: Table) -> None:
    columns = {
        "a": some("red", "blue", "red"),
        "b": some("1", "2", ""),
        "d": some("2024-01-01", "2024-07-09"),
    }
    rows = {"u": U, **columns, "k": K}
    dataset = of(table(**columns))
    scale = dataset.standardisation
    assert scale is not None
    trained = set((dataset.x_train * scale.deviation + scale.mean)[:, 0].round(3).tolist())
    outside = [index for index, value in enumerate(U.tolist()) if value not in trained]
    assert len(outside) == N - len(dataset.y_train)
    for index in outside:
        rows["a"][index], rows["b"][index], rows["d"][index] = "green", "1e6", "1999-12-31"  # type: ignore[index]
    changed = of(table("changed.csv", **{name: rows[name] for name in columns}))
    assert changed.encoding is not None and dataset.encoding is not None
    assert changed.encoding.columns == dataset.encoding.columns
    assert np.array_equal(changed.x_train, dataset.x_train)


# -- one table, whatever it comes in ---------------------------------------------------------------


def frame() -> pandas.DataFrame:
    when = pandas.date_range("2024-01-01", periods=N, freq="31h")
    return pandas.DataFrame(
        {
            "u": U.astype(np.float32),
            "whole": np.arange(N) % 7,
            "gaps": [None if i % 9 == 0 else i % 5 for i in range(N)],
            "truth": np.arange(N) % 3 == 0,
            "maybe": pandas.array([None if i % 8 == 0 else i % 2 == 0 for i in range(N)], dtype="boolean"),
            "word": some("red", "blue", None),
            "kind": pandas.Categorical(some("x", "y", "z")),
            "code": pandas.Categorical(some(10, 20, 30)),
            "when": when,
            "zoned": when.tz_localize("Europe/Kyiv"),
            "day": [moment.date() for moment in when],
            "k": K,
        }
    )


def test_a_frame_its_csv_and_its_cells_are_encoded_alike(tmp_path: Path) -> None:
    given = frame()
    settings = with_categories(given, {"target": "k"})
    assert settings == {"target": "k", "categorical": ("code",)}
    path = keep_data(given, tmp_path)
    encoding = load_dataset(path, **settings).encoding
    assert encoding is not None
    assert "1 number" not in encoding.summary and "3 dates" in encoding.summary
    of_file = encoding.apply(read_rows(path, encoding.texts))
    assert of_file.tobytes() == np.array(encoded_rows(list(encoding.columns), given)).tobytes()


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None, reason="pyarrow is not installed")
def test_csv_and_parquet_of_one_frame_are_one_data_set(tmp_path: Path) -> None:
    given = frame().astype({"u": np.float64})
    given.to_parquet(tmp_path / "own.parquet", index=False)
    given.to_csv(tmp_path / "own.csv", index=False)
    of_csv, of_parquet = (
        of(tmp_path / f"own.{suffix}", categorical=("code",)) for suffix in ("csv", "parquet")
    )
    assert of_csv.encoding is not None and of_parquet.encoding is not None
    assert of_csv.encoding.columns == of_parquet.encoding.columns
    assert of_csv.digest == of_parquet.digest


def test_a_named_index_is_a_column_and_another_is_left_out_which_is_told(tmp_path: Path) -> None:
    given = frame()[["u", "k"]]
    named = given.set_index(pandas.Index(some(5, 7, 9), name="size"))
    assert of(keep_data(named, tmp_path)).input_shape == (2,)
    assert keep_data(given, tmp_path) == keep_data(given.reset_index(drop=True), tmp_path)
    with pytest.warns(UserWarning, match="the index of the DataFrame is left out"):
        assert keep_data(given.set_axis(list(range(5, N + 5))), tmp_path) == keep_data(given, tmp_path)
    levels = pandas.concat({"one": given}, axis=1)
    with pytest.raises(DatasetError, match="several levels"):
        keep_data(levels, tmp_path)


def test_far_too_many_features_are_refused_before_memory_is_taken(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rl_designer.envs.datasets.rows.encoding._MOST_BYTES", 1_000)
    assert "the 4 features of the 60 rows of 'own.csv' would take" in refusal(table(a=some("a", "b", "c")))
