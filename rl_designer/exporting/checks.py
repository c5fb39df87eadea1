"""Whether an exported network computes what the original does. Imports torch."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rl_designer.envs.workers.devices import one_thread
from rl_designer.errors import Error
from rl_designer.exporting.formats import Computed
from rl_designer.exporting.subject import Subject

TOLERANCE = 1e-5
_BATCHES = (1, 2, 7)  # the batch axis is free
_SEED = 0


class Mismatch(Error):
    """An exported network that computes something else than the original."""


def largest_difference(subject: Subject, computed: Computed) -> float:
    """The largest difference of a logit from the original's, over random and real inputs, as a share of the
    largest logit of the batch where that is above 1, since float32 has no more than seven digits.

    Raises:
        Mismatch: where it is above 1e-5, or a shape or a number that isn't finite differs.
    """
    worst = 0.0
    with one_thread(), torch.inference_mode():
        for kind, x in _inputs(subject):
            expected, found = subject.network(x), computed(x)
            if expected.shape != found.shape:
                raise Mismatch(
                    f"on {kind} inputs it gives the shape {list(found.shape)}, not {list(expected.shape)}"
                )
            difference = _difference(expected, found)
            if not difference <= TOLERANCE:
                raise Mismatch(f"on {kind} inputs it differs by {difference:.1e}, more than {TOLERANCE:.0e}")
            worst = max(worst, difference)
    return worst


def _inputs(subject: Subject) -> Iterator[tuple[str, Tensor]]:
    generator = torch.Generator().manual_seed(_SEED)
    for batch in _BATCHES:
        yield "random", torch.randn(batch, *subject.input_shape, generator=generator)
    if subject.examples is not None:
        yield "real", torch.from_numpy(subject.examples.copy())


def _difference(expected: Tensor, found: Tensor) -> float:
    if torch.equal(expected, found):
        return 0.0
    scale = max(1.0, float(expected.abs().max()))
    return float((expected.double() - found.double()).abs().max()) / scale
