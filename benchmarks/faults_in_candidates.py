"""Faults in a fifth of the candidates: does the search end as if these had merely failed?

    python benchmarks/faults_in_candidates.py

Chosen by its digest, one candidate in five hangs, exits, crashes the interpreter, gives NaN or fills the
memory. The same search is made once more in which the chosen ones are failures from the start and nothing of
them is run. Both must propose the same designs and find the same winner, and none but the chosen ones may
fail; the exit status is 1 where that is not so. Prints JSON.
"""

import ctypes
import json
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import torch
from torch import nn

from rl_designer.agents.registry import agent_class
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.datasets import load_dataset
from rl_designer.envs.evaluation import Evaluation, Evaluator
from rl_designer.envs.evaluators.training import TrainingEvaluator, TrainingSettings
from rl_designer.envs.networks.network import build_network
from rl_designer.envs.problem import Budget, Problem
from rl_designer.envs.rewards import accuracy
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.seeding import seed_of
from rl_designer.envs.workers.failures import out_of_memory, out_of_time
from rl_designer.quantities import parse_bytes

ROOT = Path(__file__).resolve().parents[1]


def hang() -> None:
    while True:
        time.sleep(60)


def leave() -> None:
    os._exit(3)


def crash() -> None:
    ctypes.string_at(0)


def fill_memory() -> None:
    taken = []
    while True:
        taken.append(torch.ones(2**24))


def nothing() -> None:
    """NaN comes from the network itself."""


FAULTS = {
    "hang": hang,
    "exit": leave,
    "segmentation fault": crash,
    "NaN loss": nothing,
    "out of memory": fill_memory,
}


def fault_of(architecture: Architecture, share: float) -> str | None:
    """The fault that a candidate is chosen for, the same wherever it turns up; None for most."""
    chance = seed_of(architecture.digest, "fault") / 2**63
    return list(FAULTS)[int(chance / share * len(FAULTS))] if chance < share else None


class FaultyBuilder:
    """Builds networks; for the chosen candidates their faults."""

    def __init__(self, share: float) -> None:
        self.share = share

    def __call__(self, architecture: Architecture, *shape: Any, **options: Any) -> nn.Module:
        fault = fault_of(architecture, self.share)
        network = build_network(architecture, *shape, **options)
        if fault is None:
            return network
        FAULTS[fault]()
        return nn.Sequential(network, NotANumber())


class NotANumber(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * float("nan")


class WithoutChosen:
    """The chosen candidates fail without being built; the others are trained."""

    def __init__(self, evaluator: TrainingEvaluator, share: float) -> None:
        self.evaluator = evaluator
        self.share = share

    @property
    def digest(self) -> str:
        return self.evaluator.digest

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        chosen = [fault_of(architecture, self.share) is not None for architecture in architectures]
        kept = [item for item, out in zip(architectures, chosen, strict=True) if not out]
        trained = iter(self.evaluator.evaluate(kept))
        return [Evaluation(failure="chosen") if out else next(trained) for out in chosen]


@click.command()
@click.option("--agent", default="ppo", show_default=True)
@click.option("--evaluations", default=64, show_default=True)
@click.option("--share", default=0.2, show_default=True, help="Of the candidates that get a fault.")
@click.option("--workers", default=2, show_default=True)
@click.option("--time-limit", default=6.0, show_default=True, help="Seconds a candidate.")
@click.option("--memory-limit", default="1G", show_default=True, help="A candidate.")
@click.option("--seed", default=0, show_default=True)
def main(**settings: Any) -> None:
    """Prints what happened, as JSON."""
    limits = {"time_limit": settings["time_limit"], "memory_limit": parse_bytes(settings["memory_limit"])}
    data, share = load_dataset("digits"), settings["share"]
    common: dict[str, Any] = {
        "settings": TrainingSettings(epochs=1),
        "workers": settings["workers"],
        **limits,
    }
    with TrainingEvaluator(data, _build=FaultyBuilder(share), **common) as evaluator:
        faulty, faulty_seconds = search(evaluator, data, settings)
    with TrainingEvaluator(data, **common) as evaluator:
        plain, plain_seconds = search(WithoutChosen(evaluator, share), data, settings)
    checks = compared(faulty, plain, limits, share)
    result = {
        **settings,
        "faults": Counter(fault for d in faulty.designs if (fault := fault_of(d.architecture, share))),
        "failures": Counter(d.evaluation.failure for d in faulty.designs if d.evaluation.failure),
        "winner": described(faulty),
        "winner_without": described(plain),
        "seconds": {"with faults": round(faulty_seconds, 1), "without": round(plain_seconds, 1)},
        **checks,
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "commit": commit(),
    }
    print(json.dumps(result, indent=2))
    sys.exit(0 if all(checks.values()) else 1)


def search(evaluator: Evaluator, data: Any, settings: dict[str, Any]) -> tuple[Problem, float]:
    """The problem, its budget spent, and the seconds that it took."""
    space = make_space("convnet", data.input_shape, data.num_classes, max_parameters=3_000, max_macs=50_000)
    problem = Problem(space, evaluator, accuracy, Budget(evaluations=settings["evaluations"]))
    started = time.monotonic()
    agent_class(settings["agent"])(seed=settings["seed"]).search(problem)
    return problem, time.monotonic() - started


def compared(faulty: Problem, plain: Problem, limits: dict[str, Any], share: float) -> dict[str, bool]:
    """What must be true."""
    expected = {
        "hang": out_of_time(limits["time_limit"]),
        "exit": "worker process died: exit status 3",
        "segmentation fault": "worker process died: SIGSEGV",
        "NaN loss": "diverged: the training loss is nan in epoch 1",
        "out of memory": out_of_memory(limits["memory_limit"]),
    }
    faults = [fault_of(design.architecture, share) for design in faulty.designs]
    wanted = [None if fault is None else expected[fault] for fault in faults]
    figures = [
        [
            (design.architecture.digest, design.evaluation.val_loss, design.reward)
            for design in problem.designs
        ]
        for problem in (faulty, plain)
    ]
    return {
        "exactly_the_chosen_failed_each_for_its_reason": wanted
        == [design.evaluation.failure for design in faulty.designs],
        "same_designs_and_figures": figures[0] == figures[1],
        "same_winner": described(faulty) == described(plain) is not None,
    }


def described(problem: Problem) -> dict[str, Any] | None:
    best = problem.best
    if best is None:
        return None
    return {"digest": best.architecture.digest, "val_accuracy": best.reward, "index": best.index}


def commit() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    main()
