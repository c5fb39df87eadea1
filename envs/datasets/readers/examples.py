"""Files of examples that a trained network is used on; labels in them are passed over."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_designer.envs.datasets.catalogue import read_rows
from rl_designer.envs.datasets.errors import DatasetError, named
from rl_designer.envs.datasets.inputs import RawInputs
from rl_designer.envs.datasets.readers.arrays import read_unlabelled_npz
from rl_designer.envs.datasets.readers.image_files import is_image
from rl_designer.envs.datasets.readers.images import read_unlabelled_images
from rl_designer.envs.datasets.readers.series import is_headless, read_signals
from rl_designer.envs.datasets.readers.text_files import SUFFIXES as TEXT_SUFFIXES
from rl_designer.envs.datasets.readers.text_files import read_unlabelled_texts


@dataclass(frozen=True)
class Examples:
    """What a file held.

    Attributes:
        values: as `RawInputs.ready` takes them.
        channels_last: whether channels are the last axis, where the file says it.
        files: names of images or texts, in their order; () of other data.
        notes: what was done to them, a line each.
    """

    values: Any
    channels_last: bool | None = None
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_examples(path: Path, inputs: RawInputs) -> Examples:
    """Examples for a network on such inputs.

    Args:
        path: a table of rows (.csv, .tsv, .parquet, with its header), an `.npz` with `x`, a `.ts` or
            headerless `.tsv`, whose labels are passed over, an image or a text (.txt), or a folder of such.

    Raises:
        DatasetError: for what isn't there, isn't of the network's kind, or can't be read.
    """
    if not path.exists():
        raise DatasetError(f"no such file or folder: {str(path)!r}")
    return _reader_of(path, inputs)(path, inputs)


def _reader_of(path: Path, inputs: RawInputs) -> Callable[[Path, RawInputs], Examples]:
    suffix = path.suffix.lower()
    if inputs.kind == "text" and (path.is_dir() or suffix in TEXT_SUFFIXES):
        return _texts
    if path.is_dir() or is_image(path):
        return _images
    if suffix == ".npz":
        return _arrays
    signals = inputs.kind == "signal" and inputs.encoding is None
    if suffix == ".ts" or (suffix == ".tsv" and signals and is_headless(path)):
        return _signals
    return _table


def _table(path: Path, inputs: RawInputs) -> Examples:
    as_texts = () if inputs.encoding is None else inputs.encoding.texts
    if inputs.tokeniser is not None and inputs.tokeniser.column is not None:
        as_texts = (inputs.tokeniser.column,)
    rows = read_rows(path, as_texts)
    needed = [] if inputs.encoding is None else [column["name"] for column in inputs.encoding.columns]
    if twice := [name for name in needed if rows.names.count(name) > 1]:
        raise DatasetError(f"{named(path)} has two columns called {twice[0]!r}; each needs its own name")
    return Examples(rows)


def _arrays(path: Path, inputs: RawInputs) -> Examples:
    return Examples(*read_unlabelled_npz(path))


def _signals(path: Path, inputs: RawInputs) -> Examples:
    return Examples(read_signals(path), False, notes=("the label of each line is passed over",))


def _texts(path: Path, inputs: RawInputs) -> Examples:
    texts, files, notes = read_unlabelled_texts(path)
    return Examples(texts, files=files, notes=notes)


def _images(path: Path, inputs: RawInputs) -> Examples:
    if inputs.kind != "image":
        what = "rows of a table" if inputs.encoding is not None else f"examples of shape {list(inputs.shape)}"
        what = "texts" if inputs.kind == "text" else what
        raise DatasetError(f"the network takes {what}, {named(path)} holds images")
    pixels, files, notes = read_unlabelled_images(path, inputs.shape)
    return Examples(pixels, False, files, notes)
