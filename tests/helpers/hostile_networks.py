"""Valid files of a network, retrained or exported, and what reads each."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.helpers.loader import Loader

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
    seed = {"seed": 0, "failure": None, "accuracy": 0.5, "loss": 1.0, "figures": {"accuracy": 0.5}}
    seed["answers"] = {"part": "0" * 20, "examples": 10, "right": "qoA="}
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


def _read_results(path: Path) -> Any:
    from rl_designer.retraining.verdicts import compared

    return _read_retrained(path), compared(path.parent, path.parent)


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


NETWORKS: Mapping[str, Loader] = {
    "architecture": Loader(_architecture, _read_architecture, ("export", "{}", "--format", "python")),
    "checkpoint": Loader(_checkpoint, _read_checkpoint),
    "exported description": Loader(lambda folder: _exported(folder)["description"], _read_exported),
    "exported weights": Loader(lambda folder: _exported(folder)["weights"], _read_exported),
    "retrained architecture": Loader(lambda folder: _retrained(folder)["architecture"], _read_retrained),
    "retrained results": Loader(lambda folder: _retrained(folder)["results"], _read_results),
    "retrained training": Loader(lambda folder: _retrained(folder)["training"], _read_retrained),
    "retrained weights": Loader(lambda folder: _retrained(folder)["weights"], _read_retrained),
}
