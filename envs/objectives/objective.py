"""`Objective`: a reward that is one of several; by its name, or a user's own."""

import math
from dataclasses import dataclass

from rl_designer.envs.errors import Error, unknown_name
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.extensions import REWARD, file_of, split_options
from rl_designer.envs.rewards.builtin import REWARDS, accuracy
from rl_designer.envs.rewards.costs import COST_FACTS, COSTS, Cost
from rl_designer.envs.rewards.loading import RewardContext, load_reward
from rl_designer.envs.rewards.reward import Reward, RewardFunction, as_reward, cost_of


@dataclass(frozen=True)
class Less:
    """Less of a cost: minus its decimal logarithm, so that halving it is worth the same everywhere."""

    cost: Cost

    def __call__(self, evaluation: Evaluation) -> float:
        return -math.log10(cost_of(evaluation, self.cost))


@dataclass(frozen=True)
class Objective(Reward):
    """A reward that sees no history, as one of several; higher is better.

    For people there is a figure in its own unit instead: of a cost the cost, which is better when it is less.
    """

    @property
    def cost(self) -> Cost | None:
        """That it is less of; None where it is no cost."""
        return self.function.cost if isinstance(self.function, Less) else None

    @property
    def in_closed_form(self) -> bool:
        """Whether it follows from the design alone, in spaces that know it (`SearchSpace.costs`)."""
        return self.cost is not None and COST_FACTS[self.cost].in_closed_form

    @property
    def is_score(self) -> bool:
        """Whether it is the score by the search's metric."""
        return self.function is accuracy

    @property
    def unit(self) -> str:
        """Of its figure; "" for a plain number."""
        return "" if self.cost is None else COST_FACTS[self.cost].unit

    @property
    def higher_is_better(self) -> bool:
        """Of its figure."""
        return self.cost is None

    def figure(self, value: float) -> float:
        """What people read for a value."""
        # Rounded to what the logarithm of a count gives back.
        return value if self.cost is None else float(f"{10.0**-value:.12g}")

    def value(self, figure: float) -> float:
        """The inverse of `figure`. Raises ValueError for a cost that isn't above 0."""
        if self.cost is None:
            return figure
        if not figure > 0:
            raise Error(f"{self.name} must be above 0, got {figure}")
        return -math.log10(figure)


# The score by the search's metric, and less of each cost; every reward that sees no history is one, too.
OBJECTIVES: dict[str, RewardFunction] = {"val_accuracy": accuracy, **{cost: Less(cost) for cost in COSTS}}


def load_objective(text: str | RewardFunction, context: RewardContext | None = None) -> Objective:
    """An objective by its text: a name of `OBJECTIVES`, or what `load_reward` takes, parameters included.

    Args:
        text: or a function of an evaluation.
        context: of the setting, for what a reward's parameters leave open.

    Raises:
        ValueError: as `load_reward`, and for a reward that sees the history.
    """
    if not isinstance(text, str):
        reward = as_reward(text)
    elif text in OBJECTIVES:
        reward = as_reward(OBJECTIVES[text], text)
    else:
        name, rest = split_options(text)
        if name in OBJECTIVES:
            raise Error(f"the objective {name!r} takes no parameters, got {rest!r}")
        installed = REWARD.installed(REWARDS)
        if file_of(text) is None and name not in REWARDS and name not in installed:
            known = unknown_name("objective", name, [*OBJECTIVES, *REWARDS, *installed])
            raise Error(f"{known} Your own: file.py:function.")
        reward = load_reward(text, context)
    if reward.sees_history:
        raise Error(
            f"{reward.name!r} can't be an objective: it depends on what the run had found before, so that "
            "designs can't be compared by it"
        )
    return Objective(reward.name, reward.function, reward.parameters)
