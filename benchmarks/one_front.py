"""Is one search for a whole front better than several with a limit each? On trainings; prints JSON.

    python benchmarks/one_front.py --data mnist1d --evaluations 96 --limit 1k --limit 4k --limit 16k

For each data set and seed: one run of so many trainings whose objectives are the score and the parameters,
and a run for each limit on parameters, all together as many trainings. Both know what was learned on other
tasks, and neither pays for a control. Told is which share of the hypervolume that the designs of both sides
have together each side's have, in units of their front, and by how much the one run is ahead, with its 95 %
interval over pairs of one data set and seed.

Trainings are kept in the output folder: the command can be stopped and given again.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import rl_designer as rl
from rl_designer.comparisons.estimators import interval_of_mean
from rl_designer.envs.objectives import Objectives, Scale

OBJECTIVES = ("val_accuracy", "parameters")


@click.command()
@click.option("--data", "names", multiple=True, required=True, help="Data to train on; several times.")
@click.option("--limit", "limits", multiple=True, default=("1k", "4k", "16k"), show_default=True)
@click.option("--evaluations", default=96, show_default=True, help="Trainings of each side.")
@click.option("--examples", default="1000", show_default=True)
@click.option("--epochs", default=6, show_default=True)
@click.option("--agent", default="ppo", show_default=True)
@click.option("--seeds", default=3, show_default=True)
@click.option("--output", type=click.Path(path_type=Path), default=Path("runs/one-front"))
def main(names: tuple[str, ...], limits: tuple[str, ...], seeds: int, output: Path, **how: Any) -> None:
    """Compare one front with several limits."""
    shares: dict[str, list[list[float]]] = {}
    for name in names:
        for seed in range(seeds):
            folder = output / f"{Path(name).name}-{seed}"
            settings = {"data": name, "seed": seed, "control_share": 0.0, **how}
            settings["max_parameters"] = limits[-1]
            one = [_run(folder / "front", settings | {"objectives": OBJECTIVES})]
            settings["evaluations"] = how["evaluations"] // len(limits)
            several = [_run(folder / limit, settings | {"max_parameters": limit}) for limit in limits]
            shares.setdefault(Path(name).name, []).append(shares_of(values(one), values(several)))
    pairs = np.array([pair for found in shares.values() for pair in found])
    ahead = pairs[:, 0] - pairs[:, 1]
    low, high = interval_of_mean(ahead[:, None])
    summary = {
        "shares": shares,
        "one front ahead by": {
            "mean": round(float(ahead.mean()), 4),
            "interval_95": [round(float(low[0]), 4), round(float(high[0]), 4)],
            "won": int((ahead > 0).sum()),
            "of": len(ahead),
        },
    }
    click.echo(json.dumps(summary, indent=1))


def values(runs: Sequence[rl.Run]) -> NDArray[np.float64]:
    """Of all designs of some runs, float64 [n, 2]; NaN for one that failed or was stopped early."""
    objectives = Objectives.of(OBJECTIVES)
    evaluations = [design.evaluation for run in runs for design in run.designs]
    found = objectives.values(evaluations)
    found[[not evaluation.in_full for evaluation in evaluations]] = np.nan
    return found


def shares_of(one: NDArray[np.float64], several: NDArray[np.float64]) -> list[float]:
    """Of the hypervolume that both have together."""
    together = np.concatenate([one, several])
    scale = Scale.of_front(together)
    whole = scale.hypervolume(together)
    return [round(float(scale.hypervolume(side) / whole), 4) for side in (one, several)]


def _run(folder: Path, settings: dict[str, Any]) -> rl.Run:
    """A finished run; what was begun goes on."""
    if folder.exists():
        return rl.resume(folder, progress=False)
    return rl.search(run=folder, progress=False, **settings)


if __name__ == "__main__":
    main()
