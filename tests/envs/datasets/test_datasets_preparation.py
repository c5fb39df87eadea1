"""What arrays must be, how they are read and standardised, and what labels become."""

import numpy as np
import pytest

from rl_designer.envs.datasets import DatasetError, load_dataset
from rl_designer.envs.datasets.preparation import RawData, prepare
from rl_designer.envs.datasets.targets import encode_labels


def raw(x, y, **more):
    return RawData("own", {"train": np.asarray(x)}, {"train": np.asarray(y)}, "own", **more)


def classes(n, k=2):
    return np.arange(n) % k


def message(error):
    text = str(error.value)
    assert "\n" not in text
    return text


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
        (np.eye(3), r"shape \[n\], got shape \[3, 3\]; save y.argmax"),
        (np.array([[1, 1, 0], [0, 1, 0]]), "several labels an example can't be learned"),
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
