"""NAS-Bench-Macro's JSON (Su et al., CVPR 2021; github.com/xiusu/NAS-Bench-Macro) as a table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rl_designer.envs.files.untrusted import MEBIBYTE, bounded_bytes, json_of
from rl_designer.envs.tables.table import ArchitectureTable, Task
from rl_designer.errors import Error

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
