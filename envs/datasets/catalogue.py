"""The data sets by name, and `load_dataset`: the one door to all of them."""

from collections.abc import Callable
from pathlib import Path

from rl_designer.envs.datasets import embedded
from rl_designer.envs.datasets.dataset import Dataset, DatasetError, Kind
from rl_designer.envs.datasets.preparation import RawData, check_kind, prepare
from rl_designer.envs.names import unknown_name

# name: what it is in one line
DATASETS: dict[str, str] = {
    "mnist1d": "5,000 signals of length 40, 10 classes; embedded, tells architectures apart",
}

_EMBEDDED: dict[str, Callable[[], RawData]] = {"mnist1d": embedded.mnist1d}


def load_dataset(
    name: str | Path,
    *,
    kind: Kind | None = None,
    target: str | None = None,
    seed: int = 0,
    folder: str | Path | None = None,
    image_size: int | None = None,
) -> Dataset:
    """A data set by name or path."""
    check_kind(kind)
    if str(name) not in DATASETS:
        raise DatasetError(unknown_name("data set", str(name), DATASETS))
    return prepare(_EMBEDDED[str(name)](), kind, seed)
