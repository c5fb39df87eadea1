"""`Retrained`: a trained network, read from files, and what it says of raw examples. Imports torch late."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.datasets.encoding import Standardisation
from rl_designer.envs.datasets.inputs import RawInputs
from rl_designer.envs.datasets.targets import TargetScale
from rl_designer.envs.search_spaces.costs import check_size
from rl_designer.errors import Error
from rl_designer.retraining.scores import outputs_of

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Predictions:
    """Of examples, in their order.

    Attributes:
        outputs: float64: probabilities [n, classes], or numbers [n] in the target's unit.
        class_names: by class number; () for numbers.
        notes: what was done to the examples, and in what they are unlike those of training, a line each.
    """

    outputs: NDArray[np.float64]
    class_names: tuple[str, ...]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.outputs)

    @property
    def predicted(self) -> NDArray[Any]:
        """The most likely class's name of each example, text [n]; or the numbers."""
        if not self.class_names:
            return self.outputs
        return np.array(self.class_names)[self.outputs.argmax(axis=1)]


@dataclass(frozen=True)
class Retrained:
    """A retrained network, ready to be used.

    Attributes:
        network: in evaluation mode, on the CPU: float32 [n, *input_shape], standardised with the training
            part's statistics, to logits [n, classes], or [n, 1], a number standardised with `target_scale`.
        input_shape: of one example.
        class_names: by class number; () where a number is predicted.
        seed: the number of its training in the folder.
        results: the content of `results.json`, or None where it isn't there yet.
        standardisation: what makes the network's inputs of raw ones (`apply`); None where it isn't known.
        inputs: what raw examples are; None where it isn't known.
    """

    architecture: Architecture
    network: nn.Module
    input_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    seed: int
    results: dict[str, Any] | None
    standardisation: Standardisation | None = None
    target_scale: TargetScale | None = None
    inputs: RawInputs | None = None

    def predict(self, given: Any, channels_last: bool | None = None) -> Predictions:
        """Classes with their probabilities, or numbers in the target's unit, of raw examples.

        Args:
            given: as `RawInputs.ready` takes it.

        Raises:
            ValueError: for examples of another kind, and where their standardisation isn't known.
        """
        inputs = self.inputs or RawInputs(self.input_shape)
        if self.standardisation is None and inputs.tokeniser is None:
            raise Error(
                "what its inputs were standardised with isn't kept with it (an earlier version's, or "
                "too many numbers); train it anew with `retrain`"
            )
        x, notes = inputs.ready(given, self.standardisation, self.input_shape, channels_last)
        outputs = outputs_of(self.network, x, "cpu")
        if (scale := self.target_scale) is not None:
            return Predictions(scale.in_unit(outputs[:, 0]), (), notes)
        return Predictions(softmax(outputs, axis=1), self.class_names, notes)


def network_with(
    weights: Path,
    read: Callable[[int], Mapping[str, Tensor]],
    architecture: Architecture,
    shape: Sequence[int],
    outputs: int,
    names: Sequence[str] | None = None,
) -> nn.Module:
    """A network in evaluation mode with the weights of a file that a stranger may have written.

    Args:
        read: the tensors, by how many parameters there may be.
        names: of the tensors, in the order of `build_network`'s; None where they are called the same.

    Raises:
        ValueError: where they don't fit.
    """
    from rl_designer.envs.networks.network import build_network

    # Before memory is taken for what a stranger's file may ask for.
    parameters = check_size(architecture, shape, outputs).parameters
    state = read(parameters)
    if parameters > sum(tensor.numel() for tensor in state.values()):
        raise Error(f"{weights} doesn't fit the architecture beside it: it has too few weights")
    network = build_network(architecture, shape, outputs)
    try:
        if names is not None:
            state = {own: state[name] for own, name in zip(network.state_dict(), names, strict=True)}
        network.load_state_dict(state)
    except (RuntimeError, KeyError, ValueError) as error:
        text = " ".join(str(error).split())[:200]
        raise Error(f"{weights} doesn't fit the architecture beside it: {text}") from error
    return network.eval()
