"""`drawn_task`: made tasks drawn widely, so that what is learned on many holds on others."""

from dataclasses import dataclass

import numpy as np

from rl_designer.envs.seeding import stream
from rl_designer.envs.tasks.made import FAMILIES, Family, Kind

VALIDATED = 300  # examples that each drawn task is validated on, so that luck is small

_CLASSES: dict[Kind, tuple[int, int]] = {"signal": (2, 12), "image": (2, 12), "features": (2, 6)}
_EXAMPLES: dict[Kind, tuple[int, int]] = {
    "signal": (100, 900),
    "image": (100, 900),
    "features": (150, 3_000),
}  # to train on
_SIZES: dict[Kind, tuple[int, int]] = {"signal": (24, 160), "image": (8, 20), "features": (3, 40)}
# Times the usual; tables of rows are noisier than anything else.
_NOISE: dict[Kind, tuple[float, float]] = {"signal": (0.4, 1.6), "image": (0.4, 1.6), "features": (0.4, 10)}
_NUMBERS = 0.4  # of the tasks whose family can have a number to predict
_ONE_CHANNEL = 0.6  # of the tasks whose family can
_MOST_CHANNELS = 6


@dataclass(frozen=True)
class DrawnTask:
    """One task to gather experience on.

    Attributes:
        family: its name.
        text: as `make_task` takes it; its last `VALIDATED` examples are there to validate.
    """

    family: str
    text: str


def drawn_task(kind: Kind, number: int, seed: int = 0) -> DrawnTask:
    """The task of a number, from 0 up: families take turns; classes, size, noise, channels and examples are
    drawn, the last three and the size evenly on a logarithmic scale.
    """
    families = [name for name, family in FAMILIES.items() if family.kind == kind]
    name = families[number % len(families)]
    family, draws = FAMILIES[name], stream(seed, "drawn task", kind, number)
    classes = int(draws.integers(_CLASSES[kind][0], _CLASSES[kind][1] + 1))
    low, high = _SIZES[kind]
    low = max(low, family.smallest(classes))
    size = _between(low, max(high, low), draws)
    noise = family.usual.noise * float(np.exp(draws.uniform(*np.log(_NOISE[kind]))))
    examples = max(_between(*_EXAMPLES[kind], draws), 10 * classes) + VALIDATED
    if family.numbers and draws.random() < _NUMBERS:
        classes = 1
    parameters = {"classes": classes, "size": size, "noise": f"{noise:.3g}", "examples": examples}
    parameters |= {"channels": _channels(family, draws), "seed": int(draws.integers(2**31))}
    return DrawnTask(name, f"{name}:" + ",".join(f"{key}={value}" for key, value in parameters.items()))


def _between(low: int, high: int, draws: np.random.Generator) -> int:
    return round(float(np.exp(draws.uniform(np.log(low), np.log(high)))))


def _channels(family: Family, draws: np.random.Generator) -> int:
    more = int(draws.integers(max(2, family.channels), _MOST_CHANNELS + 1))
    alone = draws.random() < _ONE_CHANNEL or family.kind == "features"
    return family.channels if alone else more
