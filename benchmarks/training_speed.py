"""How fast candidates are trained, and what early stopping gives and costs.

    python benchmarks/training_speed.py

Three parts, each by itself with --part: `speed`, candidates an hour of the plain loop, of the evaluator, and
of the evaluator with early stopping, in turn on the same random candidates; `kept`, how many of the best
candidates early stopping leaves to the end, and with --again how many of them are among the best when trained
anew; `search`, the winner of a search in full and with early stopping. `kept` and `search` replay the
learning curves of the embedded table, and with --real they train.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, TensorDataset

from rl_designer.agents.registry import agent_class
from rl_designer.config import DEFAULT_FIDELITY, make_config
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Bars, Evaluation
from rl_designer.envs.evaluators.early_stopping import FIDELITIES, FULL, EarlyStopping, cut_short
from rl_designer.envs.evaluators.training import TrainingEvaluator, TrainingSettings
from rl_designer.envs.networks.network import build_network
from rl_designer.envs.problem import Budget, Problem
from rl_designer.envs.rewards import accuracy
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.tables.catalogue import load_table
from rl_designer.envs.workers.devices import cores
from rl_designer.searches.control import random_sequence
from rl_designer.searches.search import run_search
from rl_designer.setting import training_data

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("speed", "kept", "search")
BATCH = 8  # candidates at a time, as agents hand them over


@click.command()
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, help="[default: all]")
@click.option("--data", "names", multiple=True, help="[default: digits, mnist1d]")
@click.option("--candidates", default=200, show_default=True)
@click.option("--draws", default=100, show_default=True, help="Of the candidates, from the table.")
@click.option("--timed", default=32, show_default=True, help="Candidates of the part `speed`.")
@click.option("--batch", default=BATCH, show_default=True, help="Of the timed candidates, at a time.")
@click.option("--epochs", default=12, show_default=True)
@click.option("--max-parameters", default=20_000, show_default=True)
@click.option("--fidelity", type=click.Choice([n for n in FIDELITIES if n != FULL]), default=DEFAULT_FIDELITY)
@click.option("--agent", default="ppo", show_default=True, help="Of the part `search`.")
@click.option("--evaluations", default=64, show_default=True, help="Of each search.")
@click.option("--seeds", default=10, show_default=True, help="Paired searches.")
@click.option("--workers", type=int, default=cores, help="[default: one a core]")
@click.option("--seed", default=0, show_default=True, help="Of the random candidates that are trained.")
@click.option("--real", is_flag=True, help="Train in `kept` and `search` too.")
@click.option("--again", is_flag=True, help="In `kept --real` train twice: are the best ones best again?")
def main(parts: Sequence[str], names: Sequence[str], **options: Any) -> None:
    """Measures, and prints JSON."""
    result: dict[str, Any] = {
        **options,
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "torch": torch.__version__,
        "threads_of_the_plain_loop": torch.get_num_threads(),
        "commit": _commit(),
    }
    started = time.time()
    for part in parts or PARTS:
        measure = {"speed": speeds, "kept": kept, "search": searches}[part]
        result[part] = measure(names or ("digits", "mnist1d"), options)
    print(json.dumps(result | {"seconds": round(time.time() - started)}, indent=2))


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


# -- candidates an hour ----------------------------------------------------------------------------


def speeds(names: Sequence[str], options: dict[str, Any]) -> dict[str, Any]:
    return {name: _speed(name, options) for name in names}


def _speed(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Seconds of each way on the same candidates, batch after batch, the ways in turn within a batch."""
    dataset, designs, evaluator = _ground(name, options["timed"], options)
    with evaluator, _trainer(dataset, options) as second:
        stopping = _stopping(second, second, options["fidelity"])
        ways: dict[str, Callable[[Sequence[Architecture]], Any]] = {
            "plain": lambda batch: [plain_loop(design, dataset, options["epochs"]) for design in batch],
            "evaluator": evaluator.evaluate,
            "stopping": stopping.evaluate,
        }
        for trainer in (evaluator, second):  # the workers' start is not what is measured
            trainer.evaluate(designs[: options["workers"]])
        seconds = {way: [] for way in ways}
        for number, start in enumerate(range(0, len(designs), size := options["batch"])):
            order = list(ways)[number % 3 :] + list(ways)[: number % 3]
            for way in order:
                began = time.perf_counter()
                ways[way](designs[start : start + size])
                seconds[way].append(time.perf_counter() - began)
            print(f"{name}: {min(start + size, len(designs))} of {len(designs)}", file=sys.stderr, flush=True)
    return _speed_figures(seconds, len(designs))


def _speed_figures(seconds: dict[str, list[float]], candidates: int) -> dict[str, Any]:
    plain = np.array(seconds["plain"])
    return {
        way: {
            "candidates_an_hour": 3600 * candidates / sum(taken),
            "times_the_plain_loop": plain.sum() / sum(taken),
            "of_each_batch": (plain / np.array(taken)).tolist(),
        }
        for way, taken in seconds.items()
    }


def plain_loop(architecture: Architecture, dataset: Any, epochs: int) -> float:
    """As most people write it: `DataLoader`, batches of 32, Adam; torch's own number of threads."""
    network = build_network(
        architecture, dataset.input_shape, dataset.num_classes, generator=torch.Generator().manual_seed(0)
    )
    parts = [
        TensorDataset(torch.tensor(x), torch.tensor(y))
        for x, y in ((dataset.x_train, dataset.y_train), (dataset.x_val, dataset.y_val))
    ]
    train, validate = DataLoader(parts[0], 32, shuffle=True, drop_last=True), DataLoader(parts[1], 32)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, foreach=False, fused=False)
    right = 0
    for _ in range(epochs):
        network.train()
        for x, y in train:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(x), y).backward()
            optimizer.step()
        network.eval()
        with torch.no_grad():
            right = sum(int((network(x).argmax(1) == y).sum()) for x, y in validate)
    return right / len(dataset.y_val)


def _ground(name: str, n: int, options: dict[str, Any]) -> tuple[Any, list[Architecture], TrainingEvaluator]:
    config = make_config({"data": name, "max_parameters": options["max_parameters"]})
    dataset, space = training_data(config.subject)
    designs = list(islice(random_sequence(space, (), options["seed"]), n))
    return dataset, designs, _trainer(dataset, options)


def _trainer(dataset: Any, options: dict[str, Any], repeat: int = 0) -> TrainingEvaluator:
    settings = TrainingSettings(epochs=options["epochs"])
    return TrainingEvaluator(
        dataset, settings=settings, workers=options["workers"], device="cpu", repeat=repeat
    )


def _stopping(evaluator: Any, trainer: Any, fidelity: str) -> EarlyStopping:
    return EarlyStopping(evaluator, fidelity, accuracy, epochs=trainer.epochs, costs=trainer.costs)


# -- the best candidates reach the end -------------------------------------------------------------


class Replayed:
    """Evaluations that are known already, cut as a training would have been.

    Attributes:
        trained: epochs that a training would have taken.
    """

    digest = "replayed"

    def __init__(self, known: Callable[[Architecture], Evaluation], epochs: int) -> None:
        self.known = known
        self.epochs = epochs
        self.trained = 0

    def costs(self, architecture: Architecture) -> dict[str, int]:
        found = self.known(architecture)
        return {"parameters": found.parameters or 0, "macs": found.macs or 0}

    def evaluate(
        self, architectures: Sequence[Architecture], bars: Sequence[Bars] | None = None
    ) -> list[Evaluation]:
        results = []
        for index, architecture in enumerate(architectures):
            found = cut_short(self.known(architecture), {} if bars is None else bars[index])
            assert found is not None
            self.trained += found.epochs or self.epochs
            results.append(found)
        return results


def kept(names: Sequence[str], options: dict[str, Any]) -> dict[str, Any]:
    space, known = _curves()
    draws = [
        _kept(list(islice(random_sequence(space, (), seed), options["candidates"])), known, 5, options)
        for seed in range(options["draws"])
    ]
    found = {"embedded table": _spread(draws) | {"draws": len(draws)}}
    for name in names if options["real"] else ():
        dataset, designs, evaluator = _ground(name, options["candidates"], options)
        with evaluator:
            results = dict(zip((d.digest for d in designs), evaluator.evaluate(designs), strict=True))
        trained = [design for design in designs if results[design.digest].failure is None]
        found[name] = _kept(trained, lambda d: results[d.digest], options["epochs"], options)  # noqa: B023
        if options["again"]:
            with _trainer(dataset, options, repeat=1) as evaluator:
                again = [evaluation.val_accuracy or 0.0 for evaluation in evaluator.evaluate(trained)]
            found[name]["again"] = _found_again(
                np.array([results[design.digest].val_accuracy for design in trained]), np.array(again)
            )
    return found


def _found_again(first: NDArray[np.float64], second: NDArray[np.float64]) -> dict[str, float]:
    """Of the best tenth by full trainings, the share among the best by other full trainings of the same."""

    def best(accuracies: NDArray[np.float64], share: float) -> NDArray[np.bool_]:
        return accuracies >= np.sort(accuracies)[-max(int(len(accuracies) * share), 1)]

    shares = {"tenth": 0.1, "quarter": 0.25, "half": 0.5}
    return {name: float(best(second, share)[best(first, 0.1)].mean()) for name, share in shares.items()}


def _kept(
    designs: Sequence[Architecture],
    known: Callable[[Architecture], Evaluation],
    epochs: int,
    options: dict[str, Any],
) -> dict[str, Any]:
    """The share of the best tenth in full training that is trained in full, and of the epochs."""
    replayed = Replayed(known, epochs)
    stopping = _stopping(replayed, replayed, options["fidelity"])
    parts = [designs[start : start + BATCH] for start in range(0, len(designs), BATCH)]
    in_full = np.array([e.in_full for part in parts for e in stopping.evaluate(part)])
    last = np.array([known(design).learning_curve[-1] for design in designs])
    best = last >= np.sort(last)[-max(len(last) // 10, 1)]
    return {
        "best_tenth_in_full": float(in_full[best].mean()),
        "share_of_epochs": replayed.trained / epochs / len(designs),
        "best_lost": float(last.max() - last[in_full].max()),
    }


def _spread(rows: Sequence[dict[str, float]]) -> dict[str, Any]:
    def figures(values: list[float]) -> dict[str, float]:
        deviation = float(np.std(values, ddof=min(1, len(values) - 1)))
        return {"mean": float(np.mean(values)), "standard_error": deviation / len(values) ** 0.5}

    return {name: figures([row[name] for row in rows]) for name in rows[0]}


# -- the winner of a search ------------------------------------------------------------------------


def _curves(seed: int = 0) -> tuple[TableSpace, Callable[[Architecture], Evaluation]]:
    """The embedded table's space, and the learning curves of one of its seeds."""
    table = load_table("mnist1d-convnet1d")
    space = TableSpace(table)
    curves: NDArray[Any] = np.stack(
        [table.metrics[f"valid_accuracy_epoch_{epoch}"][:, seed] for epoch in range(1, 6)], axis=1
    )

    def known(architecture: Architecture) -> Evaluation:
        row = int(space.rows(np.array([space.actions(architecture)]))[0])
        costs = {name: int(space.row_costs[name][row]) for name in ("parameters", "macs")}
        curve = tuple(map(float, curves[row]))
        return Evaluation(curve[-1], learning_curve=curve, epochs=5, **costs)

    return space, known


def searches(names: Sequence[str], options: dict[str, Any]) -> dict[str, Any]:
    found = {"embedded table": _table_searches(options)}
    for name in names if options["real"] else ():
        pairs = [_real_searches(name, seed, options) for seed in range(options["seeds"])]
        found[name] = _spread(pairs) | {"per_seed": pairs}
    return found


def _table_searches(options: dict[str, Any]) -> dict[str, Any]:
    (space, known), (_, other) = _curves(0), _curves(1)
    pairs = []
    for seed in range(options["seeds"]):
        figures = {}
        for way, fidelity in (("full", FULL), ("stopped", options["fidelity"])):
            replayed = Replayed(known, 5)
            problem = Problem(
                space, _stopping(replayed, replayed, fidelity), accuracy, Budget(options["evaluations"])
            )
            agent_class(options["agent"])(seed=seed).search(problem)
            assert problem.best is not None
            figures[way] = problem.best.reward
            figures[f"{way}_with_another_seed"] = other(problem.best.architecture).learning_curve[-1]
            figures[f"{way}_epochs"] = replayed.trained / 5 / len(problem.designs)
        figures["difference"] = figures["stopped"] - figures["full"]
        pairs.append(figures)
    return _spread(pairs) | {"per_seed": pairs}


def _real_searches(name: str, seed: int, options: dict[str, Any]) -> dict[str, float]:
    """Each search has a store of its own, so that none lives on the other's trainings."""
    figures: dict[str, float] = {}
    wanted = {
        "data": name,
        "seed": seed,
        "control_share": 0.0,
        "tensorboard": False,
        **{key: options[key] for key in ("agent", "evaluations", "epochs", "max_parameters", "workers")},
    }
    for way, fidelity in (("full", FULL), ("stopped", options["fidelity"])):
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            result = run_search(make_config({**wanted, "fidelity": fidelity}), Path(folder) / "run")
            figures[f"{way}_seconds"] = time.perf_counter() - began
        figures[way] = float(result.summary["best"]["val_accuracy"])
        print(f"{name}, seed {seed}, {way}: {figures[way]:.4f}", file=sys.stderr, flush=True)
    figures["difference"] = figures["stopped"] - figures["full"]
    return figures


if __name__ == "__main__":
    main()
