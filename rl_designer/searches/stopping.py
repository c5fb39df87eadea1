"""Whether a search stops the trainings of worse designs, and by what."""

from typing import TypeGuard

from rl_designer.envs.evaluation import Evaluator
from rl_designer.envs.evaluators.early_stopping import FULL, CanStop, EarlyStopping
from rl_designer.envs.rewards import Reward
from rl_designer.store.evaluator import StoredEvaluator


def stops_early(trainer: Evaluator, fidelity: str | None) -> TypeGuard[CanStop]:
    """Whether a search on `trainer` stops any training; one that can't stop trains in full."""
    return fidelity not in (None, FULL) and isinstance(trainer, CanStop)


def stopping_early(
    stored: StoredEvaluator, trainer: Evaluator, fidelity: str | None, reward: Reward
) -> Evaluator:
    """The evaluator for one search: `stored`, stopping early where the fidelity says so.

    Args:
        trainer: what `stored` asks.
    """
    if not stops_early(trainer, fidelity):
        return stored
    return EarlyStopping(
        stored, str(fidelity), reward, epochs=trainer.epochs, costs=trainer.costs, folds=trainer.folds
    )
