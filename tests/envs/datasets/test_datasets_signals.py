"""Signals of unequal length and with gaps, in arrays and in memory."""

import numpy as np
import pytest

from rl_designer.envs.datasets import DatasetError, load_dataset
from rl_designer.envs.datasets.preparation import prepare
from rl_designer.envs.datasets.readers.arrays import raw_of

N = 30
Y = np.arange(N) % 2
LENGTHS = [10 + i % 7 for i in range(N)]


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape)


def of_lengths(channels=1):
    """[n, channels, 20], NaN after the ends."""
    x = noise(N, channels, 20)
    for signal, length in zip(x, LENGTHS, strict=True):
        signal[:, length:] = np.nan
    return x


def read(x, y=Y, kind=None, **more):
    return prepare(raw_of({"x": x, "y": y, **more}, "own", "own"), kind, 0)


def refusal(*given, **options):
    with pytest.raises(DatasetError) as error:
        read(*given, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


PADDED = "own: 30 signals of length 10 to 16, padded with the mean to 16, the longest to train on"


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_signals_end_where_nan_begins_and_the_mean_follows(channels, dtype):
    x = of_lengths(channels).astype(dtype)
    dataset = read(x)
    assert dataset.input_shape == (channels, 16) and dataset.notes == (PADDED,)
    ends = (dataset.x_train != 0).any(axis=1).sum(axis=1)
    assert set(ends.tolist()) == set(LENGTHS)
    assert all(not signal[:, end:].any() for signal, end in zip(dataset.x_train, ends, strict=True))
    for channel in range(channels):  # standardised by what is known
        known = dataset.x_train[:, channel][np.arange(16) < ends[:, None]]
        assert abs(known.mean()) < 1e-5 and abs(known.std() - 1) < 1e-5


def test_an_npz_of_signals_of_unequal_length_is_read(tmp_path):
    np.savez(tmp_path / "own.npz", x=of_lengths(), y=Y)
    dataset = load_dataset(tmp_path / "own.npz")
    assert dataset.input_shape == (1, 16) and dataset.notes == (PADDED.replace("own:", "'own.npz':"),)


@pytest.mark.parametrize("make", [list, lambda signals: np.fromiter(signals, dtype=object, count=N)])
@pytest.mark.parametrize(
    "cut",
    [
        lambda signal, n: signal[0, :n].tolist(),
        lambda signal, n: signal[:1, :n],
        lambda signal, n: signal[:, :n],
        lambda signal, n: signal[:, :n].T,
    ],
)
def test_signals_of_unequal_length_may_be_a_list_or_an_array_of_arrays(make, cut):
    x = of_lengths(channels=3)
    dataset = read(make([cut(signal, length) for signal, length in zip(x, LENGTHS, strict=True)]))
    whole = read(x[:, : dataset.input_shape[0]])
    assert dataset.digest == whole.digest
    assert dataset.notes == (PADDED,)


def test_the_longest_to_train_on_decides_and_longer_ones_are_cut_and_counted():
    x, x_test = of_lengths(), noise(8, 1, 20)
    dataset = prepare(
        raw_of({"x_train": x, "y_train": Y, "x_test": x_test, "y_test": Y[:8]}, "a", "own"), None, 0
    )
    assert dataset.sealed_test.open()[0].shape == (8, 1, 16)
    assert dataset.notes[-1] == "own: signals to validate or test on that are longer, cut to that: 8"


def test_parts_of_unequal_lists_have_one_length():
    x = [signal[0, :length] for signal, length in zip(of_lengths(), LENGTHS, strict=True)]
    parts = {"x_train": x, "y_train": Y, "x_test": [row[:5] for row in x], "y_test": Y}
    dataset = prepare(raw_of(parts, "a", "own"), None, 0)
    assert dataset.sealed_test.open()[0].shape == (N, 1, 16)


def test_what_is_missing_before_the_end_is_interpolated_and_counted():
    x = noise(N, 2, 20)
    given = x.copy()
    given[3, 0, 4:7] = np.nan
    given[3, 0, 0] = given[5, 1, 19] = given[5, 1, 18] = np.nan
    x[3, 0, 4:7] = x[3, 0, 3] + (x[3, 0, 7] - x[3, 0, 3]) * np.array([0.25, 0.5, 0.75])
    x[3, 0, 0], x[5, 1, 18:] = x[3, 0, 1], x[5, 1, 17]
    dataset = read(given, kind="signal")
    np.testing.assert_array_equal(dataset.x_train, read(x, kind="signal").x_train)
    assert dataset.notes == ("own: missing values, interpolated linearly: 6 in 2 signals",)
    assert np.isnan(given).sum() == 6  # what was given stays


def test_a_channel_without_any_value_is_the_mean():
    x = noise(N, 2, 20)
    x[::3, 1] = np.nan
    dataset = read(x, kind="signal")
    empty = (dataset.x_train == 0).all(axis=2)
    assert not empty[:, 0].any() and empty[:, 1].any()
    assert dataset.notes == ("own: channels of a signal without any value, filled with the mean: 10",)


def test_a_channel_that_training_knows_nothing_of_is_zeros():
    x = noise(N, 2, 20)
    x[:, 1] = np.nan
    dataset = read(x, kind="signal")
    assert not dataset.x_train[:, 1].any() and dataset.x_train[:, 0].any()


def test_padding_that_all_signals_have_is_left_out():
    x = np.full((N, 1, 25), np.nan)
    x[..., :20] = noise(N, 1, 20)
    dataset = read(x)
    assert dataset.digest == read(x[..., :20]).digest
    assert dataset.notes == ("own: signals of length 20; what is missing in all is left out",)


def test_signals_can_be_read_as_features():
    assert read(of_lengths(channels=2), kind="features").input_shape == (32,)


def test_rows_with_gaps_are_asked_about():
    rows = of_lengths()[:, 0]
    assert "must be finite, got nan at index [0, 10]; if rows are signals" in refusal(rows)
    assert read(rows, kind="signal").digest == read(of_lengths()).digest


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_values_of_signals_are_refused(value):
    x = of_lengths()
    x[7, 0, 2] = value
    assert f"must be finite, got {value} at index [7, 0, 2]" in refusal(x)


def test_images_with_gaps_are_refused():
    x = noise(N, 3, 8, 8)
    x[1, 2, 3, 4] = np.nan
    assert "must be finite, got nan at index [1, 2, 3, 4]" in refusal(x)


def test_a_signal_without_any_value_is_refused():
    x = of_lengths()
    x[4] = np.nan
    assert "example 4 of the train part of own holds no value" in refusal(x)


@pytest.mark.parametrize(
    ("x", "text"),
    [
        ([np.zeros((n, n)) for n in LENGTHS], r"differ in length alone, got shapes \[10, 10\], \[11, 11\]"),
        ([np.zeros((3, n, 5)) for n in LENGTHS], r"differ in length alone, got shapes \[3, 10, 5\]"),
        ([[0.5] * n for n in LENGTHS[:-1]] + [["a", "b"]], "must hold inputs of one shape, or signals that"),
        ([[]] + [[0.5] * n for n in LENGTHS[1:]], "example 0 of the train part of own holds no value"),
    ],
)
def test_examples_that_are_no_signals_of_unequal_length_are_refused(x, text):
    with pytest.raises(DatasetError, match=text):
        read(x)


def test_one_signal_can_not_make_all_the_others_as_long(monkeypatch):
    monkeypatch.setattr("rl_designer.envs.datasets.signals.FREE", 1000)
    monkeypatch.setattr("rl_designer.envs.datasets.signals.MOST_EXPANSION", 10)
    assert "the longest, 900 values, which is beyond belief; cut it" in refusal(
        [np.zeros(900)] + [[0.5, 1]] * 29
    )


@pytest.mark.parametrize(
    ("y", "text"),
    [
        (np.random.default_rng(0).integers(0, 2, (N, 4)), "several labels an example can't be learned"),
        (np.array([["red", "round"], ["blue", "flat"]] * 15), "several labels an example can't be learned"),
        (np.eye(3)[np.arange(N) % 3] + np.eye(3)[0], "several labels an example can't be learned"),
        ([[0], [0, 1], [1]] * 10, "y of own must hold a label each, got sequences of unequal length"),
    ],
)
def test_several_labels_an_example_are_refused(y, text):
    assert text in refusal(noise(N, 8), y)
