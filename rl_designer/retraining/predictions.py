"""What a trained network says of raw examples. Imports torch late."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.inputs import RawInputs
from rl_designer.errors import Error
from rl_designer.retraining.scores import outputs_of

if TYPE_CHECKING:
    from rl_designer.retraining.folder import Retrained


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


def predictions(network: "Retrained", given: Any, channels_last: bool | None = None) -> Predictions:
    """As `Retrained.predict`."""
    if network.standardisation is None:
        raise Error(
            "what its inputs were standardised with isn't kept with the network (it is an earlier version's, "
            "or they are too many numbers); train it anew with `retrain`"
        )
    inputs = network.inputs or RawInputs(network.input_shape)
    x, notes = inputs.ready(given, network.standardisation, network.input_shape, channels_last)
    outputs = outputs_of(network.network, x, "cpu")
    if (scale := network.target_scale) is not None:
        return Predictions(scale.mean + scale.deviation * outputs[:, 0], (), notes)
    shifted = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return Predictions(shifted / shifted.sum(axis=1, keepdims=True), network.class_names, notes)
