"""Data sets that need no file of the user's and no network."""

from importlib import resources

import numpy as np

from rl_designer.envs.datasets.preparation import RawData


def mnist1d() -> RawData:
    """4,000 training and 1,000 test signals of length 40; see `envs/data/README.md`."""
    with (resources.files("rl_designer.envs.data") / "mnist1d.npz").open("rb") as file:
        arrays = dict(np.load(file, allow_pickle=False))
    x = {part: arrays[f"x_{part}"][:, None, :] for part in ("train", "test")}
    y = {part: arrays[f"y_{part}"] for part in ("train", "test")}
    return RawData("mnist1d", x, y, "mnist1d", "signal")
