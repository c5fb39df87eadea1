"""Valid files of every kind that the project reads, and what reads each: for tests and for the fuzzer."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.helpers.tables import synthetic_table


@dataclass(frozen=True)
class Loader:
    """Something that reads a file which a stranger may have written.

    Attributes:
        make: writes a valid file of the kind (and what it needs beside it) into an empty folder; its path.
        read: reads it; raises ValueError or OSError with one line where it can't.
        command: the command line that reads it, `{}` for the path; None where no command reads it alone.
    """

    make: Callable[[Path], Path]
    read: Callable[[Path], Any]
    command: tuple[str, ...] | None = None


def _space() -> Any:
    from rl_designer.envs.search_spaces.table import TableSpace

    return TableSpace(synthetic_table((2, 3)))


def _table(folder: Path) -> Path:
    from rl_designer.envs.tables.wiring import Wiring

    table = replace(synthetic_table((2, 3)), wiring=Wiring(((0, 1), (1, 2)), absent="option 0"))
    table.save(folder / "table.npz")
    return folder / "table.npz"


def _policy_weights() -> dict[str, Any]:
    space = _space()
    generator = np.random.default_rng(0)
    shapes = {
        "hidden.weight": (4, space.observation_size),
        "hidden.bias": (4,),
        "output.weight": (space.num_actions, 4),
        "output.bias": (space.num_actions,),
    }
    return {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def _save_policy(folder: Path) -> None:
    from rl_designer.agents.policy import Policy

    Policy(_policy_weights(), _space().name, {"agent": "ppo"}).save(folder)


def _policy_facts(folder: Path) -> Path:
    _save_policy(folder)
    return folder / "policy.json"


def _policy(folder: Path) -> Path:
    _save_policy(folder)
    return folder / "policy.safetensors"


def _read_policy(path: Path) -> Any:
    from rl_designer.agents.policy import Policy

    policy = Policy.load(path.parent)
    policy.check(_space())
    return policy.sample(_space(), 4, np.random.default_rng(0))


def _belief(folder: Path) -> Path:
    from rl_designer.agents.belief import FILE
    from rl_designer.agents.reward_model import RewardModel

    actions = _space().random_actions(5, np.random.default_rng(0))
    RewardModel(_space()).fit(actions, np.arange(5.0)).save(folder)
    return folder / FILE


def _older_belief(folder: Path) -> Path:
    """Of the second format."""
    from rl_designer.agents.belief import FILE
    from rl_designer.envs.files.archives import write_arrays

    space, generator = _space(), np.random.default_rng(0)
    actions = space.random_actions(5, generator)
    tokens = space.tokens(actions).astype(np.float64)
    options, scores = generator.normal(size=(tokens.shape[2], 2)), np.sort(generator.normal(size=5))
    arrays = {
        "format": np.array([2]),
        "options": options,
        "step_weights": np.ones(space.max_steps),
        "whole_weights": np.zeros(0),
        "points": (tokens @ options).reshape(5, -1),
        "targets": scores,
        "scores": scores,
        "rewards": scores,
        "facts": np.array([1.0, 0.1]),
        "memory_weights": np.zeros(0),
        "actions": actions,
    }
    write_arrays(folder / FILE, arrays)
    return folder / FILE


def _read_belief(path: Path) -> Any:
    from rl_designer.agents.belief import Belief

    return Belief.load(path.parent, _space())


ARCHITECTURE = {
    "format": "architecture/1",
    "space": "convnet1d",
    "layers": [
        {"kind": "conv", "kernel": 5, "width": 4, "stride": 1},
        {"kind": "global-pool", "operation": "max"},
    ],
    "input_shape": [1, 16],
    "num_classes": 3,
    "name": "small",
}


def _architecture(folder: Path) -> Path:
    (folder / "architecture.json").write_text(json.dumps(ARCHITECTURE))
    return folder / "architecture.json"


def _read_architecture(path: Path) -> Any:
    from rl_designer.runs.architecture_files import read_architecture

    return read_architecture(path)


def _arrays(folder: Path) -> Path:
    x = np.random.default_rng(0).normal(size=(30, 4))
    np.savez_compressed(folder / "data.npz", x=x, y=np.arange(30) % 3)
    return folder / "data.npz"


def _csv(folder: Path) -> Path:
    rows = [f"{i},{i % 7},{'ab'[i % 2]}" for i in range(30)]
    (folder / "data.csv").write_text("\n".join(["one,two,class", *rows]) + "\n")
    return folder / "data.csv"


def _parquet(folder: Path) -> Path:
    import pyarrow
    from pyarrow import parquet

    columns = {"one": [i * i for i in range(30)], "class": [("a", "b")[i % 2] for i in range(30)]}
    parquet.write_table(pyarrow.table(columns), folder / "data.parquet")
    return folder / "data.parquet"


def _signals(folder: Path) -> Path:
    values = [",".join(str((i * k) % 7) for k in range(4 + i % 3)) for i in range(30)]
    lines = ["@problemName own", "@classLabel true a b", "@data"]
    lines += [f"{row}:{row}:{'ab'[i % 2]}" for i, row in enumerate(values)]
    (folder / "data.ts").write_text("\n".join(lines) + "\n")
    return folder / "data.ts"


def _headless(folder: Path) -> Path:
    rows = ["\t".join(str((i * k) % 7) for k in range(4 + i % 3)) for i in range(30)]
    (folder / "data.tsv").write_text("".join(f"{i % 2}\t{row}\n" for i, row in enumerate(rows)))
    return folder / "data.tsv"


def _image(folder: Path) -> Path:
    from PIL import Image

    generator = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / name).mkdir()
        for number in range(5):
            pixels = generator.integers(0, 256, (6, 6), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder / "cat" / "0.png"


def _read_data(path: Path) -> Any:
    from rl_designer.envs.datasets import load_dataset

    return load_dataset(path, target="class" if path.suffix in (".csv", ".parquet") else None)


def _read_images(path: Path) -> Any:
    from rl_designer.envs.datasets import load_dataset

    return load_dataset(path.parent.parent)


SPACE = """
name = "tiny-signals"
family = "convnet1d"
max_layers = 4

[layers.conv]
kernel = [3, 5]
width = [8, 16]

[layers.global-pool]
operation = ["average", "max"]
"""


def _space_file(folder: Path) -> Path:
    (folder / "space.toml").write_text(SPACE)
    return folder / "space.toml"


def _read_space(path: Path) -> Any:
    from rl_designer.envs.search_spaces.registry import make_space

    return make_space(path, (1, 16), 3, max_parameters=10_000)


def _config(folder: Path) -> Path:
    (folder / "config.toml").write_text('table = "mnist1d-convnet1d"\nevaluations = "1k"\nseed = 3\n')
    return folder / "config.toml"


def _read_config(path: Path) -> Any:
    from rl_designer.config import SearchConfig, make_config

    return make_config({}, SearchConfig.read(path), str(path))


SUMMARY: Mapping[str, Any] = {
    "id": "0" * 32,
    "state": "finished",
    "title": "wine",
    "seconds": 3.5,
    "verdict": "nobody knows",
    "setting": {
        "space": {"name": "mlp", "family": "mlp", "max_layers": 2, "layers": {"dense": {"width": [4, 8]}}},
        "input_shape": [13],
        "num_classes": 3,
    },
    "control_plan": {"known": [], "paid": 3},
}


def _run(folder: Path) -> Path:
    (folder / "config.toml").write_text('data = "wine"\n')
    (folder / "summary.json").write_text(json.dumps(SUMMARY))
    return folder / "summary.json"


def _read_run(path: Path) -> Any:
    from rl_designer.runs.folder import RunFolder
    from rl_designer.setting import space_of

    run = RunFolder.open(path.parent)
    return space_of(run.summary.get("setting", {}), None, None)


def _retrained(folder: Path) -> dict[str, Path]:
    import torch

    from rl_designer.envs.networks.network import build_network
    from rl_designer.retraining.checkpoint import Record, weights_bytes
    from rl_designer.retraining.folder import FORMAT, RetrainedFolder

    architecture = _read_architecture(_architecture(folder)).architecture
    training = {
        "format": FORMAT,
        "version": 1,
        "data": {"name": "wine", "digest": "0" * 20, "examples": 30},
        "scored_on": "test",
        "input_shape": [1, 16],
        "class_names": ["a", "b", "c"],
        "settings": {"epochs": 3},
        "inputs": {"shape": [1, 16], "padded": True, "pixels": None, "encoding": None},
    }
    (folder / "training.json").write_text(json.dumps(training))
    seed = {"seed": 0, "failure": None, "accuracy": 0.5, "loss": 1.0}
    (folder / "results.json").write_text(json.dumps({"seeds": [seed]}))
    network = build_network(architecture, (1, 16), 3, generator=torch.Generator().manual_seed(0))
    state = network.state_dict()
    record = Record(0, (1.0, 0.5), 2.0, "cpu")
    weights = RetrainedFolder(folder).weights(0)
    shapes = {name: tensor.shape for name, tensor in state.items()}
    weights.write_bytes(weights_bytes(state, shapes, record))
    return {
        "weights": weights,
        "training": folder / "training.json",
        "results": folder / "results.json",
        "architecture": folder / "architecture.json",
    }


def _read_retrained(path: Path) -> Any:
    from rl_designer.retraining.folder import load_retrained

    return load_retrained(path.parent)


ENCODING = {
    "columns": [
        {
            "name": "age",
            "kind": "number",
            "gaps": True,
            "fill": 3.0,
            "decimal": "plain",
            "sign": "",
            "centre": 0.0,
            "scale": 0.0,
        },
        {
            "name": "colour",
            "kind": "category",
            "gaps": False,
            "values": ["blue", "red"],
            "other": True,
            "words": [],
            "hashed": 0,
        },
    ],
    "left_out": [["id", "which counts the rows"]],
}


def _exported(folder: Path) -> dict[str, Path]:
    from safetensors.torch import save_file

    from rl_designer.envs.architecture import Architecture, Layer
    from rl_designer.envs.networks.network import build_network

    layers = [{"kind": "dense", "width": 4}]
    network = build_network(Architecture("mlp", (Layer.of("dense", width=4),), complete=True), (5,), 2)
    names = {f"own.{name}": tensor for name, tensor in network.state_dict().items()}
    save_file(names, folder / "network.safetensors")
    description = {
        "format": "exported-network/1",
        "architecture": {
            "format": "architecture/1",
            "space": "mlp",
            "layers": layers,
            "input_shape": [5],
            "num_classes": 2,
        },
        "class_names": ["a", "b"],
        "target_scale": None,
        "standardisation": {"mean": [0.0], "deviation": [1.0]},
        "inputs": {"shape": [5], "padded": False, "pixels": None, "encoding": ENCODING},
        "training": 0,
        "weights": list(names),
    }
    (folder / "network.json").write_text(json.dumps(description))
    return {"description": folder / "network.json", "weights": folder / "network.safetensors"}


def _read_exported(path: Path) -> Any:
    from rl_designer.exporting.description import load_exported

    return load_exported(path.parent).predict([{"age": "3", "colour": "red"}]).predicted.tolist()


def _checkpoint(folder: Path) -> Path:
    import torch

    from rl_designer.retraining.checkpoint import Checkpoint, Record, checkpoint_bytes

    network = {"weight": torch.zeros(2, 3)}
    average, optimizer = [torch.zeros(2, 3)], {0: {"step": torch.tensor(3.0)}}
    checkpoint = Checkpoint(Record(0, (1.0,), 2.0, "cpu"), network, average, optimizer)
    path = folder / "seed-0.checkpoint.safetensors"
    path.write_bytes(checkpoint_bytes(checkpoint))
    return path


def _read_checkpoint(path: Path) -> Any:
    from rl_designer.retraining.checkpoint import checkpoint_of

    return checkpoint_of(path.read_bytes(), str(path), 0, 6)


def _log(folder: Path) -> Path:
    from rl_designer.comparisons.records import AgentRun, PolicySamples

    policy = PolicySamples(0.5, 0.1, 3, 100)
    record = AgentRun("ppo", 0, 20, 1, ((1, 0.5, None), (3, 0.75, 0.5)), 1.5, 1.0, policy)
    line = json.dumps({"key": "k", **record.to_dict()})
    (folder / "runs.jsonl").write_text(f"{line}\n{line}\n")
    return folder / "runs.jsonl"


def _read_log(path: Path) -> Any:
    from rl_designer.comparisons.benchmark import BenchmarkLog, finished_runs
    from rl_designer.comparisons.records import AgentRun

    return [run for _, run in finished_runs(BenchmarkLog(path), ["k"], AgentRun.from_dict)]


def _reward_log(folder: Path) -> Path:
    from rl_designer.comparisons.records import COLUMNS, RewardRun

    figures = (tuple(0.5 for _ in COLUMNS), tuple(None for _ in COLUMNS))
    record = RewardRun("accuracy", 0, True, ("a", "b"), ((0, 1), (1, 2)), figures, 1.5)
    (folder / "runs.jsonl").write_text(json.dumps({"key": "k", **record.to_dict()}) + "\n")
    return folder / "runs.jsonl"


def _read_reward_log(path: Path) -> Any:
    from rl_designer.comparisons.benchmark import BenchmarkLog, finished_runs
    from rl_designer.comparisons.records import RewardRun

    return [run.table for _, run in finished_runs(BenchmarkLog(path), ["k"], RewardRun.from_dict)]


MAPPING = """
name = "mapped"
[architectures]
columns = ["depth", "width"]
[metrics.accuracy]
unit = "fraction"
[tasks.main]
search = "accuracy"
"""


def _csv_table(folder: Path) -> Path:
    (folder / "mapping.toml").write_text(MAPPING)
    (folder / "designs.csv").write_text("depth,width,accuracy\n1,8,0.5\n1,16,0.6\n2,8,0.7\n")
    return folder / "designs.csv"


def _mapping(folder: Path) -> Path:
    _csv_table(folder)
    return folder / "mapping.toml"


def _read_csv_table(path: Path) -> Any:
    from rl_designer.table_making.import_csv import read_csv_table, read_mapping

    return read_csv_table(path.parent / "designs.csv", read_mapping(path.parent / "mapping.toml"))


def _macro(folder: Path) -> Path:
    designs = {f"{i:08b}": {"test_acc": [80.0, 81.0, 82.0], "params": 9, "flops": 99} for i in range(8)}
    (folder / "macro.json").write_text(json.dumps(designs))
    return folder / "macro.json"


def _read_macro(path: Path) -> Any:
    from rl_designer.table_making.import_nas import read_macro_table

    return read_macro_table(path)


def _read_table(path: Path) -> Any:
    from rl_designer.envs.search_spaces.table import TableSpace
    from rl_designer.envs.tables.table import ArchitectureTable
    from rl_designer.table_making.info import table_info

    table = ArchitectureTable.load(path)
    return TableSpace(table), json.dumps(table_info(table), allow_nan=False)


def _store(folder: Path) -> Path:
    from rl_designer.envs.architecture import Architecture, Layer
    from rl_designer.envs.evaluation import Evaluation
    from rl_designer.envs.problem import Design
    from rl_designer.store.store import Store, StoredRun

    architecture = Architecture("mlp", (Layer.of("dense", width=8),), complete=True)
    evaluation = Evaluation(val_accuracy=0.5, learning_curve=(0.25, 0.5), parameters=9, epochs=2)
    with Store(folder / "store.sqlite") as store:
        store.add_run(StoredRun("r", "folder", "ppo", "space", "e"))
        store.add_evaluations({(architecture.digest, "e"): evaluation})
        store.add_designs("r", "agent", [(Design(architecture, evaluation, 0.5, 0), "e", 1.5)])
    return folder / "store.sqlite"


def _read_store(path: Path) -> Any:
    from rl_designer.store.store import Store

    with Store(path, create=False) as store:
        designs = store.designs("r")
        store.evaluations(["e"], [found.design.architecture.digest for found in designs])
        return [f"{d.design.reward:.4f} {d.seconds:.1f} {d.design.evaluation.val_accuracy}" for d in designs]


LOADERS: Mapping[str, Loader] = {
    "architecture": Loader(_architecture, _read_architecture, ("export", "{}", "--format", "python")),
    "architecture table": Loader(_table, _read_table, ("table", "info", "{}")),
    "benchmark log": Loader(_log, _read_log),
    "checkpoint": Loader(_checkpoint, _read_checkpoint),
    "config": Loader(_config, _read_config),
    "data .csv": Loader(_csv, _read_data),
    "data .npz": Loader(_arrays, _read_data),
    "data .parquet": Loader(_parquet, _read_data),
    "data .ts": Loader(_signals, _read_data),
    "data .tsv": Loader(_headless, _read_data),
    "exported description": Loader(lambda folder: _exported(folder)["description"], _read_exported),
    "exported weights": Loader(lambda folder: _exported(folder)["weights"], _read_exported),
    "image": Loader(_image, _read_images),
    "mapping": Loader(_mapping, _read_csv_table),
    "nas-bench-macro": Loader(_macro, _read_macro, ("table", "import", "{}", "--output", "new.npz")),
    "older reward model": Loader(_older_belief, _read_belief),
    "policy": Loader(_policy, _read_policy),
    "policy facts": Loader(_policy_facts, _read_policy),
    "retrained architecture": Loader(lambda folder: _retrained(folder)["architecture"], _read_retrained),
    "retrained results": Loader(lambda folder: _retrained(folder)["results"], _read_retrained),
    "retrained training": Loader(lambda folder: _retrained(folder)["training"], _read_retrained),
    "retrained weights": Loader(lambda folder: _retrained(folder)["weights"], _read_retrained),
    "reward benchmark log": Loader(_reward_log, _read_reward_log),
    "reward model": Loader(_belief, _read_belief),
    "run summary": Loader(_run, _read_run),
    "search space": Loader(_space_file, _read_space),
    "store": Loader(_store, _read_store),
    "table .csv": Loader(_csv_table, _read_csv_table),
}
