"""What a benchmark of rewards says, in sentences."""

from collections.abc import Mapping
from typing import Any

from rl_designer.comparisons.estimators import MOST_SEEDS, fewest_seeds
from rl_designer.text import shortened

_DESIGN_WIDTH = 60


def conclusions(data: Mapping[str, Any]) -> list[str]:
    """One sentence on the best, one a comparison, one a reward that looks hacked.

    Args:
        data: as `benchmark rewards --json` prints it, `conclusions` aside.
    """
    rewards = data["rewards"]
    first, *others = rewards
    lines = _opening(data, len(others))
    if data["seeds"] > 1:
        lines += [_against(name, first, rewards[name], data) for name in others]
    return lines + [_hacked(name, figures) for name, figures in rewards.items() if figures["hacked"]]


def _opening(data: Mapping[str, Any], comparisons: int) -> list[str]:
    if not comparisons:
        return ["one reward: nothing to compare it with"]
    needed = fewest_seeds(comparisons)
    if data["seeds"] < needed:
        seeds = "one seed tells" if data["seeds"] == 1 else f"{data['seeds']} seeds tell"
        return [
            f"{seeds} nothing of {_count(comparisons)}: at least {needed} are needed, 20 are a good start"
        ]
    if data["best"] is None:
        return ["best: none is told to be better than every other"]
    return [f"best: {data['best']}, better than every other"]


def _count(comparisons: int) -> str:
    return "a comparison" if comparisons == 1 else f"{comparisons} comparisons"


def _against(name: str, first: str, figures: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    difference = figures["difference"]
    low, high = difference["interval"]
    observed = f"{difference['mean']:+.4f} [{low:+.4f}, {high:+.4f}]"
    if figures["verdict"] in ("better", "worse"):
        p = difference["adjusted_p_value"]
        chance = "p < 0.0001" if p < 0.0001 else f"p = {p:.4f}"
        return f"{name} is {figures['verdict']} than {first}: {observed}, {chance}"
    if low == high == 0:
        return f"{name} and {first} are equal in every seed"
    apart = f"{name} is not told apart from {first}: {observed}"
    if figures["verdict"] is None and data["seeds"] < 5:
        return apart  # so few differences say nothing of their spread either
    needed = difference["seeds_to_tell"]
    if needed is None:
        return (
            f"{apart}; {MOST_SEEDS:,} seeds would not tell so small a difference, and more than "
            f"{max(abs(low), abs(high)):.4f} either way is unlikely"
        )
    return f"{apart}; about {needed:,} seeds would tell a difference as large as that, if it is there"


def _hacked(name: str, figures: Mapping[str, Any]) -> str:
    hacking = figures["hacking"]
    line = f"{name} looks hacked: {hacking['sentence']}"
    if not hacking["designs"]:
        return line
    worst = hacking["designs"][0]
    before, after = worst["before"], worst["after"]
    return (
        f"{line}; with seed {worst['seed']} from {_design(before)} at evaluation {before['evaluation']} "
        f"to {_design(after)} at {after['evaluation']}"
    )


def _design(design: Mapping[str, Any]) -> str:
    text = shortened(design["design"], _DESIGN_WIDTH)
    return f"{text} (reward {design['reward']:.6g}, reported {design['reported']:.4f})"
