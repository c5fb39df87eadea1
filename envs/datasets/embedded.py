"""Data sets that need no file of the user's and no network."""

import csv
import gzip
from importlib import resources

import numpy as np

from rl_designer.envs.datasets.errors import DatasetError
from rl_designer.envs.datasets.preparation import RawData
from rl_designer.envs.datasets.rows.table import object_array
from rl_designer.envs.datasets.texts import Texts
from rl_designer.envs.metrics import Predicts
from rl_designer.envs.tasks.made import PREFIX, TaskError, make_task


def mnist1d() -> RawData:
    """4,000 training and 1,000 test signals of length 40; see `envs/data/README.md`."""
    with (resources.files("rl_designer.envs") / "data" / "mnist1d.npz").open("rb") as file:
        arrays = dict(np.load(file, allow_pickle=False))
    x = {part: arrays[f"x_{part}"][:, None, :] for part in ("train", "test")}
    y = {part: arrays[f"y_{part}"] for part in ("train", "test")}
    return RawData("mnist1d", x, y, "mnist1d", "signal")


def names() -> RawData:
    """6,226 last names and the language that they are of; see `envs/data/README.md`."""
    packed = (resources.files("rl_designer.envs") / "data" / "names.csv.gz").read_bytes()
    rows = list(csv.reader(gzip.decompress(packed).decode("utf-8").splitlines()))[1:]
    texts = Texts(object_array([name for name, _ in rows]))
    return RawData("names", {"train": texts}, {"train": np.array([of for _, of in rows])}, "names", "text")


def digits() -> RawData:
    """1,797 grey images of 8 x 8."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return RawData("digits", {"train": found.images[:, None]}, {"train": found.target}, "digits", "image")


def breast_cancer() -> RawData:
    """569 rows of 30 features, 2 classes."""
    from sklearn.datasets import load_breast_cancer

    return _table("breast-cancer", load_breast_cancer())


def wine() -> RawData:
    """178 rows of 13 features, 3 classes."""
    from sklearn.datasets import load_wine

    return _table("wine", load_wine())


def made_task(text: str) -> RawData:
    """Drawn by `make_task`."""
    try:
        made = make_task(text)
    except TaskError as error:
        raise DatasetError(str(error)) from error
    name = PREFIX + text
    predicts: Predicts = "number" if made.y.dtype.kind == "f" else "class"
    return RawData(name, {"train": made.x}, {"train": made.y}, name, made.kind, predicts=predicts)


def _table(name: str, found: object) -> RawData:
    names = tuple(map(str, found.target_names))  # type: ignore[attr-defined]
    x, y = found.data, found.target  # type: ignore[attr-defined]
    return RawData(name, {"train": x}, {"train": y}, name, "features", names)
