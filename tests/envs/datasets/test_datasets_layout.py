"""Which axis of an array is what: channels first or last, signals or grey images."""

import numpy as np
import pytest

from rl_designer.envs.datasets import DatasetError, load_dataset
from rl_designer.envs.datasets.preparation import prepare
from rl_designer.envs.datasets.readers.arrays import raw_of
from rl_designer.runs.data import keep_data

N = 12
Y = np.arange(N) % 2


def noise(*shape):
    return np.random.default_rng(0).normal(size=(N, *shape))


def read(x, kind=None, **more):
    return prepare(raw_of({"x": x, "y": Y, **more}, "own", "own"), kind, 0)


def refusal(*given, **options):
    with pytest.raises(DatasetError) as error:
        read(*given, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "shape", [(16, 16, 4), (28, 28, 1), (16, 16, 3), (48, 64, 3), (60, 80, 2), (8, 8, 3), (5, 9, 4)]
)
@pytest.mark.parametrize("kind", [None, "image"])
def test_images_whose_channels_are_last_are_seen(shape, kind):
    x = noise(*shape)
    dataset = read(x, kind)
    assert dataset.digest == read(x.transpose(0, 3, 1, 2), kind).digest
    size = f"{shape[2]} x {shape[0]} x {shape[1]}"
    assert dataset.notes == (f"own: channels last: [n, {str(shape)[1:-1]}] is read as images of {size}",)


@pytest.mark.parametrize(
    "shape",
    [(3, 32, 32), (4, 16, 16), (1, 9, 1), (12, 32, 32), (16, 8, 6), (3, 4, 5), (3, 48, 64), (6, 6, 6)],
)
def test_images_whose_channels_are_first_stay_so(shape):
    dataset = read(noise(*shape))
    assert dataset.input_shape == shape and not dataset.notes


@pytest.mark.parametrize("shape", [(32, 32, 13), (48, 64, 13), (4, 4, 3), (16, 4, 4), (16, 16, 8)])
def test_images_whose_channels_may_be_first_or_last_are_asked_about(shape):
    x = noise(*shape)
    text = refusal(x)
    assert f"fits images of {shape[0]} channels and, with channels last, of {shape[2]}; save" in text
    assert "layout='channels-first' or layout='channels-last' beside x and y" in text
    assert read(x, layout="channels-first").input_shape == shape
    assert (
        read(x, layout="channels-last").digest
        == read(x.transpose(0, 3, 1, 2), layout="channels-first").digest
    )


@pytest.mark.parametrize("shape", [(128, 9), (100, 2), (100, 1), (50, 6), (7, 1)])
def test_signals_whose_channels_are_last_are_seen(shape):
    x = noise(*shape)
    dataset = read(x)
    assert dataset.digest == read(x.transpose(0, 2, 1)).digest == read(x, "signal").digest
    length, channels = shape
    note = f"own: channels last: [n, {length}, {channels}] is read as signals of {channels} x {length}"
    assert read(x, "signal").notes == (note,)
    assert dataset.notes == (f"{note}; grey images of {length} x {channels}: --space convnet",)
    assert read(x, "image").input_shape == (1, *shape)


def test_signals_whose_channels_are_first_stay_so():
    x = noise(9, 128)
    assert read(x, "signal").input_shape == read(x).input_shape == (9, 128)
    images = "grey images of 9 x 128: --space convnet"
    assert read(x).notes == (f"own: [n, 9, 128] is read as signals of 9 channels; {images}",)
    assert not read(x, "signal").notes and not read(noise(1, 40)).notes


def test_signals_that_may_be_grey_images_are_asked_about():
    assert "--space convnet1d reads signals, --space convnet images" in refusal(noise(40, 40))
    text = refusal(noise(25, 12))
    assert text.endswith("signals of 12 channels: save layout='channels-last' beside x and y")


def test_signals_whose_channels_may_be_first_or_last_are_asked_about():
    x = noise(25, 12)
    assert "fits signals of 25 channels and, with channels last, of 12; save layout=" in refusal(x, "signal")
    assert read(x, layout="channels-first").input_shape == (25, 12)
    assert read(x, layout="channels-last").digest == read(x.transpose(0, 2, 1), "signal").digest


def test_where_values_are_missing_tells_signals_and_where_their_channels_are():
    x = noise(12, 25)
    x[3, :, 20:] = x[4, 11] = np.nan
    dataset = read(x)  # no images, which have no gaps
    assert dataset.input_shape == (12, 25) and dataset.digest == read(x, "signal").digest
    swapped = read(x.transpose(0, 2, 1))
    assert swapped.digest == dataset.digest
    assert swapped.notes[0] == "own: channels last: [n, 25, 12] is read as signals of 12 x 25"


def test_features_are_read_in_the_order_that_they_have():
    for shape in ((25, 12), (9, 40), (32, 32, 13)):
        assert read(noise(*shape), "features").input_shape == (np.prod(shape),)


def test_a_layout_is_one_of_two():
    text = refusal(noise(8, 40), layout="NHWC")
    assert text == "the layout of own must be one of channels-first, channels-last, got 'NHWC'"


def test_a_layout_stands_beside_x_and_y_in_an_npz_and_is_kept_with_data_in_memory(tmp_path):
    given = {"x": noise(25, 12), "y": Y, "layout": "channels-last"}
    np.savez(tmp_path / "own.npz", **given)
    expected = read(**given).digest
    assert load_dataset(tmp_path / "own.npz").digest == expected
    assert load_dataset(keep_data(given, tmp_path)).digest == expected


def test_unequal_signals_in_memory_are_kept_with_their_layout(tmp_path):
    """Short ones of many channels, which come last."""
    x = [signal[: 4 + i % 3] for i, signal in enumerate(noise(6, 20))]
    dataset = load_dataset(keep_data((x, Y), tmp_path))
    assert dataset.input_shape == (20, 6)
    assert dataset.digest == read(x).digest
