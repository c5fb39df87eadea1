"""The published data sets: their files' formats, sizes and checksums."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl_designer.envs.datasets import DatasetError
from rl_designer.envs.datasets.published import formats as published


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


# -- formats ---------------------------------------------------------------------------------------


@given(shape=st.lists(st.integers(0, 5), min_size=1, max_size=4), seed=st.integers(0, 100))
def test_idx_files_are_read_as_they_were_written(shape, seed):
    array = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    assert np.array_equal(published.read_idx(idx(array), "file"), array)


@given(data=st.binary(max_size=40))
def test_whatever_is_no_idx_file_is_refused(data):
    try:
        array = published.read_idx(data, "file")
    except DatasetError:
        return
    assert idx(array) == data


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "must be an IDX file of bytes, got a file that starts with $"),
        (b"\x89PNG....", "starts with 89 50 4e 47"),
        (b"\0\0\x0d\1\0\0\0\1....", "starts with 00 00 0d 01"),
        (b"\0\0\x08\3\0\0\0\1", "declares the shape"),
        (b"\0\0\x08\1\0\0\0\5abcd", r"declares the shape \[5\], which its 12 bytes don't fit"),
        (b"\0\0\x08\3" + b"\xff" * 12 + b"abc", "which its 19 bytes don't fit"),
    ],
)
def test_a_bad_idx_file_is_refused_before_anything_is_allocated(data, text):
    with pytest.raises(DatasetError, match=text):
        published.read_idx(data, "file")


@pytest.mark.parametrize("data", [b"", b"x" * 3072, b"x" * 6147])
def test_a_file_of_no_whole_records_is_refused(data):
    with pytest.raises(DatasetError, match=f"file must hold records of 3073 bytes, got {len(data)} bytes"):
        published.read_cifar(data, "file")


# -- the published sets ----------------------------------------------------------------------------


@pytest.mark.parametrize("source", [published.FASHION_MNIST, published.MNIST, published.CIFAR10])
def test_every_published_file_has_a_size_and_a_checksum(source):
    contents = {name: content for package in source.packages for name, content in package.contents.items()}
    assert len({content.sha256 for content in contents.values()}) == len(contents) in (4, 6)
    for entry in contents.values():
        assert entry.size > 0
        assert len(bytes.fromhex(entry.sha256)) == 32
    assert all(address.startswith("http") and address.endswith("/") for address in source.addresses)
    assert source.class_names is None or len(source.class_names) == 10


@pytest.mark.skipif(
    not Path(published.FASHION_MNIST.system_folders[0]).is_dir(),
    reason="dataset-fashion-mnist is not installed",
)
def test_fashion_mnist_of_the_operating_system_is_the_original(tmp_path, monkeypatch):
    monkeypatch.setenv("RL_DESIGNER_CACHE", str(tmp_path))
    raw = published.fashion_mnist()
    assert (raw.x["train"].shape, raw.x["test"].shape) == ((60_000, 1, 28, 28), (10_000, 1, 28, 28))
    assert np.bincount(raw.y["train"]).tolist() == [6000] * 10
