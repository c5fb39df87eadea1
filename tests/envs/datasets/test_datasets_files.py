"""The user's own data: `.npz`, `.csv` and `.parquet` files, and what is said of a bad one."""

import importlib.util
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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


# -- .npz ------------------------------------------------------------------------------------------


@pytest.fixture
def npz(tmp_path):
    def write(**arrays):
        np.savez(tmp_path / "own.npz", **arrays)
        return tmp_path / "own.npz"

    return write


def test_an_npz_of_x_and_y_is_split(npz):
    dataset = load_dataset(npz(x=X, y=Y))
    assert (dataset.name, dataset.kind) == ("own", "features")
    assert (len(dataset.y_train), len(dataset.y_val), len(dataset.sealed_test.open()[1])) == (13, 3, 4)


def test_a_path_may_be_text_or_path(npz):
    path = npz(x=X, y=Y)
    assert load_dataset(path).digest == load_dataset(str(path)).digest


def test_given_parts_of_an_npz_are_kept_in_their_order(npz):
    path = npz(x_train=X, y_train=Y, x_val=X[:4], y_val=Y[:4], x_test=X[4:10], y_test=Y[4:10])
    dataset = load_dataset(path)
    x_test, y_test = dataset.sealed_test.open()
    assert np.array_equal(dataset.x_train[:4], dataset.x_val)
    assert np.array_equal(dataset.x_train[4:10], x_test)
    assert np.array_equal(y_test, Y[4:10])
    assert load_dataset(path, seed=1).digest == dataset.digest


@pytest.mark.parametrize(
    ("given_parts", "sizes"), [(["test"], (16, 4, 4)), (["val"], (16, 4, 4)), ([], (13, 3, 4))]
)
def test_missing_parts_of_an_npz_are_cut_off_training(npz, given_parts, sizes):
    arrays = {"x_train": X, "y_train": Y}
    for part in given_parts:
        arrays |= {f"x_{part}": X[:4], f"y_{part}": Y[:4]}
    dataset = load_dataset(npz(**arrays))
    assert (len(dataset.y_train), len(dataset.y_val), len(dataset.sealed_test.open()[1])) == sizes


def test_text_labels_name_the_classes(npz):
    assert load_dataset(npz(x=X, y=np.array(["no", "yes"])[Y])).class_names == ("no", "yes")


def test_rows_are_a_signal_where_a_signal_is_wanted(npz):
    assert load_dataset(npz(x=X, y=Y), kind="signal").input_shape == (1, 3)


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ({"a": X}, "must hold x and y, or x_train and y_train .*, got a"),
        ({"x": X}, "must hold x and y, .*, got x$"),
        ({}, "got nothing"),
        ({"x_train": X, "y_train": Y, "x_test": X}, "must hold x and y, .*, got x_train, y_train, x_test"),
        ({"x_test": X, "y_test": Y}, "got x_test, y_test"),
        ({"x": X, "y": Y, "x_train": X, "y_train": Y}, "must hold x and y or x_train and y_train, got x, y"),
        ({"x": X[:5], "y": Y}, "x of 'own.npz' has 5 examples and its y has 20"),
        ({"x": X, "y": np.where(Y == 0, np.nan, Y)}, "got nan at example 0"),
        ({"x": X, "y": Y * 0}, "at least 2 classes"),
        ({"x": np.full_like(X, np.nan), "y": Y}, "x of 'own.npz' must be finite, got nan"),
        ({"x": X.astype(str), "y": Y}, "must be numbers, got text"),
        ({"x": X[:0], "y": Y[:0]}, "holds no examples"),
        ({"x": np.zeros((N, 2, 2, 2, 2)), "y": Y}, "x of 'own.npz' must be "),
        ({"x": np.zeros((N, 2, 2)), "y": Y}, "--space convnet1d"),
    ],
)
def test_a_bad_npz_is_refused_in_one_line(npz, arrays, text):
    refused = refusal(npz(**arrays))
    assert "own.npz" in refused
    with pytest.raises(DatasetError, match=text):
        load_dataset(npz(**arrays))


@pytest.mark.parametrize("name", ["x", "y"])
def test_pickled_objects_in_an_npz_are_never_read(npz, name):
    arrays = {"x": X, "y": Y} | {name: np.array([{"a": 1}] * N, dtype=object)}
    text = refusal(npz(**arrays))
    assert f"{name} of 'own.npz' holds Python objects, which only pickle could read" in text


def test_a_file_of_another_format_is_no_npz(tmp_path):
    for data in (b"", b"hello"):
        (tmp_path / "own.npz").write_bytes(data)
        assert "must be an .npz file as np.savez writes it" in refusal(tmp_path / "own.npz")
    with (tmp_path / "own.npz").open("wb") as file:
        np.save(file, X)
    assert "must be an .npz file as np.savez writes it" in refusal(tmp_path / "own.npz")


@pytest.mark.parametrize(
    ("suffix", "data", "said"),
    [
        ("", b"text", "'own.npz' can't be read as an .npz file: array 'x' is no array"),
        (".npy", b"\x93NUMPY\x01\x00\x04\x00abc\n", "'own.npz' can't be read as an .npz file: "),
    ],
)
def test_an_npz_member_that_is_no_array_is_refused(tmp_path, suffix, data, said):
    with zipfile.ZipFile(tmp_path / "own.npz", "w") as file:
        for name in "xy":
            file.writestr(name + suffix, data)
    assert said in refusal(tmp_path / "own.npz")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.floats(0, 0.99), flip=st.floats(0, 0.99), compressed=st.booleans())
def test_a_damaged_npz_is_refused_or_still_whole(tmp_path, cut, flip, compressed):
    path = tmp_path / "own.npz"
    (np.savez_compressed if compressed else np.savez)(path, x=X, y=Y)
    data = bytearray(path.read_bytes())
    data[int(flip * len(data))] ^= 0xFF
    for damaged in (data, data[: int(cut * len(data))]):
        path.write_bytes(damaged)
        try:
            load_dataset(path)
        except DatasetError as error:
            assert "\n" not in str(error)


# -- any file --------------------------------------------------------------------------------------


def test_a_file_of_another_suffix_is_refused(tmp_path):
    (tmp_path / "own.xlsx").touch()
    assert "'own.xlsx' must end in one of .npz, .csv, .tsv, .csv.gz, .tsv.gz, .parquet" in refusal(
        tmp_path / "own.xlsx"
    )


def test_a_suffix_in_capitals_is_the_same_suffix(npz):
    path = npz(x=X, y=Y)
    assert load_dataset(path.rename(path.with_name("OWN.NPZ"))).num_classes == 2


def test_a_target_is_refused_where_there_are_no_columns(npz):
    assert "--target is for tables of rows (.csv, .tsv, .parquet)" in refusal(npz(x=X, y=Y), target="y")


@pytest.mark.parametrize(
    ("suffix", "function"),
    [("npz", "zipfile.is_zipfile"), ("csv", "csv.reader"), ("parquet", "pyarrow.parquet.ParquetFile")],
)
@pytest.mark.parametrize(
    ("failure", "said"),
    [(PermissionError(13, "Permission denied"), "Permission denied"), (MemoryError(), "memory")],
)
def test_what_can_not_be_opened_or_held_is_refused(tmp_path, monkeypatch, suffix, function, failure, said):
    if suffix == "parquet":
        pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")

    def fails(*arguments, **options):
        raise failure

    (tmp_path / f"own.{suffix}").touch()
    monkeypatch.setattr(function, fails)
    options = {} if suffix == "npz" else {"target": "y"}
    assert said in refusal(tmp_path / f"own.{suffix}", **options)
