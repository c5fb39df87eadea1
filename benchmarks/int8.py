"""What it costs winners of short searches to compute in 8 bits. A table, and JSON.

    python benchmarks/int8.py --data-folder /usr/share/datasets/fashion-mnist

For each data set a search of 8 evaluations; its winner is trained in full with three seeds, and each training
exported as `int8`, whatever it loses. Scored on the test part, which `retrain` has opened. On 256 of its
examples ONNX Runtime is compared with ONNX's reference: the outputs, and every integer between the layers.

Runs are kept in the output folder: the command can be stopped and given again.
"""

import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnx
import onnxruntime

import rl_designer as rl
from rl_designer.exporting.find import find_subject
from rl_designer.exporting.formats import INPUT
from rl_designer.exporting.int8 import quantise
from rl_designer.exporting.int8_reference import reference_of
from rl_designer.exporting.quantisation import INT8_FILE, Quantisation
from rl_designer.exporting.subject import Subject
from rl_designer.files import write_text

ROOT = Path(__file__).resolve().parents[1]
COMPARED = 256
RECIPES: dict[str, dict[str, dict[str, Any]]] = {
    "mnist1d": {"search": {"max_parameters": 20_000}, "retrain": {"epochs": 15}},
    "digits": {"search": {"max_parameters": 20_000}, "retrain": {"epochs": 15}},
    "fashion-mnist": {
        "search": {"max_parameters": 20_000, "max_macs": 500_000, "examples": 3_000, "epochs": 3},
        "retrain": {"epochs": 5, "examples": 5_000},
    },
    "wine": {"search": {"max_parameters": 2_000, "epochs": 2}, "retrain": {"epochs": 2}},
}


@click.command()
@click.option(
    "--data", "names", type=click.Choice(list(RECIPES)), multiple=True, help="[default: the first three]"
)
@click.option("--data-folder", help="Where the files of fashion-mnist lie.")
@click.option("--evaluations", default=8, show_default=True, help="Of each search.")
@click.option("--seeds", default=3, show_default=True, help="Full trainings of each winner.")
@click.option("--examples", default=512, show_default=True, help="To calibrate on.")
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "runs" / "int8")
def main(
    names: tuple[str, ...], data_folder: str | None, evaluations: int, seeds: int, examples: int, output: Path
) -> None:
    """Search, train, quantise, and say what that cost."""
    results = {}
    for name in names or list(RECIPES)[:3]:
        where = {"data_folder": data_folder} if name == "fashion-mnist" and data_folder else {}
        winner = trained(name, output / name, where, evaluations, seeds)
        lines = [quantised(output / name, seed, examples) for seed in range(seeds)]
        results[name] = {"parameters": winner["parameters"], "macs": winner["macs"], "seeds": lines}
    found = {"cores": os.cpu_count(), "onnxruntime": onnxruntime.__version__, "results": results}
    write_text(output / "int8.json", json.dumps(found, indent=2) + "\n")
    print(table(results))


def trained(name: str, folder: Path, where: dict[str, str], evaluations: int, seeds: int) -> dict[str, Any]:
    """The winner's figures; what is there already is taken."""
    recipe = RECIPES[name]
    if not folder.exists():
        told = {"run": folder, "workers": 1, "progress": False, "store": str(folder.parent / "store.sqlite")}
        rl.search(name, evaluations=evaluations, **recipe["search"], **where, **told)
    networks = rl.retrain(folder, seeds=seeds, rivals=False, progress=False, **recipe["retrain"])
    results: dict[str, Any] = networks.best.results
    return results


def quantised(run: Path, seed: int, examples: int) -> dict[str, Any]:
    """Figures of one training."""
    subject = find_subject(run, {}, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        made = quantise(subject, Path(folder), Quantisation(int8_examples=examples, int8_loss=1.0))
        return {**made.to_dict(), **compared(subject, Path(folder) / INT8_FILE)}


def compared(subject: Subject, path: Path) -> dict[str, Any]:
    """ONNX Runtime beside the reference on test examples: the file itself, and all integers in it."""
    dataset = subject.dataset
    assert (
        dataset is not None and dataset.sealed_test is not None and subject.results is not None
    )  # it is open
    x = np.ascontiguousarray(dataset.sealed_test.open()[0][:COMPARED].reshape(-1, *subject.input_shape))
    [expected], [found] = reference_of(path)(x), session(path).run(None, {INPUT: x})
    apart = np.abs(found - expected).max(axis=1) / max(1.0, float(np.abs(expected).max()))
    model = onnx.load(path)
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            kind = types[node.input[2]]
            model.graph.output.append(onnx.helper.make_tensor_value_info(node.output[0], kind, None))
    shown = path.with_name("integers.onnx")
    onnx.save(model, shown)
    pairs = zip(reference_of(shown)(x)[1:], session(shown).run(None, {INPUT: x})[1:], strict=True)
    steps = [np.abs(ours.astype(int) - theirs.astype(int)) for ours, theirs in pairs]
    return {
        "test_outputs": len(x),
        "test_outputs_equal": float((apart <= 1e-5).mean()),
        "test_outputs_largest_difference": float(apart.max()),
        "integers": sum(step.size for step in steps),
        "integers_apart": sum(int((step > 0).sum()) for step in steps),
        "integers_most_apart": max(int(step.max()) for step in steps),
    }


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def table(results: dict[str, Any]) -> str:
    head = "| data | parameters | test examples | float32 | 8 bits | loss | each seed's | bytes |"
    lines = [head, "|" + "---|" * 8]
    for name, found in results.items():
        seeds = found["seeds"]
        losses = [seed["loss"] for seed in seeds]
        size = " → ".join(f"{seeds[0][f'bytes_{when}']:,}" for when in ("before", "after"))
        figures = [spread([seed[when] for seed in seeds]) for when in ("before", "after")]
        each = ", ".join(f"{loss:.4f}" for loss in losses)
        cells = [
            name,
            f"{found['parameters']:,}",
            f"{seeds[0]['examples']:,}",
            *figures,
            spread(losses),
            each,
            size,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def spread(values: list[float]) -> str:
    deviation = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.4f}{deviation}"


if __name__ == "__main__":
    sys.exit(main())
