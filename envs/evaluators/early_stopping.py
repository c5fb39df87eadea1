"""`EarlyStopping`: trainings that fall behind the run's earlier ones are stopped; what that does to figures.

The rule is that of asynchronous successive halving (Li et al. 2020, arXiv:1810.05934, section 3.2): at a
rung, after a share of the epochs, a design goes on if it is in the best part of all of the run's designs at
that rung, by its best accuracy so far (as in Vizier's median rule, Golovin et al. 2017, section 3.2.1, since
one epoch is noisy while the learning rate is high). It is compared with the designs before it only, so that
nothing waits for anything, and a run that is done again stops the same ones whatever the number of workers.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Bars, Evaluation, until

# Share of the epochs → share of the designs that go on. A name is one line here.
FIDELITIES: Mapping[str, tuple[tuple[float, float], ...]] = {
    "full": (),
    "quarters": ((1 / 4, 3 / 4), (1 / 2, 1 / 2), (3 / 4, 1 / 4)),
    "halving": ((1 / 4, 1 / 2), (1 / 2, 1 / 4)),
}
FULL = "full"

# Nothing is stopped before so many designs are known.
FEWEST_KNOWN = 8

_HALVINGS = 50  # of the interval in which the accuracy lies that a reward asks for
_ROUNDING = 1e-9


class TakesBars(Protocol):
    """An evaluator that may be told where to stop each training."""

    @property
    def digest(self) -> str: ...

    def evaluate(
        self,
        architectures: Sequence[Architecture],
        bars: Sequence[Bars] | None = None,
        *,
        deadline: float | None = None,
    ) -> list[Evaluation]: ...


@runtime_checkable
class CanStop(TakesBars, Protocol):
    """One that trains, and knows a design's costs before: `TrainingEvaluator`."""

    @property
    def epochs(self) -> int: ...
    @property
    def folds(self) -> int: ...

    def costs(self, architecture: Architecture) -> dict[str, int]: ...


@dataclass(frozen=True)
class Rung:
    """Where trainings are compared: after `epoch`, and the best `share` of the designs goes on."""

    epoch: int
    share: float

    def places(self, known: int) -> int:
        """How many of so many known designs are at or above the bar: the share, and one standard error of
        it, so that a short history stops few.
        """
        error = math.sqrt(self.share * (1 - self.share) / known)
        return min(math.ceil((self.share + error) * known), known)


def rungs_of(fidelity: str, epochs: int, folds: int = 1) -> list[Rung]:
    """The rungs of a training of `epochs`, which are those of all its `folds`, at the end of one where there
    are several; of two that fall on one epoch, the one where more go on.
    """
    shares: dict[int, float] = {}
    for at, share in FIDELITIES[fidelity]:
        epoch = math.ceil(at * epochs)  # at least so much of the training
        if folds > 1:
            epoch = math.ceil(at * folds) * (epochs // folds)
        if epoch < epochs:
            shares[epoch] = max(share, shares.get(epoch, 0.0))
    return [Rung(epoch, share) for epoch, share in sorted(shares.items())]


class EarlyStopping:
    """An evaluator for one run of one search, which hands it all of the run's designs, in order.

    What comes out depends on the run's designs alone: not on timing, on workers, or on what a store behind
    `evaluator` already knows. A design that is trained in full has the evaluation that it always has. One
    that is stopped says so (`stopped_at`), and its accuracy is what its best epoch lets expect of the whole
    training, by the run's designs that were trained in full: isotonic regression, a straight line to zero
    below the lowest of them, so never more than the best of them had.

    Args:
        fidelity: a name of `FIDELITIES`.
        reward: what designs are compared by, at a rung as if its accuracy were the last. Must not fall with
            accuracy, and may depend besides on `parameters` and `macs` only (`stopping_misfit`).
        epochs: of a whole training, of all its folds.
        folds: of a whole training, see `Evaluation`.
        costs: `parameters` and `macs` of a design; empty for one that doesn't fit the data.
    """

    def __init__(
        self,
        evaluator: TakesBars,
        fidelity: str,
        reward: Callable[[Evaluation], float],
        *,
        epochs: int,
        costs: Callable[[Architecture], dict[str, int]],
        folds: int = 1,
    ) -> None:
        self._evaluator = evaluator
        self._rungs = rungs_of(fidelity, epochs, folds)
        self._reward = reward
        self._costs = costs
        self._known: list[Evaluation] = []

    @property
    def digest(self) -> str:
        return self._evaluator.digest

    def evaluate(
        self, architectures: Sequence[Architecture], deadline: float | None = None
    ) -> list[Evaluation]:
        """A large batch is taken in parts, each at most as large as what is known by then.

        Args:
            deadline: as `Evaluator.evaluate` may take it. Of a part that isn't done by then, what comes
                before the first that was stopped is returned: what a stopped one lets expect depends on the
                whole part.
        """
        results: list[Evaluation] = []
        while len(results) < len(architectures):
            size = max(len(self._known), FEWEST_KNOWN)
            part = architectures[len(results) : len(results) + size]
            results += (ended := self._part(part, deadline))
            if len(ended) < len(part):
                break
        return results

    def _part(self, architectures: Sequence[Architecture], deadline: float | None) -> list[Evaluation]:
        least = self._least_rewards()
        bars = [self._bars(architecture, least) for architecture in architectures]
        evaluations = self._evaluator.evaluate(architectures, bars, **until(deadline))
        if len(evaluations) < len(architectures):
            evaluations = list(takewhile(lambda evaluation: evaluation.stopped_at is None, evaluations))
        self._known += [evaluation for evaluation in evaluations if evaluation.failure is None]
        return [self._priced(evaluation) for evaluation in evaluations]

    def _least_rewards(self) -> dict[int, float]:
        """Epoch → the reward that a design needs there to go on."""
        if len(self._known) < FEWEST_KNOWN:
            return {}
        least = {}
        for rung in self._rungs:
            rewards = sorted((self._reward_at(rung.epoch, known) for known in self._known), reverse=True)
            least[rung.epoch] = rewards[rung.places(len(rewards)) - 1]
        return {epoch: reward for epoch, reward in least.items() if reward > -math.inf}

    def _reward_at(self, epoch: int, known: Evaluation) -> float:
        """What a known design was worth after an epoch; minus infinity where it had been stopped."""
        curve = known.learning_curve
        if epoch > len(curve):
            return -math.inf
        return self._worth(known.standing(epoch), known.parameters, known.macs)

    def _worth(self, accuracy: float, parameters: int | None, macs: int | None) -> float:
        metric = self._known[0].metric  # one search has one
        return self._reward(Evaluation(parameters=parameters, macs=macs, metric=metric).scored(accuracy))

    def _bars(self, architecture: Architecture, least: Mapping[int, float]) -> Bars:
        costs = self._costs(architecture) if least else {}
        if not costs:
            return {}  # nothing to compare with, or it doesn't fit the data and will fail

        def worth(accuracy: float) -> float:
            return self._worth(accuracy, costs["parameters"], costs["macs"])

        return {epoch: accuracy_needed(worth, reward) for epoch, reward in least.items()}

    def _priced(self, evaluation: Evaluation) -> Evaluation:
        epoch = evaluation.stopped_at
        if epoch is None:
            return evaluation
        full = [known for known in self._known if known.in_full]
        at_rung = np.array([known.standing(epoch) for known in full])
        at_end = np.array([known.score for known in full], dtype=np.float64)
        expected = expected_at_end(at_rung, at_end, evaluation.standing(epoch))
        return evaluation.scored(expected)


def accuracy_needed(worth: Callable[[float], float], reward: float) -> float:
    """The least accuracy that is worth a reward, by a function that doesn't fall; 2 where none is."""
    low, high = 0.0, 1.0
    if worth(low) >= reward:
        return low
    if worth(high) < reward:
        return 2.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if worth(middle) >= reward else (middle, high)
    return high - _ROUNDING


def expected_at_end(at_rung: NDArray[np.float64], at_end: NDArray[np.float64], accuracy: float) -> float:
    """The accuracy to be expected at the end of a training from the one at a rung.

    Centred isotonic regression (Oron & Flournoy 2017): pooled designs stand at their mean, and between them
    it rises in a straight line. scikit-learn's has steps there, on which all stopped designs would be worth
    the same.

    Args:
        at_rung, at_end: of designs that were trained in full, float64 [n], n ≥ 1.
        accuracy: of the design in question at the rung.
    """
    order = np.lexsort((at_end, at_rung))
    blocks: list[tuple[float, float, int]] = []  # mean at the rung, mean at the end, designs; both rise
    for x, y in zip(at_rung[order], at_end[order], strict=True):
        block = (float(x), float(y), 1)
        while blocks and (blocks[-1][1] >= block[1] or blocks[-1][0] >= block[0]):
            block = _pooled(blocks.pop(), block)
        blocks.append(block)
    xs, ys, _ = zip((0.0, 0.0, 0), *blocks, strict=True)
    return min(float(np.interp(accuracy, xs, ys)), ys[-1])  # between numbers too small its slope is infinite


def _pooled(a: tuple[float, float, int], b: tuple[float, float, int]) -> tuple[float, float, int]:
    n = a[2] + b[2]
    return (a[0] * a[2] + b[0] * b[2]) / n, (a[1] * a[2] + b[1] * b[2]) / n, n


def cut_short(evaluation: Evaluation, bars: Bars) -> Evaluation | None:
    """What a training under bars would have given, from a longer one; None where it wasn't long enough."""
    curve = evaluation.learning_curve
    for epoch in sorted(bars):
        if epoch > len(curve):
            break
        if evaluation.standing(epoch) < bars[epoch]:
            seconds = evaluation.training_seconds
            cut = replace(
                evaluation,
                val_accuracy=None,
                val_loss=None,
                val_recalls=(),
                learning_curve=curve[:epoch],
                training_seconds=None if seconds is None else seconds * epoch / len(curve),
                epochs=epoch,
                failure=None,
                stopped_at=epoch,
            )
            return cut.scored(curve[epoch - 1])
    return evaluation if evaluation.stopped_at is None else None
