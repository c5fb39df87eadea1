"""The digest of trainings: equal where designs get equal results."""

import hashlib
import json
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.targets import TargetScale
from rl_designer.envs.metrics import DEFAULTS, METRICS, metric_digest
from rl_designer.envs.training.settings import TrainingSettings

# Part of the digest: raise it with every change of the recipe, or of the networks, that changes results by
# more than rounding, as another processor or release of torch may.
RECIPE_VERSION = 1

# Settings at these values are left out of the digest, which so is what it was before there was a choice.
_ONCE_WITHOUT_CHOICE = (("precision", "float32"), ("optimizer", "adamw"), ("class_weights", "none"))


class TrainingDataset(Protocol):
    """What is read of a data set: its training and validation parts, never its test."""

    @property
    def x_train(self) -> NDArray[np.float32]: ...
    @property
    def y_train(self) -> NDArray[np.int64] | NDArray[np.float32]: ...
    @property
    def x_val(self) -> NDArray[np.float32]: ...
    @property
    def y_val(self) -> NDArray[np.int64] | NDArray[np.float32]: ...
    @property
    def folds(self) -> NDArray[np.int8]: ...
    @property
    def input_shape(self) -> tuple[int, ...]: ...
    @property
    def symbols(self) -> int: ...
    @property
    def num_classes(self) -> int: ...
    @property
    def target_scale(self) -> TargetScale | None: ...
    @property
    def digest(self) -> str: ...


def is_digest_of(digest: str, dataset: TrainingDataset, settings: TrainingSettings, **scoring: Any) -> bool:
    """Whether it is the digest of an evaluator with these (and `metric` and `folds`), of this version or an
    earlier one.
    """
    recipes = range(1, RECIPE_VERSION + 1)
    return digest in [digest_of(dataset, settings, recipe=recipe, **scoring) for recipe in recipes]


def digest_of(
    dataset: TrainingDataset,
    settings: TrainingSettings,
    *,
    repeat: int = 0,
    metric: str | None = None,
    folds: int = 1,
    recipe: int | None = None,
) -> str:
    """20 hexadecimal characters, of what an evaluator's results depend on; `recipe` is of an earlier version.

    Args:
        repeat, metric, folds: as `TrainingEvaluator` takes them.
    """
    # Numbers as floats: an epoch count of 12 and a learning rate of 1 mean the same however they were typed.
    plain = {
        name: value if isinstance(value, str | bool) else float(value)
        for name, value in asdict(settings).items()
        if (name, value) not in _ONCE_WITHOUT_CHOICE
    }
    parts: dict[str, Any] = {
        "recipe": recipe or RECIPE_VERSION,
        "dataset": dataset.digest,
        "settings": plain,
        "repeat": repeat,
    }
    if metric is not None and metric not in DEFAULTS.values():
        parts["metric"] = metric_digest(metric)
        if (scale := dataset.target_scale) is not None and metric not in METRICS:
            parts["target_scale"] = [scale.mean, scale.deviation]  # what the metric sees depends on it
    if folds > 1:
        parts["folds"] = [folds, hashlib.sha256(dataset.folds.tobytes()).hexdigest()[:20]]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:20]
