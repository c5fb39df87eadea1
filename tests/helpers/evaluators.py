"""Evaluators that train nothing, for tests."""

from collections.abc import Sequence

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation, Evaluator
from rl_designer.envs.seeding import seed_of


class LayerEvaluator:
    """For any space: an accuracy from the layers alone, higher for designs of about five layers."""

    digest = "layers"

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        return [Evaluation(val_accuracy=self._accuracy(architecture)) for architecture in architectures]

    def _accuracy(self, architecture: Architecture) -> float:
        parts = [seed_of(str(layer)) % 1000 / 1000 for layer in architecture.layers]
        return sum(parts) / len(parts) / 2 + 0.5 / (1 + abs(len(parts) - 5))


class Watched:
    """Another evaluator, and what it was asked for; a share of the designs fails.

    Attributes:
        asked: the digest of every architecture that it was asked for, in order.
    """

    def __init__(self, evaluator: Evaluator, failing: float = 0.0) -> None:
        self.evaluator = evaluator
        self.failing = failing
        self.asked: list[str] = []

    @property
    def digest(self) -> str:
        return f"watched:{self.failing}:{self.evaluator.digest}"

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        self.asked += [architecture.digest for architecture in architectures]
        return [
            Evaluation(failure="made to fail") if seed_of(a.digest) % 100 < 100 * self.failing else evaluation
            for a, evaluation in zip(architectures, self.evaluator.evaluate(architectures), strict=True)
        ]
