"""Data sets by name: splits, standardisation, kinds, the sealed test."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_designer.envs.datasets import DATASETS, Dataset, DatasetError, SealedTest, load_dataset
from rl_designer.envs.datasets.dividing import drawn, split
from rl_designer.envs.datasets.preparation import RawData, prepare

EMBEDDED = ["mnist1d", "names", "digits", "breast-cancer", "wine"]


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


def test_the_test_part_opens_by_its_two_doors_alone():
    sealed = SealedTest(np.full((3, 2), 7.0, np.float32), np.zeros(3, np.int64))
    assert not hasattr(sealed, "__dict__")
    assert "7" not in repr(sealed)
    assert [name for name in dir(sealed) if not name.startswith("_")] == ["open", "open_texts"]


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


@given(counts=st.lists(st.integers(1, 60), min_size=2, max_size=6), data=st.data())
@settings(max_examples=60, deadline=None)
def test_drawn_examples_have_every_class_in_its_share_and_fewer_are_a_part_of_more(counts, data):
    y = np.repeat(np.arange(len(counts)), counts)
    count = data.draw(st.integers(1, len(y)))
    chosen = drawn(y, count, seed=0)
    assert len(chosen) == count == len(set(chosen)) and (np.diff(chosen) > 0).all()
    share = np.array(counts) / len(y)
    off = np.abs(np.bincount(y[chosen], minlength=len(counts)) - count * share)
    assert (off <= (1 + len(counts) * share) / 2 + 1e-9).all()
    assert set(chosen) <= set(drawn(y, min(count + 3, len(y)), seed=0))


def test_a_data_set_with_fewer_training_examples_keeps_its_other_parts():
    dataset = load_dataset("digits")
    fewer = dataset.with_examples(100)
    assert (len(fewer.x_train), len(fewer.y_train)) == (100, 100)
    assert fewer.digest == dataset.with_examples(100).digest != dataset.digest
    assert fewer.x_val is dataset.x_val and fewer.sealed_test is dataset.sealed_test


@pytest.mark.parametrize("count", [0, 9, 10**6])
def test_more_training_examples_than_there_are_or_fewer_than_classes_are_refused(count):
    with pytest.raises(DatasetError, match=rf"digits has .* take 10 to .* of them, got {count:,}"):
        load_dataset("digits").with_examples(count)


def test_examples_of_both_parts_are_taken_in_proportion_and_those_to_train_on_as_without_the_others():
    dataset = load_dataset("digits")
    there = len(dataset.y_train) + len(dataset.y_val)
    for count in (11, 100, 500, there):
        fewer = dataset.with_examples_of_both(count)
        assert len(fewer.y_train) + len(fewer.y_val) == count
        assert len(fewer.y_train) == max(10, round(count * len(dataset.y_train) / there))
        np.testing.assert_array_equal(fewer.x_train, dataset.with_examples(len(fewer.y_train)).x_train)
        assert fewer.sealed_test is dataset.sealed_test and len(fewer.folds) == len(fewer.y_train)
    assert fewer.digest == dataset.digest
    for count in (10, there + 1):
        with pytest.raises(DatasetError, match=rf"take 11 to {there:,} of them, got {count:,}"):
            dataset.with_examples_of_both(count)


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


@pytest.mark.parametrize("name", ["nowhere.npz", "nowhere.txt", "nowhere/data.csv", "./nowhere"])
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
        ({"target": "y"}, "--target is for tables of rows (.csv, .tsv, .parquet), not for 'wine'"),
        ({"data_folder": "here"}, "--data-folder is for data sets that are downloaded, not for 'wine'"),
        ({"image_size": 8}, "--image-size is for folders of images, not for 'wine'"),
    ],
)
def test_an_option_that_a_data_set_does_not_take_is_refused(option, text):
    with pytest.raises(DatasetError) as error:
        load_dataset("wine", **option)
    assert message(error) == text
