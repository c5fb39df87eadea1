"""Which trainings of a search may be stopped early, and the evaluator that does it."""

from typing import TypeGuard

from rl_designer.config import DEFAULT_FIDELITY, SearchConfig
from rl_designer.envs.evaluation import Evaluator
from rl_designer.envs.evaluators.early_stopping import FULL, CanStop, EarlyStopping
from rl_designer.envs.rewards import Reward
from rl_designer.envs.rewards.fields import stopping_misfit
from rl_designer.errors import WrongUsage
from rl_designer.store.evaluator import StoredEvaluator


def settled_fidelity(config: SearchConfig, reward: Reward) -> str | None:
    """The fidelity of a search: the config's, or the default; `full` for a reward that needs whole trainings;
    None on a table.

    Raises:
        WrongUsage: where the config asks for early stopping under such a reward.
    """
    if config.subject.table is not None:
        return None
    misfit = stopping_misfit(reward)
    if misfit is None:
        return config.training.fidelity or DEFAULT_FIDELITY
    if config.training.fidelity not in (None, FULL):
        raise WrongUsage(
            f"--fidelity {config.training.fidelity} stops trainings early, but the reward {reward.name!r} "
            f"can't be paid for those: {misfit}; use --fidelity {FULL}"
        )
    return FULL


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
    return EarlyStopping(stored, str(fidelity), reward, epochs=trainer.epochs, costs=trainer.costs)
