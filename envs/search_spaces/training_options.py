"""What a design may say of its training: the settings, their legal values, lists that suit kinds of data.
No torch here.

Each is a layer of the kind `training` before the network's, such as `training(learning_rate=0.03)`, in the
order of `TRAINING_OPTIONS`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rl_designer.envs.architecture import TRAINING, Architecture, Layer
from rl_designer.envs.errors import Error
from rl_designer.envs.layers.kind import OptionRule, checked_options, integer, name_of
from rl_designer.envs.search_spaces.choices import Choices, check_choices, check_lists
from rl_designer.envs.training.settings import (
    AUGMENTATIONS,
    NO_AUGMENTATION,
    OPTIMIZERS,
    TrainingSettings,
    check_augmentation,
)

_USUAL = TrainingSettings()
_LARGEST_BATCH = 2**16


def _fraction(name: str, rule: str) -> OptionRule:
    """Of a number that `TrainingSettings` takes."""

    def accepts(value: Any) -> bool:
        if not isinstance(value, float):
            return False
        given: dict[str, Any] = {name: value}
        try:
            TrainingSettings(**given)
        except ValueError:
            return False
        return True

    return OptionRule(rule, accepts, getattr(_USUAL, name))


# In the order of the decisions.
TRAINING_OPTIONS: Mapping[str, OptionRule] = {
    "optimizer": name_of(*OPTIMIZERS, default=_USUAL.optimizer),
    "learning_rate": _fraction("learning_rate", "a number above 0"),
    "warmup": _fraction("warmup", "a number from 0 to 1"),
    "weight_decay": _fraction("weight_decay", "a number of at least 0"),
    "label_smoothing": _fraction("label_smoothing", "a number of at least 0 and below 1"),
    "batch_size": integer(2, _LARGEST_BATCH, default=_USUAL.batch_size),
    "augment": name_of(NO_AUGMENTATION, *AUGMENTATIONS, default=NO_AUGMENTATION),
}


def training_choices(lists: Any, where: str) -> Choices:
    """Settings with their choices, in the order of `TRAINING_OPTIONS`; 1 stands for 1.0.

    Raises:
        ValueError: for what isn't a table of lists, an unknown setting, an illegal value, an empty list.
    """
    check_lists(where, lists)
    given = {option: tuple(_number(option, value) for value in values) for option, values in lists.items()}
    check_choices(where, tuple(given.items()), TRAINING_OPTIONS)
    if not given:
        raise Error(f"{where} must list the choices of at least one of {', '.join(TRAINING_OPTIONS)}")
    return tuple((option, given[option]) for option in TRAINING_OPTIONS if option in given)


def _number(option: str, value: Any) -> Any:
    fraction = option in TRAINING_OPTIONS and isinstance(TRAINING_OPTIONS[option].default, float)
    return float(value) if fraction and type(value) is int else value


def check_training(architecture: Architecture) -> None:
    """Raises ValueError where a design says of its training what can't be, or one thing twice."""
    settings: list[str] = []
    for layer in architecture.layers[: len(architecture.layers) - len(architecture.network)]:
        checked_options(layer, TRAINING_OPTIONS)
        if len(layer.options) != 1:
            raise Error(f"a {TRAINING} layer says one thing of a training, got {layer}")
        settings.append(layer.options[0][0])
    for name in settings:
        if settings.count(name) > 1:
            raise Error(f"a design says its {name} once, got {architecture}")


def check_choices_fit(
    choices: Choices, input_shape: Sequence[int], num_classes: int, where: str, *, texts: bool
) -> None:
    """Raises ValueError where a choice makes no sense for data of a shape."""
    for option, values in choices:
        for value in values:
            if option == "augment" and value != NO_AUGMENTATION:
                check_augmentation(str(value), input_shape, texts)
            if option == "label_smoothing" and value and num_classes == 1:
                rule = "label smoothing is for classes, and a number is predicted"
                raise Error(f"{where}: {rule}; leave {value} away")


def training_layers(choices: Choices) -> list[list[Layer]]:
    """For each setting a layer a choice."""
    return [[Layer.of(TRAINING, **{option: value}) for value in values] for option, values in choices]


def usual_choices(num_classes: int, varied: bool) -> dict[str, list[Any]]:
    """Lists around the usual settings, few of each, since a search tries some tens of designs.

    Args:
        varied: whether the data, signals or images, may be varied.
    """
    choices: dict[str, list[Any]] = {
        "optimizer": ["adamw", "muon"],
        "learning_rate": [0.005, 0.01, 0.02, 0.04],
        "weight_decay": [0.01, 0.05, 0.5],
    }
    if num_classes > 1:
        choices["label_smoothing"] = [0.0, 0.1]
    choices["batch_size"] = [32, 64, 128]
    if varied:
        # Mirrored images are known to be the same things by people alone.
        choices["augment"] = [NO_AUGMENTATION, "shift"]
    return choices
