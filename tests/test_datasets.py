"""Data sets by name: splits, standardisation, kinds, the sealed test."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_designer.envs.datasets import DATASETS, Dataset, DatasetError, SealedTest, load_dataset
from rl_designer.envs.datasets.labels import encode_labels
from rl_designer.envs.datasets.preparation import RawData, prepare
from rl_designer.envs.datasets.splitting import split

EMBEDDED = ["mnist1d", "digits", "breast-cancer", "wine"]


def raw(x, y, **more):
    return RawData("own", {"train": np.asarray(x)}, {"train": np.asarray(y)}, "own", **more)


def classes(n, k=2):
    return np.arange(n) % k


def message(error):
    text = str(error.value)
    assert "\n" not in text
    return text


# -- what is embedded ------------------------------------------------------------------------------


def test_mnist1d_is_the_published_one():
    dataset = load_dataset("mnist1d")
    x_test, y_test = dataset.sealed_test.open()
    assert (len(dataset.x_train), len(dataset.x_val), len(x_test)) == (3200, 800, 1000)
    assert dataset.input_shape == (1, 40)
    assert dataset.class_names == tuple("0123456789")
    in_training = np.bincount(dataset.y_train) + np.bincount(dataset.y_val)
    assert in_training.tolist() == [398, 396, 411, 394, 394, 402, 401, 404, 402, 398]
    assert np.bincount(y_test).tolist() == [102, 104, 89, 106, 106, 98, 99, 96, 98, 102]


@pytest.mark.parametrize(
    ("name", "kind", "shape", "num_classes"),
    [
        ("mnist1d", "signal", (1, 40), 10),
        ("digits", "image", (1, 8, 8), 10),
        ("breast-cancer", "features", (30,), 2),
        ("wine", "features", (13,), 3),
    ],
)
def test_embedded_data_sets_have_their_kind_shape_and_classes(name, kind, shape, num_classes):
    dataset = load_dataset(name)
    assert (dataset.name, dataset.kind, dataset.input_shape) == (name, kind, shape)
    assert dataset.num_classes == num_classes == len(dataset.class_names)
    for x, y in [
        (dataset.x_train, dataset.y_train),
        (dataset.x_val, dataset.y_val),
        dataset.sealed_test.open(),
    ]:
        assert x.dtype == np.float32
        assert y.dtype == np.int64
        assert x.shape == (len(y), *shape)
        assert set(y.tolist()) == set(range(num_classes))


def test_class_numbers_and_names_stay_those_of_the_source():
    assert load_dataset("breast-cancer").class_names == ("malignant", "benign")


def test_every_data_set_is_described_in_one_line():
    assert {*EMBEDDED, "fashion-mnist", "mnist", "cifar10"} == set(DATASETS)
    assert all(text and "\n" not in text for text in DATASETS.values())


def test_importing_the_data_sets_imports_nothing_heavy():
    heavy = ("torch", "sklearn", "scipy", "pyarrow", "PIL", "urllib.request")
    code = f"import sys, rl_designer.envs.datasets; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# -- the sealed test -------------------------------------------------------------------------------


def test_the_test_part_opens_by_open_alone():
    sealed = SealedTest(np.full((3, 2), 7.0, np.float32), np.zeros(3, np.int64))
    assert not hasattr(sealed, "__dict__")
    assert "7" not in repr(sealed)
    assert [name for name in dir(sealed) if not name.startswith("_")] == ["open"]


def test_the_repr_of_a_data_set_shows_no_arrays():
    assert repr(load_dataset("wine")) == "Dataset(name='wine')"


def test_a_sealed_test_never_travels_to_a_worker():
    dataset = load_dataset("wine")
    with pytest.raises(TypeError, match="without_test"):
        pickle.dumps(dataset)
    copy = pickle.loads(pickle.dumps(dataset.without_test()))
    assert copy.sealed_test is None
    assert copy.digest == dataset.digest
    assert dataset.sealed_test is not None


# -- the split -------------------------------------------------------------------------------------


@given(
    counts=st.lists(st.integers(2, 60), min_size=2, max_size=6),
    seed=st.integers(0, 2**32),
    shuffle=st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_a_split_is_a_partition_with_every_class_in_both_parts_by_its_share(counts, seed, shuffle):
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    shuffle.shuffle(labels)
    y = np.array(labels)
    kept, cut = split(y, seed, "val")
    assert sorted([*kept, *cut]) == list(range(len(y)))
    in_cut = np.bincount(y[cut], minlength=len(counts))
    assert (in_cut >= 1).all()
    assert (in_cut < counts).all()
    assert (np.abs(in_cut - 0.2 * np.array(counts)) <= 1).all()


def test_a_split_cuts_off_a_fifth_of_the_whole():
    kept, cut = split(classes(997, 7), 0, "test")
    assert (len(kept), len(cut)) == (798, 199)


def test_the_seed_decides_the_split():
    first, again, other = (load_dataset("digits", seed=seed) for seed in (3, 3, 4))
    assert first.digest == again.digest != other.digest
    assert np.array_equal(first.sealed_test.open()[0], again.sealed_test.open()[0])


def test_a_given_test_part_does_not_depend_on_the_seed():
    labels = [load_dataset("mnist1d", seed=seed).sealed_test.open()[1] for seed in (0, 1)]
    assert np.array_equal(*labels)


def test_without_a_test_part_a_fifth_is_test_and_a_fifth_of_the_rest_validation():
    dataset = prepare(raw(np.random.default_rng(0).normal(size=(100, 3)), classes(100)), None, 0)
    sizes = len(dataset.y_train), len(dataset.y_val), len(dataset.sealed_test.open()[1])
    assert sizes == (64, 16, 20)


def test_the_parts_share_no_example():
    x = np.arange(100.0)[:, None]
    dataset = prepare(raw(x, classes(100)), None, 0)
    values = [dataset.x_train, dataset.x_val, dataset.sealed_test.open()[0]]
    assert len(np.unique(np.concatenate(values))) == 100


def test_the_digest_changes_with_training_and_validation_contents_alone():
    dataset = load_dataset("wine")
    changed = dataset.x_val.copy()
    changed[0, 0] += 1

    def copy(**more):
        fields = ("name", "x_train", "y_train", "x_val", "y_val", "class_names", "sealed_test")
        return Dataset(**{**{field: getattr(dataset, field) for field in fields}, **more})

    assert copy().digest == dataset.digest
    assert copy(x_val=changed).digest != dataset.digest
    assert copy(y_val=dataset.y_val[::-1]).digest != dataset.digest
    assert copy(sealed_test=None).digest == dataset.digest


# -- standardisation -------------------------------------------------------------------------------


def test_features_are_standardised_one_by_one_with_training_statistics():
    generator = np.random.default_rng(0)
    x = generator.normal([5, -100, 0], [1, 50, 1e-3], size=(500, 3))
    dataset = prepare(raw(x, classes(500)), None, 0)
    assert np.allclose(dataset.x_train.mean(0), 0, atol=1e-5)
    assert np.allclose(dataset.x_train.std(0), 1, atol=1e-5)
    assert not np.allclose(dataset.x_val.mean(0), 0, atol=1e-5)


@pytest.mark.parametrize(("kind", "shape"), [("signal", (3, 20)), ("image", (3, 4, 5))])
def test_signals_and_images_are_standardised_by_channel(kind, shape):
    x = np.random.default_rng(0).normal(size=(60, *shape)) * 3 + np.arange(shape[-1])
    dataset = prepare(raw(x, classes(60), kind=kind), None, 0)
    axes = (0, *range(2, x.ndim))
    assert np.allclose(dataset.x_train.mean(axes), 0, atol=1e-5)
    assert np.allclose(dataset.x_train.std(axes), 1, atol=1e-5)
    assert not np.allclose(dataset.x_train.mean(0), 0, atol=0.1)


def test_a_constant_feature_becomes_zeros():
    x = np.column_stack([np.full(20, 0.1), np.arange(20)])
    dataset = prepare(raw(x, classes(20)), None, 0)
    assert np.abs(dataset.x_train[:, 0]).max() < 1e-6


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int32, np.float16, np.float64])
def test_every_real_number_type_is_taken(dtype):
    x = np.random.default_rng(0).integers(0, 2, size=(40, 3)).astype(dtype)
    assert prepare(raw(x, classes(40)), None, 0).x_train.dtype == np.float32


def test_values_that_can_not_be_standardised_are_refused():
    x = np.full((20, 1), 1e308)
    x[::3] = -1e308
    with pytest.raises(DatasetError) as error:
        prepare(raw(x, classes(20)), None, 0)
    assert "standardised" in message(error)


# -- how inputs are read ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "kind", "read"),
    [
        ((7,), None, (7,)),
        ((7,), "features", (7,)),
        ((7,), "signal", (1, 7)),
        ((1, 7), None, (1, 7)),
        ((4, 6), "signal", (4, 6)),
        ((4, 6), "image", (1, 4, 6)),
        ((4, 6), "features", (24,)),
        ((3, 4, 5), None, (3, 4, 5)),
        ((3, 4, 5), "image", (3, 4, 5)),
        ((3, 4, 5), "features", (60,)),
        ((1, 9, 1), None, (1, 9, 1)),
    ],
)
def test_inputs_are_read_by_rank_and_kind(shape, kind, read):
    x = np.random.default_rng(0).normal(size=(20, *shape))
    assert prepare(raw(x, classes(20)), kind, 0).input_shape == read


def test_where_two_readings_fit_the_space_decides():
    with pytest.raises(DatasetError) as error:
        prepare(raw(np.zeros((20, 8, 40)), classes(20)), None, 0)
    text = message(error)
    assert "8 channels" in text
    assert "8 x 40" in text
    assert "--space convnet1d" in text
    assert "--space convnet " in text


@pytest.mark.parametrize(("name", "kind"), [("digits", "signal"), ("mnist1d", "image"), ("wine", "image")])
def test_a_reading_that_does_not_fit_names_those_that_do(name, kind):
    with pytest.raises(DatasetError, match=rf"can't be read as {kind}s; use --space \w+ or --space \w+"):
        load_dataset(name, kind=kind)


def test_channels_last_is_recognised():
    with pytest.raises(DatasetError) as error:
        prepare(raw(np.zeros((20, 8, 8, 3)), classes(20)), None, 0)
    assert "transpose(0, 3, 1, 2)" in message(error)


@pytest.mark.parametrize("shape", [(20,), (20, 2, 2, 2, 2), (20, 0), (20, 3, 0)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(DatasetError, match=r"x of own must be \[n, features\]"):
        prepare(raw(np.zeros(shape), classes(20)), None, 0)


def test_parts_must_have_one_shape():
    parts = {"train": np.zeros((9, 2)), "test": np.zeros((9, 3))}
    labels = {"train": classes(9), "test": classes(9)}
    with pytest.raises(DatasetError, match=r"one shape, got \[2\] in training and \[3\] in test"):
        prepare(RawData("own", parts, labels, "own"), None, 0)


def test_x_and_y_must_be_equally_long():
    with pytest.raises(DatasetError, match="x of own has 9 examples and its y has 8"):
        prepare(raw(np.zeros((9, 2)), classes(8)), None, 0)


@pytest.mark.parametrize(("x", "y"), [(np.zeros((0, 3)), []), (np.zeros((9, 3)), 1), (3.0, classes(9))])
def test_empty_data_is_refused(x, y):
    with pytest.raises(DatasetError, match="x of own holds no examples"):
        prepare(raw(x, y), None, 0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_must_be_finite_and_the_place_is_named(value):
    x = np.zeros((5000, 3))
    x[4321, 2] = value
    with pytest.raises(DatasetError, match=rf"must be finite, got {value} at index \[4321, 2\]"):
        prepare(raw(x, classes(5000)), None, 0)


def test_text_among_numbers_is_refused_and_the_place_is_named():
    with pytest.raises(DatasetError, match=r"must be numbers, got text \('red' at index \[1, 0\]\)"):
        prepare(raw([["1", "2"], ["red", "3"], ["4", "5"]], classes(3)), None, 0)


@pytest.mark.parametrize("dtype", [np.complex64, "datetime64[s]"])
def test_other_types_of_number_are_refused(dtype):
    with pytest.raises(DatasetError, match="must be real numbers"):
        prepare(raw(np.zeros((9, 2), dtype), classes(9)), None, 0)


# -- labels ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "names", "first"),
    [
        (np.array([30, 4, 30, 4]), ("4", "30"), 1),
        (np.array([-1, 1, -1, 1], np.int8), ("-1", "1"), 0),
        (np.array([2.0, 1.0, 2.0, 1.0]), ("1", "2"), 1),
        (np.array([True, False, True, False]), ("0", "1"), 1),
        (np.array(["dog", "cat", "dog ", "cat"]), ("cat", "dog"), 1),
        (np.array([b"dog", b"cat", b"dog", b"cat"]), ("cat", "dog"), 1),
        (np.array([[1], [0], [1], [0]]), ("0", "1"), 1),
    ],
)
def test_labels_of_any_spelling_become_classes_from_zero(labels, names, first):
    encoded, class_names = encode_labels({"train": labels}, "own")
    assert class_names == names
    assert encoded["train"].dtype == np.int64
    assert encoded["train"].tolist() == [first, 1 - first, first, 1 - first]


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (np.array([1.5, 2.0]), r"must be classes \(whole numbers or text\), got 1.5 at example 0"),
        (np.array([1.0, np.nan]), "got nan at example 1"),
        (np.array([1.0, 1e300]), "got 1e.300 at example 1"),
        (np.eye(3), r"shape \[n\], got shape \[3, 3\]; for one-hot rows save y.argmax"),
        (np.array([1j, 2j]), "must be integers or text, got type complex128"),
        (np.array([5, 5, 5]), "at least 2 classes to tell apart, found only '5'"),
    ],
)
def test_what_is_no_classes_is_refused(labels, text):
    with pytest.raises(DatasetError, match=text):
        encode_labels({"train": labels}, "own")


def test_a_class_that_training_lacks_is_refused():
    with pytest.raises(DatasetError, match="class '2' of own is in its test part but not in training"):
        encode_labels({"train": np.array([0, 1]), "test": np.array([0, 2])}, "own")


def test_labels_of_two_types_are_refused():
    with pytest.raises(DatasetError, match="all numbers or all text"):
        encode_labels({"train": np.array([0, 1]), "test": np.array(["0", "1"])}, "own")


def test_a_class_of_fewer_than_three_examples_can_not_be_split():
    y = np.array([0] * 10 + [1] * 2)
    with pytest.raises(DatasetError, match="class '1' of own has 2 examples; each needs at least 3"):
        prepare(raw(np.random.default_rng(0).normal(size=(12, 2)), y), None, 0)


def test_a_class_of_one_example_is_named_in_the_singular():
    with pytest.raises(DatasetError, match="class '1' of own has 1 example; each needs at least 3"):
        prepare(raw(np.zeros((6, 2)), [0, 0, 0, 0, 0, 1]), None, 0)


def test_three_examples_a_class_are_enough():
    dataset = prepare(raw(np.arange(6.0)[:, None], [0, 0, 0, 1, 1, 1]), None, 0)
    assert sorted(dataset.y_train) == sorted(dataset.y_val) == sorted(dataset.sealed_test.open()[1]) == [0, 1]


# -- names and options -----------------------------------------------------------------------------


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(DatasetError) as error:
        load_dataset("minst1d")
    assert "Did you mean 'mnist1d'?" in message(error)


def test_no_name_is_an_unknown_name():
    with pytest.raises(DatasetError, match="unknown data set ''"):
        load_dataset("")


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b.npz"])
def test_a_name_that_no_file_can_have_is_refused(name):
    with pytest.raises(DatasetError, match=r"unknown data set|no such file"):
        load_dataset(name)


@pytest.mark.parametrize("name", ["nowhere.npz", "nowhere/data.csv", "./nowhere"])
def test_a_path_that_does_not_exist_is_called_so(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatasetError, match="no such file or folder"):
        load_dataset(name)


def test_an_unknown_kind_is_refused():
    with pytest.raises(DatasetError, match=r"unknown kind of input 'images'\. Did you mean 'image'"):
        load_dataset("digits", kind="images")


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ({"target": "y"}, "--target is for .csv and .parquet files, not for 'wine'"),
        ({"folder": "here"}, "--data-folder is for data sets that are downloaded, not for 'wine'"),
        ({"image_size": 8}, "--image-size is for folders of images, not for 'wine'"),
    ],
)
def test_an_option_that_a_data_set_does_not_take_is_refused(option, text):
    with pytest.raises(DatasetError) as error:
        load_dataset("wine", **option)
    assert message(error) == text
