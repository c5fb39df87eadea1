"""`Subject`: the network that is exported, and what is known of where it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.search_spaces.costs import Costs, check_classes, costs
from rl_designer.exporting.text import class_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from rl_designer.envs.datasets import Standardisation


@dataclass(frozen=True)
class Origin:
    """Who made a design, as far as it is known; None where it isn't.

    Attributes:
        source: what was named to be exported: a run's folder, a file, a retrained folder.
        agent: who proposed the design; `random` where the control did.
        seed: of the search.
        evaluations: that the search made, the control's included.
        found_at: which of them it was, from 1.
        config: of the search, as plain values.
        note: what the design's file says of it.
    """

    source: str
    agent: str | None = None
    seed: int | None = None
    evaluations: int | None = None
    seconds: float | None = None
    found_at: int | None = None
    reward: float | None = None
    val_accuracy: float | None = None
    verdict: str | None = None
    config: Mapping[str, Any] | None = None
    note: str | None = None


@dataclass(frozen=True)
class Split:
    """Examples of the data's parts, as far as they are known."""

    train: int
    val: int


@dataclass(frozen=True)
class Subject:
    """A network to be exported.

    Attributes:
        network: of `build_network`, in evaluation mode, on the CPU.
        input_shape: of one example.
        class_names: by class number; None where only their number is known.
        name: what people call it, or None.
        data: name of the data, or None.
        retrained_seed: the number of the training whose weights the network has; None where it has weights
            that nobody trained.
        results: the content of the retrained folder's `results.json`, or None.
        settings: of the full training, or None.
        standardisation: of the data, for one example; None where it isn't known.
        examples: float32 [n, *input_shape], real inputs of the validation part; None where none are at hand.
    """

    architecture: Architecture
    network: "nn.Module"
    input_shape: tuple[int, ...]
    num_classes: int
    origin: Origin
    class_names: tuple[str, ...] | None = None
    name: str | None = None
    data: str | None = None
    split: Split | None = None
    retrained_seed: int | None = None
    results: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] | None = None
    standardisation: "Standardisation | None" = field(default=None, repr=False)
    examples: "NDArray[np.float32] | None" = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_classes(self.num_classes)

    @property
    def trained(self) -> bool:
        """Whether the weights were trained."""
        return self.retrained_seed is not None

    @cached_property
    def costs(self) -> Costs:
        return costs(self.architecture, self.input_shape, self.num_classes)

    @property
    def class_name(self) -> str:
        """Of the Python class."""
        return class_name(self.name or self.architecture.space)
