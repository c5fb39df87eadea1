"""NATS-Bench (Dong et al., TPAMI 2021; github.com/D-X-Y/NATS-Bench) as an architecture table, by its package.

NATS-Bench publishes pickles, and unpickling runs whatever code the file holds, so that a caller has to say
that the file is trusted.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from rl_designer.envs.tables.table import ArchitectureTable, Task
from rl_designer.errors import Error, WrongUsage

_OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
_WIDTHS = ("8", "16", "24", "32", "40", "48", "56", "64")
_EDGES = ("0->1", "0->2", "1->2", "0->3", "1->3", "2->3")
_MEGA = 1e6
_LACKING = (KeyError, ValueError, TypeError, AssertionError, OSError)  # what the package raises for it
# dataset: the package's name of what is searched on, and of what is reported on
_DATASETS = {
    "cifar10": ("cifar10-valid", "cifar10"),
    "cifar100": ("cifar100", "cifar100"),
    "imagenet16-120": ("ImageNet16-120", "ImageNet16-120"),
}

# Called with how many of how many designs are read.
ReadingObserver = Callable[[int, int], None]


@dataclass(frozen=True)
class _Kind:
    """One of NATS-Bench's two spaces.

    Attributes:
        space: the package's name of it.
        full_epochs: of the trainings whose test accuracy is reported; 12 are searched.
        options_of: a design's text → its options.
    """

    space: str
    title: str
    decisions: tuple[tuple[str, tuple[str, ...]], ...]
    full_epochs: int
    options_of: Callable[[str], list[str]]


def _operations(text: str) -> list[str]:
    return [edge.partition("~")[0] for edge in text.replace("+", "|").split("|") if edge]


_TOPOLOGY = _Kind(
    "tss",
    "NATS-Bench's topology space (Dong et al., TPAMI 2021): cells of 6 edges",
    tuple((f"edge {edge}", _OPERATIONS) for edge in _EDGES),
    200,
    _operations,
)
_SIZE = _Kind(
    "sss",
    "NATS-Bench's size space (Dong et al., TPAMI 2021): the widths of 5 layers",
    tuple((f"layer {layer}", _WIDTHS) for layer in range(1, 6)),
    90,
    lambda text: text.split(":"),
)


def read_nats_table(
    path: Path, *, trust: bool, observer: ReadingObserver = lambda done, total: None
) -> ArchitectureTable:
    """A NATS-Bench archive as its authors publish it: a `-simple` folder, or one large file.

    Accuracies are means over the trials, in percent; a task is searched by the validation accuracy after 12
    epochs, and reported by the test accuracy after all. Parameters, FLOPs and latencies are CIFAR-10's.

    Args:
        trust: whether the file may be unpickled, and so run code of whoever made it.
        observer: told as designs are read.

    Raises:
        WrongUsage: without `trust`.
        ValueError: where the package or the file is missing, or the file isn't readable.
    """
    if not trust:
        raise WrongUsage(
            f"{path} is a pickle, which runs code of whoever made it when it is read; add --trust only if "
            "you trust where it comes from"
        )
    api = _open(path)
    kind = _SIZE if "sss" in path.name else _TOPOLOGY
    texts = [str(api.arch(index)) for index in range(len(api))]
    columns: dict[str, list[float]] = {name: [] for name in _facts(kind)}
    for index in range(len(texts)):
        for name, value in _measured(api, kind, index):
            columns[name].append(value)
        observer(index + 1, len(texts))
    return _table(kind, path, texts, columns)


def _open(path: Path) -> Any:
    if not path.exists():
        raise Error(f"no such file or folder: {path}")
    try:
        create = import_module("nats_bench").create
    except ImportError:
        raise Error("NATS-Bench is read by its own package; install it: pip install nats-bench") from None
    space = _SIZE.space if "sss" in path.name else _TOPOLOGY.space
    try:
        return create(str(path), space, fast_mode=path.is_dir(), verbose=False)
    except Exception as error:  # a damaged pickle may raise anything
        raise Error(f"{path} can't be read as NATS-Bench: {' '.join(str(error).split())}") from error


def _facts(kind: _Kind) -> dict[str, dict[str, Any]]:
    """Names and facts of the metrics, in the order of `_measured`."""
    facts: dict[str, dict[str, Any]] = {}
    for dataset in _DATASETS:
        about = {"unit": "percent", "dataset": dataset, "maximize": True}
        facts[f"{dataset}_valid_accuracy_12"] = {**about, "split": "valid", "epochs": 12}
        full = {**about, "split": "test", "epochs": kind.full_epochs}
        facts[f"{dataset}_test_accuracy_{kind.full_epochs}"] = full
    return facts | {
        "parameters": {"unit": "count", "maximize": False},
        "flops": {"unit": "count", "maximize": False},
        "latency_seconds": {"unit": "seconds", "maximize": False},
    }


def _measured(api: Any, kind: _Kind, index: int) -> Iterator[tuple[str, float]]:
    """The metrics of one design; NaN for what the archive lacks."""
    for dataset, (searched, reported) in _DATASETS.items():
        yield f"{dataset}_valid_accuracy_12", _accuracy(api, index, searched, "12", "valid-accuracy")
        full = str(kind.full_epochs)
        yield f"{dataset}_test_accuracy_{full}", _accuracy(api, index, reported, full, "test-accuracy")
    try:
        costs = api.get_cost_info(index, "cifar10")
    except _LACKING:
        costs = {}
    yield "parameters", _number(costs.get("params")) * _MEGA
    yield "flops", _number(costs.get("flops")) * _MEGA
    yield "latency_seconds", _number(costs.get("latency"))


def _accuracy(api: Any, index: int, dataset: str, epochs: str, which: str) -> float:
    try:
        return _number(api.get_more_info(index, dataset, hp=epochs, is_random=False).get(which))
    except _LACKING:
        return math.nan


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _table(kind: _Kind, path: Path, texts: list[str], columns: dict[str, list[float]]) -> ArchitectureTable:
    index = [{option: number for number, option in enumerate(options)} for _, options in kind.decisions]
    try:
        rows = [
            [numbers[option] for numbers, option in zip(index, kind.options_of(text), strict=True)]
            for text in texts
        ]
    except (KeyError, ValueError) as error:
        raise Error(f"{path} holds a design that NATS-Bench doesn't have: {error}") from None
    facts = _facts(kind)
    known = {name: values for name, values in columns.items() if not all(map(math.isnan, values))}
    tasks = {}
    for dataset in _DATASETS:
        task = Task(f"{dataset}_valid_accuracy_12", f"{dataset}_test_accuracy_{kind.full_epochs}")
        if task.search in known and task.report in known:
            tasks[dataset] = task
    if not tasks:
        raise Error(f"{path} has no accuracies after 12 and {kind.full_epochs} epochs")
    return ArchitectureTable(
        name=f"nats-bench-{kind.space}",
        title=kind.title,
        source="github.com/D-X-Y/NATS-Bench (MIT)",
        decisions=kind.decisions,
        architectures=np.array(rows, dtype=np.uint8),
        metrics={name: np.array(values, dtype=np.float32)[:, None] for name, values in known.items()},
        metric_facts={name: facts[name] for name in known},
        tasks=tasks,
    )
