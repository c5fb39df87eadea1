"""Agents against each other on real trainings: the best validation accuracy with as many trainings.

    python benchmarks/real_training.py

Every agent has its defaults and runs under the same seeds. All trainings are kept in a store, so the
command can be stopped and given again, and designs that several runs ask for are trained once.
"""

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from rl_designer.config import make_config
from rl_designer.searches.run import SearchResult
from rl_designer.searches.search import run_search

ROOT = Path(__file__).resolve().parents[1]
AGENTS = ("ppo", "ppo-model-free", "regularized-evolution", "random")
RESAMPLES = 10_000
MANY = 256  # random designs whose expected best the other agents are measured by


@click.command()
@click.argument("agents", metavar="[AGENT]...", nargs=-1)
@click.option("--data", default="mnist1d", show_default=True)
@click.option("--max-parameters", default=5_000, show_default=True)
@click.option("--epochs", default=4, show_default=True, help="Of each training.")
@click.option("--evaluations", default=64, show_default=True, help="Distinct designs a run.")
@click.option("--seeds", default=10, show_default=True, help="Runs of each agent.")
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "runs" / "real-training")
def main(agents: tuple[str, ...], seeds: int, output: Path, **settings: Any) -> None:
    """Runs AGENTs (default: all) and prints what they reached, as JSON."""
    os.chdir(_made(output))
    started, commit, agents = time.time(), _commit(), agents or AGENTS
    runs: dict[str, list[dict[str, Any]]] = {agent: [] for agent in agents}
    for seed in range(seeds):
        for agent in agents:
            runs[agent].append(_run(agent, seed, settings))
            print(f"{agent} {seed}: {runs[agent][-1]['best']:.4f}", file=sys.stderr, flush=True)
    facts = {
        **settings,
        "seeds": seeds,
        "seconds": round(time.time() - started),
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "commit": commit,
    }
    result = facts | {"agents": _compared(runs)} | _against_many(runs)
    Path("results.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _run(agent: str, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    kept = Path(f"{agent}-{seed}.json")
    if not kept.exists():
        own = {"agent": agent, "seed": seed, "control_share": 0.0, "tensorboard": False, "fidelity": "full"}
        folder = Path(f"run-{agent}-{seed}-{time.time_ns()}")
        kept.write_text(json.dumps(_figures(run_search(make_config(own | settings), folder))))
    return json.loads(kept.read_text())


def _figures(result: SearchResult) -> dict[str, Any]:
    rewards = [design.reward for design in result.designs]
    return {
        "best": max(rewards),
        "rewards": rewards,
        "last_quarter": float(np.mean(rewards[-len(rewards) // 4 :])),
    }


def _compared(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    best = {agent: np.array([run["best"] for run in of_agent]) for agent, of_agent in runs.items()}
    first = next(iter(best.values()))
    figures = {}
    for agent, values in best.items():
        differences = first - values
        generator = np.random.default_rng(0)
        means = generator.choice(differences, (RESAMPLES, len(differences))).mean(axis=1)
        figures[agent] = {
            "best": {"mean": values.mean(), "standard_deviation": values.std(ddof=min(1, len(values) - 1))},
            "last_quarter": float(np.mean([run["last_quarter"] for run in runs[agent]])),
            "first_agent_ahead_by": {
                "mean": differences.mean(),
                "interval_95": np.quantile(means, [0.025, 0.975]).tolist(),
                "wins": int((differences > 0).sum()),
                "ties": int((differences == 0).sum()),
            },
            "per_seed": values.tolist(),
        }
    return figures


def _against_many(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """The expected best of 256 random designs, and the evaluations that each run needed to reach it: None
    where it didn't. Known as soon as the random runs together hold as many designs.
    """
    pool = np.sort([reward for run in runs.get("random", []) for reward in run["rewards"]])
    if len(pool) < MANY:
        return {}
    expected = float(pool @ _chance_of_best(len(pool)))
    needed = {
        agent: [_first_at_least(run["rewards"], expected) for run in of_agent]
        for agent, of_agent in runs.items()
    }
    return {"best_of_256_random": {"expected": expected, "designs": len(pool), "evaluations_needed": needed}}


def _chance_of_best(designs: int) -> NDArray[np.float64]:
    """That the design of each rank, ascending, is the best of 256 drawn without replacement."""
    below = np.arange(designs)
    return np.exp(_log_choices(below, MANY - 1) - _log_choices(np.array(designs), MANY))


def _log_choices(of: NDArray[np.int64], taken: int) -> NDArray[np.float64]:
    possible = gammaln(of + 1) - gammaln(taken + 1) - gammaln(np.maximum(of - taken, 0) + 1)
    return np.where(of >= taken, possible, -np.inf)


def _first_at_least(rewards: list[float], least: float) -> int | None:
    return next((index + 1 for index, reward in enumerate(rewards) if reward >= least), None)


if __name__ == "__main__":
    main()
