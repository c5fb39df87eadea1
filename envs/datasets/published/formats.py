"""The published data sets that are read from their original files, and those files' formats."""

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError
from rl_designer.envs.datasets.preparation import RawData
from rl_designer.envs.datasets.published.originals import Content, Package, Source, contents_of

_IMAGES, _LABELS = "{}-images-idx3-ubyte", "{}-labels-idx1-ubyte"
_PREFIXES = {"train": "train", "test": "t10k"}
_IDX_BYTES = 0x08  # the type code of unsigned bytes
_CIFAR_SHAPE = (3, 32, 32)
_CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_FASHION_CLASSES = "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"


def read_idx(data: bytes, name: str) -> NDArray[np.uint8]:
    """An IDX file of unsigned bytes as uint8 of the shape that it declares.

    Raises:
        DatasetError: for another type, or a length that isn't what the header declares.
    """
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != _IDX_BYTES or not 1 <= data[3] <= 4:
        raise DatasetError(
            f"{name} must be an IDX file of bytes, got a file that starts with {data[:4].hex(' ')}"
        )
    start = 4 + 4 * data[3]
    shape = tuple(int(size) for size in np.frombuffer(data[4:start], ">u4", count=len(data[4:start]) // 4))
    if len(shape) < data[3] or len(data) != start + math.prod(shape):
        raise DatasetError(f"{name} declares the shape {list(shape)}, which its {len(data)} bytes don't fit")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def read_cifar(data: bytes, name: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images, uint8 [n, 3, 32, 32], and labels, uint8 [n], of a file of CIFAR-10's binary version.

    Raises:
        DatasetError: for a length that is no whole number of records.
    """
    record = 1 + math.prod(_CIFAR_SHAPE)
    if not data or len(data) % record:
        raise DatasetError(f"{name} must hold records of {record} bytes, got {len(data)} bytes")
    records = np.frombuffer(data, np.uint8).reshape(-1, record)
    return records[:, 1:].reshape(-1, *_CIFAR_SHAPE), records[:, 0]


def load_idx_set(source: Source, folder: str | Path | None = None) -> RawData:
    """MNIST or a set in its format: grey images of 28 x 28 in four files."""
    files = contents_of(source, folder)
    x: dict[str, NDArray[Any]] = {}
    y: dict[str, NDArray[Any]] = {}
    for part, prefix in _PREFIXES.items():
        images = read_idx(files[_IMAGES.format(prefix)], _IMAGES.format(prefix))
        x[part] = images.reshape(len(images), 1, *images.shape[1:])
        y[part] = read_idx(files[_LABELS.format(prefix)], _LABELS.format(prefix))
    return RawData(source.name, x, y, source.name, "image", source.class_names)


def load_cifar10(source: Source, folder: str | Path | None = None) -> RawData:
    """Colour images of 32 x 32 in five training files and a test file."""
    files = {name: read_cifar(data, name) for name, data in contents_of(source, folder).items()}
    parts = {"train": [name for name in files if name != "test_batch.bin"], "test": ["test_batch.bin"]}
    x = {part: np.concatenate([files[name][0] for name in names]) for part, names in parts.items()}
    y = {part: np.concatenate([files[name][1] for name in names]) for part, names in parts.items()}
    return RawData(source.name, x, y, source.name, "image", source.class_names)


def _idx_packages(*checksums: str) -> tuple[Package, ...]:
    """Of training images and labels, test images and labels."""
    names = [name.format(part) for part in _PREFIXES.values() for name in (_IMAGES, _LABELS)]
    sizes = (47_040_016, 60_008, 7_840_016, 10_008)
    return tuple(
        Package(f"{name}.gz", {name: Content(size, checksum)}, most_bytes=size)
        for name, size, checksum in zip(names, sizes, checksums, strict=True)
    )


# SHA-256 of the unpacked files, which doesn't change when somebody packs them anew.
FASHION_MNIST = Source(
    name="fashion-mnist",
    addresses=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    packages=_idx_packages(
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    system_folders=("/usr/share/datasets/fashion-mnist",),
    class_names=tuple(_FASHION_CLASSES.split(", ")),
)

MNIST = Source(
    name="mnist",
    addresses=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ),
    packages=_idx_packages(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    system_folders=(),
    class_names=None,
)

_BATCH_SIZE = 30_730_000  # 10,000 records

CIFAR10 = Source(
    name="cifar10",
    addresses=("https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/"),
    packages=(
        Package(
            "cifar-10-binary.tar.gz",
            {
                name: Content(_BATCH_SIZE, checksum)
                for name, checksum in {
                    "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
                    "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
                    "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
                    "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
                    "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
                    "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
                }.items()
            },
            most_bytes=170_052_171,
            tar_folder="cifar-10-batches-bin",
            sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        ),
    ),
    system_folders=(),
    class_names=_CIFAR_CLASSES,
)

fashion_mnist = partial(load_idx_set, FASHION_MNIST)
mnist = partial(load_idx_set, MNIST)
cifar10 = partial(load_cifar10, CIFAR10)
