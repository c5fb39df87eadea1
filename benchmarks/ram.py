"""The memory that `--max-ram` counts, against what a planner of memory needs for the exported ONNX graph.

Usage: python benchmarks/ram.py [--count 200] [--space NAME ...] [--seed 0] [--as-exported] [--output FILE]

Of random designs of each space. Two planners know nothing of the formulas: buffers have the lifetimes that
the order of the nodes in the file gives them. `greedy` is that of TensorFlow Lite for Microcontrollers
(David et al. 2021, section 4.4.2, arXiv:2010.08678): the largest first, each to the lowest place where
nothing is at that time. `tried` tries other orders, too, from that one on, as TVM's hill climbing does.
Reshapes are views, and what has the size of an input that nothing else needs is computed in its place where
it goes value by value (activations, sums, norms, the pooling of one position). Sizes are of one example.

Graphs are made by torch's exporter of before, which takes 0.05 s a design and writes the same operations;
`--as-exported` has `rl-designer export` make them, in 2 s each.
"""

import argparse
import io
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.networks.network import build_network, drawn_inputs
from rl_designer.envs.search_spaces.costs import costs_within
from rl_designer.envs.search_spaces.limits import NUMBERS, UNLIMITED, Limits
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.exporting.export import export
from rl_designer.exporting.subject import Origin, Subject

SPACES = {
    "mlp": (13,),
    "mlp-wide": (13,),
    "convnet1d": (1, 40),
    "convnet1d-wide": (1, 128),
    "convnet": (3, 32, 32),
    "cell1d": (1, 40),
    "cell": (3, 32, 32),
    "textnet": (60, 48),
}
CLASSES, MOST_PARAMETERS = 10, 100_000
NEAR = 0.1  # of what a planner needs
_TRIES = 300  # orders

_VIEWS = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout"}
_MULTIPLY = {"Conv", "Gemm", "MatMul", "Einsum"}
_COPIES = {"Transpose", "Concat", "Slice", "Split", "Gather", "Cast", "MaxPool", "AveragePool", *_MULTIPLY}
_AGAINST = ("at_once", "tried", "greedy")
_KNOWN_BEFORE = {"Constant", "Shape", "Range"}  # whatever the input's values


@dataclass
class Buffer:
    """A stretch of memory, and from which node to which it is needed."""

    size: int
    first: int
    last: int
    place: int = 0


def by_size(buffers: Sequence[Buffer]) -> list[Buffer]:
    return sorted(buffers, key=lambda buffer: (-buffer.size, buffer.first))


def arena(order: Sequence[Buffer]) -> int:
    """Bytes that hold all buffers, each at the lowest place where nothing before it is at its time."""
    placed: list[Buffer] = []
    for buffer in order:
        near = [b for b in placed if b.first <= buffer.last and buffer.first <= b.last]
        buffer.place = 0
        for other in sorted(near, key=lambda b: b.place):
            if buffer.place + buffer.size <= other.place:
                break
            buffer.place = max(buffer.place, other.place + other.size)
        placed.append(buffer)
    return max(buffer.place + buffer.size for buffer in order)


def tried(buffers: Sequence[Buffer], seed: int = 0) -> int:
    """The least of some hundred orders: the buffer that lies highest goes somewhere before, while it pays."""
    numbers, order, least = np.random.default_rng(seed), by_size(buffers), most_at_once(buffers)
    best = arena(order)
    for _ in range(_TRIES):
        if best == least:
            break
        highest = max(order, key=lambda buffer: buffer.place + buffer.size)
        other = [buffer for buffer in order if buffer is not highest]
        other.insert(int(numbers.integers(len(order))), highest)
        found = arena(other)
        if found <= best:
            order, best = other, found
        else:
            arena(order)
    return best


def most_at_once(buffers: Sequence[Buffer]) -> int:
    """Bytes that are needed at one time; no planner needs less."""
    last = max(buffer.last for buffer in buffers)
    return max(sum(b.size for b in buffers if b.first <= node <= b.last) for node in range(last + 1))


def buffers_of(model: onnx.ModelProto, feed: np.ndarray[Any, Any], numbers: str) -> list[Buffer]:
    """What a graph needs memory for as it computes one example; its weights are elsewhere."""
    graph = model.graph
    known = {initializer.name for initializer in graph.initializer}
    nodes = []
    for node in graph.node:
        if node.op_type in _KNOWN_BEFORE or all(name in known for name in node.input if name):
            known |= set(node.output)
        else:
            nodes.append(node)
    sizes = _sizes(model, feed, numbers)
    last = {name: number for number, node in enumerate(nodes) for name in node.input}
    last |= {output.name: len(nodes) for output in graph.output}
    given = graph.input[0].name
    found = {given: Buffer(sizes[given], 0, last[given])}
    for number, node in enumerate(nodes):
        inputs = [name for name in node.input if name in found]
        for name in filter(None, node.output):
            taken = _taken_over(node, inputs, name, found, last, number, sizes)
            if taken is None:
                found[name] = Buffer(sizes[name], number, last.get(name, number))
            else:
                found[name] = taken
                taken.last = max(taken.last, last.get(name, number))
    return list({id(buffer): buffer for buffer in found.values()}.values())


def _taken_over(
    node: onnx.NodeProto,
    inputs: Sequence[str],
    output: str,
    found: Mapping[str, Buffer],
    last: Mapping[str, int],
    number: int,
    sizes: Mapping[str, int],
) -> Buffer | None:
    """The buffer of an input that the output is, or may overwrite; None where it needs one of its own."""
    if node.op_type in _VIEWS:
        return found[inputs[0]]
    if node.op_type in _COPIES:
        return None
    for name in inputs:
        if found[name].size == sizes[output] and found[name].last == number:
            return found[name]
    return None


def _sizes(model: onnx.ModelProto, feed: np.ndarray[Any, Any], numbers: str) -> dict[str, int]:
    """Bytes of everything that is computed of one example."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    outputs = {output.name for output in copy.graph.output}
    names = [name for node in copy.graph.node for name in node.output if name]
    copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in outputs)
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        copy.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    given = copy.graph.input[0].name
    names = [output.name for output in session.get_outputs()]
    values = dict(zip(names, session.run(names, {given: feed}), strict=True)) | {given: feed}
    # Truth values take a byte; numbers of symbols what other numbers take.
    return {
        name: int(value.size) * (1 if value.dtype == np.bool_ else NUMBERS[numbers])
        for name, value in values.items()
    }


def graph_of(design: Architecture, shape: tuple[int, ...], as_exported: bool) -> onnx.ModelProto:
    network = build_network(design, shape, CLASSES).eval()
    if as_exported:
        with tempfile.TemporaryDirectory() as folder:
            subject = Subject(design, network, shape, CLASSES, Origin("random"))
            [file] = export(subject, Path(folder), ["onnx"])
            return onnx.load(file.path)
    made = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is a newer exporter
        torch.onnx.export(network, (example_of(design, shape),), made, dynamo=False)
    return onnx.load_from_string(made.getvalue())


def example_of(design: Architecture, shape: tuple[int, ...]) -> torch.Tensor:
    return drawn_inputs(design, shape, 1, torch.Generator().manual_seed(0))


def measured(name: str, count: int, seed: int, as_exported: bool = False) -> Iterator[dict[str, Any]]:
    """Of random designs of a space, for each kind of numbers: bytes by the formula, by the planners, and the
    most at one time.
    """
    shape = SPACES[name]
    space = make_space(name, shape, CLASSES, max_parameters=MOST_PARAMETERS)
    for design in space.architectures(space.random_actions(count, np.random.default_rng(seed))):
        model, found = graph_of(design, shape, as_exported), {}
        for numbers in NUMBERS:
            limits = Limits(max_ram=UNLIMITED, device_numbers=numbers)
            buffers = buffers_of(model, example_of(design, shape).numpy(), numbers)
            found[numbers] = {
                "formula": costs_within(design, shape, CLASSES, limits)["ram"],
                "greedy": arena(by_size(buffers)),
                "tried": tried(buffers),
                "at_once": most_at_once(buffers),
            }
        yield {"design": str(design), **found}


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Errors of the formula against each planner, and the most at one time, that no planner can be below."""
    needed = [row["at_once"] for row in rows]
    against = {by: _errors([(row["formula"], row[by]) for row in rows]) for by in _AGAINST}
    return {"designs": len(rows), "bytes": [min(needed), max(needed)], **against}


def _errors(pairs: Sequence[tuple[int, int]]) -> dict[str, float]:
    formula, needed = np.array(pairs).T
    away = formula / needed - 1
    rank = float(np.corrcoef(_ranks(formula), _ranks(needed))[0, 1])
    return {
        "share_within_10_percent": float((np.abs(away) <= NEAR).mean()),
        "mean_error": float(np.abs(away).mean()),
        "most_below": float(away.min()),
        "most_above": float(away.max()),
        "rank_correlation": rank,
    }


def _ranks(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--space", choices=list(SPACES), action="append")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--as-exported", action="store_true")
    parser.add_argument("--output", type=Path, help="each design's figures, a JSON file")
    given = parser.parse_args()
    torch.set_num_threads(1)
    results, rows = {}, {}
    for name in given.space or SPACES:
        started = time.process_time()
        rows[name] = list(measured(name, given.count, given.seed, given.as_exported))
        for numbers in NUMBERS:
            results[f"{name} {numbers}"] = found = summary([row[numbers] for row in rows[name]])
            print(name, numbers, json.dumps(found), file=sys.stderr, flush=True)
        results[f"{name} seconds"] = round(time.process_time() - started, 1)
    if given.output is not None:
        given.output.write_text(json.dumps(rows, indent=1))
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
