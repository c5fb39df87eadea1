"""How winners are trained in full, `FullSettings` and `Plan`; in which shape they get examples. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from rl_designer.config import Recipe
from rl_designer.declared import Count, Name, setting
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.layers import KINDS
from rl_designer.envs.metrics import metric_of
from rl_designer.envs.training.settings import (
    TrainingSettings,
    check_augmentation,
    check_class_weights,
)
from rl_designer.envs.workers.engines import Engine
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.errors import Error, usage_errors

if TYPE_CHECKING:
    from rl_designer.envs.datasets import Dataset, Standardisation

# Images of these may be mirrored; a mirrored digit or sign is another one, or none.
_MIRRORED = ("fashion-mnist", "cifar10")
_AUGMENTATION_OF_RANK: Mapping[int, str] = {2: "shift", 3: "shift"}

_EXAMPLES_SEEN = 300_000
# By `best_recipe`, where none of them is given.
CHOSEN = ("epochs", "weight_decay", "learning_rate", "augment")
_FIRST_WITH_BFLOAT16 = 8  # compute capability 8.0: Ampere
_FEWEST_EPOCHS, _MOST_EPOCHS = 30, 100


class FullTraining(Recipe):
    """What may be set of a full training; None is for the default."""

    epochs: Count | None = setting("Passes over the data.", shown="by their number")
    augment: Name | None = setting("Vary the data.", "NAME", shown="by their kind")
    precision: Literal["float32", "bfloat16"] | None = setting(
        "Of the products; bfloat16 is faster where the hardware has it.", shown="by the device"
    )
    batch_size: Count | None = setting("Examples a step.")
    learning_rate: float | None = setting("Peak of the cycle.", limits={"gt": 0})
    weight_decay: float | None = setting("Of matrices and kernels, decoupled.", limits={"ge": 0})
    label_smoothing: float | None = setting(
        "Share of the target that all classes get.", limits={"ge": 0, "lt": 1}
    )
    averaging: float | None = setting(
        "Horizon of the weights' average as a share of all steps; 0: none.", limits={"ge": 0, "le": 1}
    )


@dataclass(frozen=True)
class FullSettings(TrainingSettings):
    """How a winner is trained in full: as a candidate, for longer, with averaged weights.

    Attributes:
        averaging: the horizon of the weights' exponential moving average as a share of all steps, 0 to 1
            (Polyak & Juditsky 1992; Izmailov et al. 2018, arXiv:1803.05407); 0 keeps the last weights.

    Raises:
        ValueError: as `TrainingSettings`, for a share that can't be.
    """

    epochs: int = 100
    averaging: float = 0.02

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.averaging <= 1:
            raise Error(f"averaging is a share of the training, 0 to 1, got {self.averaging}")

    def keep_of_average(self, step: int, steps: int) -> float:
        """The weight of the average so far as the weights of step `step` of `steps`, from 0, join it."""
        horizon = self.averaging * steps
        # Early on the average is young: the first weights soon weigh nothing.
        return min(horizon / (horizon + 1), (step + 1) / (step + 10))


def default_precision(device: str) -> str:
    """`bfloat16` on a GPU that computes in it, else `float32`, so that results on CPUs agree.

    Args:
        device: as `device_name` gives it.
    """
    if device == "cpu":
        return "float32"
    import torch

    if not torch.cuda.is_available():
        return "float32"  # it is a cluster's, and unknown here
    # Older GPUs only emulate it.
    return "bfloat16" if torch.cuda.get_device_capability(device)[0] >= _FIRST_WITH_BFLOAT16 else "float32"


def full_settings(
    name: str,
    examples: int,
    input_shape: Sequence[int],
    given: Mapping[str, Any],
    device: str = "cpu",
    *,
    texts: bool = False,
) -> FullSettings:
    """Defaults that suit the data, under what is given.

    Args:
        name: of the data set.
        examples: that are trained on.
        input_shape: of one example; of texts (length,).
        given: `FullTraining`'s fields, or `augment` as False; None where not given.
        device: that is trained on, as `device_name` gives it.
        texts: whether examples are texts.

    Raises:
        ValueError: for a value out of range, and an augmentation that doesn't fit the data.
    """
    defaults: dict[str, Any] = {
        "precision": default_precision(device),
        "epochs": min(max(round(_EXAMPLES_SEEN / examples), _FEWEST_EPOCHS), _MOST_EPOCHS),
        "augment": "flip-shift" if name in _MIRRORED else _AUGMENTATION_OF_RANK.get(len(input_shape), False),
    }
    settings = FullSettings(**defaults | {key: value for key, value in given.items() if value is not None})
    if settings.augment:
        check_augmentation(settings.augment, input_shape, texts)
    return settings


@dataclass(frozen=True)
class Plan:
    """How winners are trained.

    Attributes:
        seeds: trainings of each.
        on_validation: train on the training part alone and score on validation; the test stays sealed.
        examples: of all those that are trained on, see `part_of`; None for all.
        workers: trainings at the same time, in processes; 0 trains in this one; None for one a core, or one
            on a GPU. Doesn't change any result.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        free_recipe: whether the recipe may be chosen, see `best_recipe`.
        metric: by which it is judged, as `metric_of` takes it; None for the usual one.
        rivals: what people would use instead, trained and scored on the same: all, True, or those that
            take at most about a minute on rows, signals and texts, None.
        engine: where else than in processes of this machine, instead of `workers`; closed once it is trained.
    """

    settings: FullSettings
    seeds: int = 3
    on_validation: bool = False
    examples: int | None = None
    workers: int | None = None
    device: str = "auto"
    free_recipe: bool = False
    metric: str | None = None
    rivals: bool | None = False
    engine: Engine | None = None

    @classmethod
    def of(cls, dataset: Dataset, settings: Mapping[str, Any], **plan: Any) -> Self:
        """A plan whose `settings` are given in part, None where not; the rest suits the data and the device.

        Raises:
            WrongUsage: for a value out of range, more examples than there are, an augmentation that doesn't
                fit, a device that isn't there.
        """
        with usage_errors():
            name, engine = plan.pop("device", None) or "auto", plan.get("engine") or LocalEngine()
            device = engine.device(name)
            part = _part(dataset, plan.get("examples"), plan.get("on_validation", False))
            examples = _trained_on(part, plan.get("on_validation", False))
            check_class_weights(settings.get("class_weights") or "none", dataset.num_classes)
            metric_of(plan.get("metric"), dataset.predicts)
            full = full_settings(
                dataset.name,
                examples,
                dataset.x_train.shape[1:],
                settings,
                device,
                texts=part.kind == "text",
            )
        little = part.kind in ("features", "text") or part.usual_folds > 1
        free = little and all(settings.get(recipe) is None for recipe in CHOSEN)
        return cls(full, device=name, free_recipe=free, **plan)

    def part_of(self, dataset: Dataset) -> Dataset:
        """The data with no more examples than are to be trained on, as `train` takes its part. The test stays
        whole, and so does the validation part where that is scored on.

        Raises:
            ValueError: for more than there are, or too few for the classes.
        """
        return _part(dataset, self.examples, self.on_validation)

    def examples_of(self, dataset: Dataset) -> tuple[int, int]:
        """How many of the whole data are trained on, and of how many."""
        there = _trained_on(dataset, self.on_validation)
        return self.examples or there, there


def _part(dataset: Dataset, examples: int | None, on_validation: bool) -> Dataset:
    if examples is None:
        return dataset
    return dataset.with_examples(examples) if on_validation else dataset.with_examples_of_both(examples)


def _trained_on(dataset: Dataset, on_validation: bool) -> int:
    return len(dataset.y_train) + (0 if on_validation else len(dataset.y_val))


# -- shapes: signals and images are flattened for a network on features --------------------------------


def takes_features(architecture: Architecture) -> bool:
    """Whether a network begins with a vector, so that signals and images are flattened for it."""
    layers = architecture.network
    return not layers or (layers[0].kind in KINDS and KINDS[layers[0].kind].takes_vectors)


def shape_for(architecture: Architecture, input_shape: Sequence[int]) -> tuple[int, ...]:
    """The shape in which a network gets examples of data of a shape."""
    return (math.prod(input_shape),) if takes_features(architecture) else tuple(input_shape)


def standardisation_for(architecture: Architecture, dataset: Dataset) -> Standardisation | None:
    """What a network's inputs of these data were standardised with; None where the data don't know."""
    known = dataset.standardisation
    if known is None or shape_for(architecture, dataset.input_shape) == dataset.input_shape:
        return known
    return known.flattened(dataset.input_shape)
