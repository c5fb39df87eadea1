"""The user's own tables: `.csv` and `.parquet` files, and what is said of a bad one."""

import gzip
import importlib.util
import sys

import numpy as np
import pytest

from rl_designer.envs.datasets import DatasetError, load_dataset

needs_pyarrow = pytest.mark.skipif(
    importlib.util.find_spec("pyarrow") is None, reason="pyarrow is not installed"
)

N = 20
X = np.random.default_rng(0).normal(size=(N, 3))
Y = np.arange(N) % 2


def refusal(path, **options):
    """The one line that is said of a bad file."""
    with pytest.raises(DatasetError) as error:
        load_dataset(path, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


# -- .csv ------------------------------------------------------------------------------------------

ROWS = [f"{a:.4f},{b:.4f},{'yes' if y else 'no'}" for (a, b, _), y in zip(X, Y, strict=True)]
CSV = "\n".join(["width,height,good", *ROWS]) + "\n"


@pytest.fixture
def table(tmp_path):
    def write(text):
        path = tmp_path / "own.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_csv_becomes_features_and_classes(table):
    dataset = load_dataset(table(CSV), target="good")
    assert (dataset.name, dataset.input_shape, dataset.class_names) == ("own", (2,), ("no", "yes"))
    assert len(dataset.y_train) == 13


def test_the_target_may_be_any_column(table):
    first = "\n".join(",".join(reversed(line.split(","))) for line in CSV.splitlines())
    features = load_dataset(table(first), target="good").x_train
    assert np.array_equal(features[:, ::-1], load_dataset(table(CSV), target="good").x_train)


@pytest.mark.parametrize(
    "text",
    [
        CSV.replace(",", ";"),
        CSV.replace(",", "\t"),
        CSV.replace(",", "|"),
        CSV.replace("\n", "\r\n"),
        CSV.replace(",", " , "),
        "\ufeff" + CSV,
        "sep=;\n" + CSV.replace(",", ";"),
        '"width, in mm";' + CSV.replace(",", ";").partition(";")[2],
        CSV.replace("\n", "\n\n"),
        CSV.replace("yes", '"yes"'),
    ],
    ids=[
        "semicolons",
        "tabs",
        "bars",
        "crlf",
        "spaces",
        "byte-order-mark",
        "sep",
        "quoted",
        "blank-lines",
        "quotes",
    ],
)
def test_usual_spellings_of_a_csv_are_one(table, text):
    expected = load_dataset(table(CSV), target="good")
    dataset = load_dataset(table(text), target="good")
    assert (dataset.digest, dataset.class_names) == (expected.digest, expected.class_names)


def test_integer_classes_of_a_csv_are_ordered_as_numbers(table):
    text = CSV.replace("yes", "10").replace("no", "9")
    assert load_dataset(table(text), target="good").class_names == ("9", "10")


@pytest.mark.parametrize(
    "names", [("3_14", "31_4"), ("01", "1"), ("1E2", "100"), ("1.0", "2.0"), ("+1", "1"), ("none", "a")]
)
def test_classes_keep_their_spelling(table, names):
    text = CSV.replace("yes", names[1]).replace("no", names[0])
    assert set(load_dataset(table(text), target="good").class_names) == set(names)


@pytest.mark.parametrize("spellings", [("True", "False"), ("TRUE", "FALSE"), ("true", "false")])
def test_true_and_false_are_1_and_0_which_is_told(table, spellings):
    lines = [f"{spellings[i % 3 == 0]},{i * i},{'ab'[i % 2]}" for i in range(20)]
    numbers = [line.replace(spellings[0], "1").replace(spellings[1], "0") for line in lines]
    read, same = (load_dataset(table("\n".join(["red,u,k", *rows])), target="k") for rows in (lines, numbers))
    assert read.digest == same.digest and same.notes == ()
    assert read.notes == ("'own.csv': 2 columns: 1 number, 1 of True (1) and False (0)",)


@pytest.mark.parametrize("first", [0, 1, 1_000])
@pytest.mark.parametrize("name", ["id", ""])
def test_a_column_that_only_counts_the_rows_is_left_out_which_is_told(table, name, first):
    header, *lines = CSV.splitlines()
    counted = "\n".join([f"{name},{header}", *(f"{first + i},{line}" for i, line in enumerate(lines))])
    dataset = load_dataset(table(counted), target="good")
    assert dataset.digest == load_dataset(table(CSV), target="good").digest
    told = repr(name) if name else "a column without a name"
    assert dataset.notes == (f"'own.csv': 2 columns: 2 numbers; left out: {told}, which counts the rows",)
    assert dataset.about[0] == "own: 13 examples to train on, 3 to validate, 2 classes, 2 features"


def test_nothing_but_a_count_is_no_table_of_features(table):
    text = "\n".join(["id,k", *(f"{i},{i % 2}" for i in range(20))])
    assert "must have features besides 'id', which counts the rows" in refusal(table(text), target="k")


@pytest.mark.parametrize("name", ["own.tsv", "own.csv.gz", "own.tsv.gz", "OWN.CSV.GZ"])
def test_tables_of_other_names_are_read(tmp_path, table, name):
    text = CSV.replace(",", "\t") if "tsv" in name else CSV
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.lower().endswith("gz") else text.encode())
    dataset = load_dataset(path, target="good")
    assert (dataset.name.lower(), dataset.digest) == ("own", load_dataset(table(CSV), target="good").digest)


@pytest.mark.parametrize("damaged", [b"no gzip", gzip.compress(CSV.encode())[:-9], b""])
def test_a_packed_table_that_is_damaged_is_refused(tmp_path, damaged):
    path = tmp_path / "own.csv.gz"
    path.write_bytes(damaged)
    assert refusal(path, target="good").startswith("'own.csv.gz' ")


def test_a_small_file_that_unpacks_to_far_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("rl_designer.envs.datasets.readers.csv_files.FREE", 1_000)
    path = tmp_path / "own.csv.gz"
    path.write_bytes(gzip.compress(b"0" * 10_000_000))
    assert "which is beyond belief" in refusal(path, target="good")


def test_a_table_longer_than_a_batch_is_read_whole(table):
    lines = [f"{i // 2},{i % 2}" for i in range(10_000)]
    dataset = load_dataset(table("\n".join(["a,b", *lines])), target="b")
    assert len(dataset.y_train) + len(dataset.y_val) + len(dataset.sealed_test.open()[1]) == 10_000


def changed(line, text):
    lines = CSV.splitlines()
    lines[line - 1] = text
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "target", "said"),
    [
        (
            CSV,
            None,
            "which column of 'own.csv' holds the classes? Say --target NAME. Columns: width, height, good.",
        ),
        (
            CSV,
            "goood",
            "'own.csv': unknown column 'goood'. Did you mean 'good'? Legal: good, height, width.",
        ),
        (CSV.partition("\n")[2], "good", "The first line must hold the names of the columns."),
        (
            changed(5, "1,red,no"),
            "good",
            "column 'height' of 'own.csv' holds numbers, and text in 1 row ('red' in line 5); mend "
            "or empty these cells, or have all read as categories: --categorical height",
        ),
        (changed(5, '1,"2,5",no'), "good", "holds '2,5' in line 5; write decimals with a point"),
        (changed(5, "1,1e999,no"), "good", "must be finite, got 1e999 in line 5"),
        (
            changed(5, "1,2,"),
            "good",
            "target column 'good' of 'own.csv' is empty in 1 of 20 rows, first in line 5; leave "
            "these rows out: --missing-target drop",
        ),
        (changed(5, "1,no"), "good", "line 5 of 'own.csv' must have 3 cells, got 2"),
        (changed(5, '1,"2,no'), "good", "'own.csv' can't be read as a .csv file: unexpected end of data"),
        (changed(1, "width,width,good"), "good", "'own.csv' has two columns called 'width'"),
        (changed(1, ",height,good"), "good", "a column of 'own.csv' has no name; if it is a saved row index"),
        (changed(5, "true,2,no"), "good", "column 'width' of 'own.csv' holds numbers and True or False"),
        (
            changed(5, "1,2,NaN"),
            "good",
            "is empty in 1 of 20 rows, first in line 5 ('NaN'); leave these rows",
        ),
        ("good\nyes\nno\n", "good", "'own.csv' must have a column of features besides its target 'good'"),
        (CSV.replace("yes", "no"), "good", "at least 2 classes"),
        ("width,good\n", "good", "'own.csv' holds no rows below its header"),
        ("", "good", "'own.csv' is empty"),
        (b"width,good\n\xff,1\n", "good", "'own.csv' must be text in UTF-8, got byte 0xff"),
        (CSV.replace("0.", "0,").replace(",", ";"), "good", "must have 3 cells"),
        (CSV + "1,2," + "x" * 200_000, "good", "field larger than field limit"),
    ],
)
def test_a_bad_csv_is_refused_in_one_line_that_names_the_place(table, text, target, said):
    assert said in refusal(table(text), target=target)


def test_a_table_of_very_many_columns_does_not_flood_the_screen(table):
    header = ",".join(f"column{i}" for i in range(5000))
    assert len(refusal(table(header + "\n"), target="x")) < 600
    assert len(refusal(table(header + "\n"))) < 600


# -- .parquet --------------------------------------------------------------------------------------


@pytest.fixture
def parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import parquet

    def write(**columns):
        parquet.write_table(pyarrow.table(columns), tmp_path / "own.parquet")
        return tmp_path / "own.parquet"

    return write


WORDS = np.array(["no", "yes"])[Y]


@pytest.mark.parametrize(
    "labels", [WORDS.tolist(), Y.tolist(), Y.astype(bool).tolist(), Y.astype(float).tolist()]
)
def test_a_parquet_file_becomes_features_and_classes(parquet, labels):
    path = parquet(
        a=X[:, 0], good=labels, b=X[:, 1].astype(np.float32), c=Y.astype(bool), d=Y.astype(np.int8)
    )
    dataset = load_dataset(path, target="good")
    assert (dataset.name, dataset.input_shape, dataset.num_classes) == ("own", (4,), 2)
    assert np.array_equal(dataset.x_train[:, 2] > 0, dataset.y_train == 1)


def test_categories_of_a_parquet_file_are_text(parquet):
    import pyarrow

    path = parquet(a=X[:, 0], good=pyarrow.array(WORDS.tolist()).dictionary_encode())
    assert load_dataset(path, target="good").class_names == ("no", "yes")


def test_csv_and_parquet_of_one_table_are_one_data_set(parquet, table):
    values = [[float(cell) for cell in row.split(",")[:2]] for row in ROWS]
    path = parquet(width=[a for a, _ in values], height=[b for _, b in values], good=WORDS.tolist())
    assert load_dataset(path, target="good").digest == load_dataset(table(CSV), target="good").digest


def test_the_index_that_pandas_saves_in_a_parquet_file_is_no_feature_which_is_told(parquet):
    path = parquet(a=X[:, 0], good=Y, __index_level_0__=Y)
    dataset = load_dataset(path, target="good")
    assert dataset.input_shape == (1,)
    told = "'own.parquet': 1 column: 1 number; left out: '__index_level_0__', the index that pandas saved"
    assert dataset.notes[0] == told


@pytest.mark.parametrize(
    ("columns", "target", "said"),
    [
        ({"a": X[:, 0], "good": Y}, None, "which column of 'own.parquet' holds the classes"),
        ({"a": X[:, 0], "good": Y}, "god", "Did you mean 'good'?"),
        ({"a": [1.0, np.inf, *X[2:, 0]], "good": Y}, "good", "must be finite, got inf in row 2"),
        (
            {"a": [[1, 2]] * N, "good": Y},
            "good",
            "'a' of 'own.parquet' must hold numbers, text or dates, got list",
        ),
        (
            {"a": X[:, 0], "good": [None, *Y[1:].tolist()]},
            "good",
            "target column 'good' of 'own.parquet' is empty",
        ),
        ({"a": X[:, 0], "good": [[1]] * N}, "good", "must hold integers or text, got list"),
        ({"a": X[:0, 0], "good": Y[:0]}, "good", "holds no examples"),
    ],
)
def test_a_bad_parquet_file_is_refused_in_one_line(parquet, columns, target, said):
    assert said in refusal(parquet(**columns), target=target)


@needs_pyarrow
def test_a_damaged_parquet_file_is_refused(tmp_path):
    (tmp_path / "own.parquet").write_bytes(b"PAR1 and no more")
    assert "'own.parquet' can't be read as a .parquet file" in refusal(tmp_path / "own.parquet", target="y")


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "own.parquet").touch()
    assert "pip install 'rl-designer[parquet]'" in refusal(tmp_path / "own.parquet", target="y")
