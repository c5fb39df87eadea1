"""Published benchmarks of architectures as tables: NAS-Bench-Macro's JSON (Su et al., CVPR 2021;
github.com/xiusu/NAS-Bench-Macro), and NATS-Bench (Dong et al., TPAMI 2021; github.com/D-X-Y/NATS-Bench) by
its package.

NATS-Bench publishes pickles, and unpickling runs whatever code the file holds, so that a caller has to say
that the file is trusted.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from rl_designer.envs.files.untrusted import MEBIBYTE, bounded_bytes, json_of
from rl_designer.envs.tables.table import ArchitectureTable, Task
from rl_designer.errors import Error, WrongUsage

ACCURACY = "cifar10_test_accuracy"
_BLOCKS = ("identity", "mbconv_k3_e3", "mbconv_k5_e6")
_LAYERS = 8
_TRAININGS = 3


def read_macro_table(path: Path) -> ArchitectureTable:
    """The file as its authors publish it: accuracies of three trainings, parameters, FLOPs.

    Raises:
        ValueError: for a file that can't be read or isn't that.
    """
    try:
        return macro_table(json_of(bounded_bytes(path, 16 * MEBIBYTE)))
    except OSError as error:
        raise Error(f"can't read {path}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise Error(f"{path} is not NAS-Bench-Macro's JSON: {_reason(error)}") from None


def macro_table(data: Mapping[str, Mapping[str, Any]]) -> ArchitectureTable:
    """From `{"02012100": {"test_acc": [89.5, 88.9, 89.2], "params": 890666, "flops": 47327744}, …}`."""
    designs = sorted(data)
    for design in designs:
        if len(design) != _LAYERS or not set(design) <= {str(block) for block in range(len(_BLOCKS))}:
            raise Error(
                f"a design must be {_LAYERS} digits from 0 to {len(_BLOCKS) - 1}, got {design[:20]!r}"
            )
        if len(data[design]["test_acc"]) != _TRAININGS:
            raise Error(f"{design!r} must have {_TRAININGS} accuracies in `test_acc`")
    metrics = {
        ACCURACY: [data[design]["test_acc"] for design in designs],
        "parameters": [[data[design]["params"]] for design in designs],
        "flops": [[data[design]["flops"]] for design in designs],
    }
    with np.errstate(over="ignore"):  # what is too large becomes infinite, which is refused
        arrays = {name: np.array(values, dtype=np.float32) for name, values in metrics.items()}
    accuracy = {"unit": "percent", "split": "test", "dataset": "cifar10", "maximize": True}
    count = {"unit": "count", "maximize": False}
    return ArchitectureTable(
        name="nas-bench-macro",
        title="NAS-Bench-Macro (Su et al., CVPR 2021): 8 layers, 3 blocks each, CIFAR-10, three trainings",
        source="github.com/xiusu/NAS-Bench-Macro (Apache-2.0)",
        decisions=tuple((f"layer {layer}", _BLOCKS) for layer in range(1, _LAYERS + 1)),
        architectures=np.array([list(map(int, design)) for design in designs], dtype=np.uint8),
        metrics=arrays,
        metric_facts={ACCURACY: {**accuracy, "repeats": _TRAININGS}, "parameters": count, "flops": count},
        tasks={"cifar10": Task(ACCURACY, ACCURACY)},
    )


def _reason(error: Exception) -> str:
    return f"it lacks {error}" if isinstance(error, KeyError) else " ".join(str(error).split())


OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
_WIDTHS = ("8", "16", "24", "32", "40", "48", "56", "64")
EDGES = ("0->1", "0->2", "1->2", "0->3", "1->3", "2->3")
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
    tuple((f"edge {edge}", OPERATIONS) for edge in EDGES),
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
