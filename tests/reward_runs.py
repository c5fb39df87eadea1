"""Finished runs of the benchmark of rewards, made by hand, for tests."""

from collections.abc import Sequence

from rl_designer.reward_benchmark.records import RewardRun


def run_of(
    rewards: Sequence[float | None],
    reported: Sequence[float | None] | None = None,
    parameters: Sequence[float | None] | None = None,
    *,
    accuracies: Sequence[float | None] | None = None,
    seed: int = 0,
    reward: str = "made",
    by_reward: bool = True,
) -> RewardRun:
    """A run whose designs were paid `rewards` (None: failed). What isn't given is the reward, or no cost."""
    n = len(rewards)
    told = rewards if reported is None else reported
    seen = told if accuracies is None else accuracies
    costs = [None] * n if parameters is None else parameters
    return RewardRun(
        reward=reward,
        seed=seed,
        by_reward=by_reward,
        digests=tuple(f"{seed}-{index}" for index in range(n)),
        actions=tuple((index % 3, 0, 0, 0) for index in range(n)),
        figures=tuple(
            (None,) * 6 if paid is None else (paid, seen[i], told[i], costs[i], None, None)
            for i, paid in enumerate(rewards)
        ),
        seconds=1.0,
    )
