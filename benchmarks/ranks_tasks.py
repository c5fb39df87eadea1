"""The tasks of `ranks.py`. Settings may be chosen by those for development, never by those held out."""

from dataclasses import dataclass
from pathlib import Path

from rl_designer.envs.datasets.dataset import Kind

PACKAGED = f"{Path(__file__).with_name('packaged_data.py')}:"


@dataclass(frozen=True)
class Task:
    """Data on which designs are ranked.

    Attributes:
        data: as `load_dataset` takes it.
        kind: what they are read as.
        held_out: whether nothing may be chosen by it.
    """

    name: str
    data: str
    kind: Kind
    held_out: bool = False


TASKS = (
    Task("mnist1d", "mnist1d", "signal"),
    Task("motifs", "task:motifs", "signal"),
    Task("frequencies", "task:frequencies", "signal"),
    Task("orders", "task:orders", "signal"),
    Task("autoregressions", "task:autoregressions", "signal"),
    Task("OSULeaf", f"{PACKAGED}osu_leaf", "signal"),
    Task("ItalyPowerDemand", f"{PACKAGED}italy_power_demand", "signal"),
    Task("repeats", "task:repeats", "signal", held_out=True),
    Task("gaps", "task:gaps", "signal", held_out=True),
    Task("trends", "task:trends", "signal", held_out=True),
    Task("phases", "task:phases", "signal", held_out=True),
    Task("JapaneseVowels", f"{PACKAGED}japanese_vowels", "signal", held_out=True),
    Task("ArrowHead", f"{PACKAGED}arrow_head", "signal", held_out=True),
    Task("digits", "digits", "image"),
    Task("strokes", "task:strokes:size=12", "image"),
    Task("textures", "task:textures:size=12", "image"),
    Task("MNIST, 14 x 14", f"{PACKAGED}mnist_14", "image"),
    Task("counts", "task:counts", "image", held_out=True),
    Task("relations", "task:relations:size=14", "image", held_out=True),
    Task("Fashion-MNIST, 14 x 14", f"{PACKAGED}fashion_mnist_14", "image", held_out=True),
    Task("wine", "wine", "features"),
    Task("digits as rows", "digits", "features"),
    Task("diabetes", f"{PACKAGED}diabetes", "features"),
    Task("few", "task:few", "features"),
    Task("trees", "task:trees", "features"),
    Task("breast-cancer", "breast-cancer", "features", held_out=True),
    Task("segments", f"{PACKAGED}segments", "features", held_out=True),
    Task("many", "task:many", "features", held_out=True),
    Task("products", "task:products", "features", held_out=True),
    Task("clusters", "task:clusters", "features", held_out=True),
)
BY_NAME = {task.name: task for task in TASKS}
