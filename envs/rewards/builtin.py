"""The built-in rewards, and their names in `REWARDS`: a reward is a function and a line there.

A cost T is parameters, multiply-adds or latency, in seconds; `target` is the cost T0 that is aimed at. Where
it isn't given it comes from the setting, see `RewardContext`. What rewards that see the history pay for
designs of different moments can't be compared.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.rewards.costs import Cost
from rl_designer.envs.rewards.fronts import Front
from rl_designer.envs.rewards.history import History, SortedAccuracies
from rl_designer.envs.rewards.reward import NotMeasured, RewardFunction, accuracy_of, cost_of, known

Scale = Literal["log", "linear"]

_SCALES: dict[str, Callable[[float], float]] = {"log": math.log10, "linear": float}


def accuracy(evaluation: Evaluation) -> float:
    """Validation accuracy, 0–1; by another metric its score, up to 1."""
    return accuracy_of(evaluation)


def accuracy_cubed(evaluation: Evaluation) -> float:
    """accuracy³ (Zoph & Le 2017).

    Zoph & Le 2017, "Neural architecture search with reinforcement learning", section 4.1. They take the
    highest validation accuracy of the last five epochs; this one takes the evaluation's, of the last epoch.
    """
    return accuracy_of(evaluation) ** 3


def negative_loss(evaluation: Evaluation) -> float:
    """−validation loss: minus the mean cross-entropy, in nats.

    It tells networks apart that are equally often right. No published source.
    """
    return -known(evaluation, "val_loss")


def mnasnet(evaluation: Evaluation, *, target: float, cost: Cost = "parameters", w: float = -0.07) -> float:
    """accuracy · (T / target)^w (MnasNet, soft).

    Tan et al. 2019, "MnasNet: Platform-aware neural architecture search for mobile", equations 2 and 3 with
    α = β = −0.07. There T is the latency on a phone.
    """
    return accuracy_of(evaluation) * (cost_of(evaluation, cost) / target) ** w


def mnasnet_hard(
    evaluation: Evaluation, *, target: float, cost: Cost = "parameters", w: float = -1.0
) -> float:
    """accuracy within the target, else accuracy · (T / target)^w (MnasNet, hard).

    Tan et al. 2019, equations 2 and 3 with α = 0 and β = −1.
    """
    return accuracy_of(evaluation) * max(cost_of(evaluation, cost) / target, 1.0) ** w


def mobilenetv3(
    evaluation: Evaluation, *, target: float, cost: Cost = "parameters", w: float = -0.15
) -> float:
    """accuracy · (T / target)^w (MobileNetV3).

    Howard et al. 2019, "Searching for MobileNetV3", section 4.1: MnasNet's with w = −0.15 for small models,
    whose accuracy changes more with latency.
    """
    return mnasnet(evaluation, target=target, cost=cost, w=w)


def tunas_absolute(
    evaluation: Evaluation, *, target: float, cost: Cost = "parameters", beta: float = -0.1
) -> float:
    """accuracy + beta · |T / target − 1| (TuNAS, absolute).

    Bender et al. 2020, "Can weight sharing outperform random architecture search? An investigation with
    TuNAS", the reward that the paper proposes; −0.1 is the default of the authors' code. A network that is
    cheaper than the target is punished too, so that searches end at the target.
    """
    return accuracy_of(evaluation) + beta * abs(cost_of(evaluation, cost) / target - 1)


def tunas_hard(
    evaluation: Evaluation, *, target: float, cost: Cost = "parameters", beta: float = -0.1
) -> float:
    """accuracy · min((T / target)^beta, 1) (TuNAS, hard exponential).

    Bender et al. 2020, the baseline that they compare with: `mnasnet-hard` with another exponent. −0.1 is the
    default of the authors' code.
    """
    return accuracy_of(evaluation) * min((cost_of(evaluation, cost) / target) ** beta, 1.0)


def proxylessnas(
    evaluation: Evaluation, *, target: float, cost: Cost = "parameters", w: float = 0.1
) -> float:
    """accuracy · (target / T)^w (ProxylessNAS).

    Cai et al. 2019, "ProxylessNAS: Direct neural architecture search on target task and hardware", the search
    with REINFORCE; form and w = 0.1 as in the authors' code, the paper says MnasNet's reward. It is `mnasnet`
    with w = −0.1.
    """
    return accuracy_of(evaluation) * (target / cost_of(evaluation, cost)) ** w


def monas(evaluation: Evaluation, *, target: float, cost: Cost = "parameters") -> float:
    """accuracy where T is within the target, else 0 (MONAS, constrained).

    Hsu et al. 2018, "MONAS: Multi-objective neural architecture search using reinforcement learning", the
    reward with a constraint. There T is the peak power.
    """
    return accuracy_of(evaluation) if cost_of(evaluation, cost) <= target else 0.0


def blockqnn(evaluation: Evaluation, *, rho: float = 1.0, mu: float = 1.0) -> float:
    """100 · accuracy − rho · ln(macs / parameters) − mu · ln(macs) (BlockQNN).

    Zhong et al. 2018, "Practical block-wise neural network architecture generation", early stopping:
    ACC − μ log(FLOPs) − ρ log(Density), accuracy in percent. Their density is that of the block's graph,
    edges a node, which an evaluation doesn't have; here it is multiply-adds a parameter, so that of two
    networks of as many multiply-adds the one with more parameters is paid more. Their weights are tuned to
    their blocks; here both are 1.
    """
    macs, parameters = cost_of(evaluation, "macs"), cost_of(evaluation, "parameters")
    return 100 * accuracy_of(evaluation) - rho * math.log(macs / parameters) - mu * math.log(macs)


def parameter_penalty(evaluation: Evaluation, *, weight: float = 0.02) -> float:
    """accuracy − weight · log10(parameters).

    No published source: a tenth of the parameters is worth `weight` of accuracy.
    """
    return accuracy_of(evaluation) - weight * math.log10(cost_of(evaluation, "parameters"))


def rank(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
    """Share of the run's earlier designs that it beats in accuracy, 0–1.

    Equal ones count half, and the first design of a run gets 0.5. It is the same for every monotone rescaling
    of accuracy, as in the fitness shaping of evolution strategies (Wierstra et al. 2014, "Natural evolution
    strategies", section 3.1) and in ranked rewards (Laterre et al. 2018, which pay ±1 by a percentile).
    """
    sorted_accuracies = History.of(history).view(SortedAccuracies, "accuracies")
    return sorted_accuracies.share_below(accuracy_of(evaluation))


def hypervolume(
    evaluation: Evaluation,
    history: Sequence[Evaluation],
    *,
    reference: float,
    cost: Cost = "parameters",
    scale: Scale = "log",
) -> float:
    """Growth of the hypervolume of accuracy against a cost over the run's front so far, 0 or more.

    The hypervolume is the area that the designs dominate: for each cost below `reference` the best accuracy
    that was found for as little or less, added up over the cost's decimal logarithm (`scale=log`) or the cost
    itself (`linear`). The reference point is accuracy 0 at the cost `reference`. Zitzler & Thiele 1998,
    "Multiobjective optimization using evolutionary algorithms", for the measure; Emmerich et al. 2006,
    "Single- and multiobjective evolutionary optimization assisted by Gaussian random field metamodels", for
    its growth as a figure of merit.
    """
    front = History.of(history).view(partial(Front, cost), ("front", cost))
    return front.improvement(evaluation, reference, _SCALES[scale])


def worst_class(evaluation: Evaluation) -> float:
    """Share right of the class that is told worst, 0–1.

    The least of `val_recalls`; a class without validation examples doesn't count. No published source as a
    reward. It is known of whole trainings only, and not on tables.
    """
    recalls = [recall for recall in evaluation.val_recalls if recall is not None]
    if not recalls:
        raise NotMeasured("it needs `val_recalls`, which this evaluator doesn't measure")
    return min(recalls)


REWARDS: dict[str, RewardFunction] = {
    "accuracy": accuracy,
    "accuracy-cubed": accuracy_cubed,
    "negative-loss": negative_loss,
    "mnasnet": mnasnet,
    "mnasnet-hard": mnasnet_hard,
    "mobilenetv3": mobilenetv3,
    "tunas-absolute": tunas_absolute,
    "tunas-hard": tunas_hard,
    "proxylessnas": proxylessnas,
    "monas": monas,
    "blockqnn": blockqnn,
    "parameter-penalty": parameter_penalty,
    "worst-class": worst_class,
    "rank": rank,
    "hypervolume": hypervolume,
}
