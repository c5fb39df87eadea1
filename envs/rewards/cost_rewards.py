"""Rewards that weigh accuracy against a cost T: parameters, multiply-adds or latency.

`target` is the cost T0 that is aimed at. Where it isn't given it comes from the setting, see `RewardContext`.
Latency is in seconds.
"""

import math

from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.rewards.measures import Cost, accuracy_of, cost_of


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
