"""Checkpoints and weights of full trainings, as safetensors: nothing in them can be run. Imports torch.

A checkpoint holds the tensors `network.NAME`, `average.INDEX` and `optimizer.INDEX.NAME`; what is no tensor
is JSON in the metadata.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from rl_designer.envs.files.untrusted import MEBIBYTE, bounded_bytes
from rl_designer.errors import Error

WEIGHTS_FORMAT = "retrained-weights/1"
CHECKPOINT_FORMAT = "training-checkpoint/1"

_MOST_BESIDES = 16 * MEBIBYTE  # of names, shapes and the record
# Bytes of a parameter: norms have no more statistics than parameters. A checkpoint also has an average of
# all, and two moments of each parameter.
_WEIGHTS_BYTES, _CHECKPOINT_BYTES = 2 * 4, 6 * 4
_LENGTH_BYTES = 8  # of the header's length, which comes first


@dataclass(frozen=True)
class Record:
    """What is known of a training.

    Attributes:
        seed: of everything random.
        losses: mean training loss of each epoch, in nats.
        seconds: wall time, over all starts.
        device: where its last part was trained.
    """

    seed: int
    losses: tuple[float, ...]
    seconds: float
    device: str

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The inverse of JSON of `asdict`. Raises ValueError, KeyError or TypeError on anything else."""
        data = json.loads(text)
        return cls(
            int(data["seed"]), tuple(map(float, data["losses"])), float(data["seconds"]), str(data["device"])
        )


@dataclass(frozen=True)
class Checkpoint:
    """A training after some epochs. `optimizer` is parameter's index → name → tensor."""

    record: Record
    network: Mapping[str, Tensor]
    average: list[Tensor]
    optimizer: Mapping[int, Mapping[str, Tensor]]


def most_of_checkpoint(parameters: int) -> int:
    """Bytes that a checkpoint of a network with so many parameters may have."""
    return _CHECKPOINT_BYTES * parameters + _MOST_BESIDES


def checkpoint_bytes(checkpoint: Checkpoint) -> bytes:
    """A file's content."""
    tensors = {f"network.{name}": tensor for name, tensor in checkpoint.network.items()}
    tensors |= {f"average.{index}": tensor for index, tensor in enumerate(checkpoint.average)}
    for index, values in checkpoint.optimizer.items():
        tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in values.items()}
    return _bytes(tensors, CHECKPOINT_FORMAT, checkpoint.record)


def checkpoint_of(content: bytes, path: str, seed: int, parameters: int) -> Checkpoint:
    """The inverse of `checkpoint_bytes`.

    Args:
        path: of the file, for people.
        parameters: of the network; what is too large to be its checkpoint is not read.

    Raises:
        ValueError: for content that is damaged, or of a training of another seed.
    """
    if len(content) > (most := most_of_checkpoint(parameters)):
        raise Error(f"{path} can't be used: a checkpoint of such a network has at most {most:,} bytes")
    tensors, record = _read(content, path, CHECKPOINT_FORMAT)
    if record.seed != seed:
        raise Error(f"{path} is of another training; delete it to train from the start")
    parts: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}, "optimizer": {}}
    try:
        for name, tensor in tensors.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = tensor
        average = [parts["average"][str(index)] for index in range(len(parts["average"]))]
        optimizer: dict[int, dict[str, Tensor]] = {}
        for name, tensor in parts["optimizer"].items():
            index, _, key = name.partition(".")
            optimizer.setdefault(int(index), {})[key] = tensor
    except (KeyError, ValueError) as error:
        raise _damaged(path, error) from error
    return Checkpoint(record, parts["network"], average, optimizer)


def weights_bytes(state: Mapping[str, Tensor], shapes: Mapping[str, torch.Size], record: Record) -> bytes:
    """Weights under the names and in the shapes of `build_network`'s modules, `shapes`, in their order; the
    trained network may be another form of it, with the same tensors in the same order.
    """
    tensors = {
        name: tensor.detach().cpu().reshape(shape)
        for (name, shape), tensor in zip(shapes.items(), state.values(), strict=True)
    }
    return _bytes(tensors, WEIGHTS_FORMAT, record)


def read_weights(path: Path, parameters: int) -> tuple[dict[str, Tensor], Record]:
    """Weights on the CPU, and the record of their training.

    Args:
        parameters: of the network; a file that is too large to be its weights is not read.

    Raises:
        ValueError: for a file that is missing, damaged, or of another format.
    """
    try:
        content = bounded_bytes(path, _WEIGHTS_BYTES * parameters + _MOST_BESIDES)
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    return _read(content, path, WEIGHTS_FORMAT)


def _bytes(tensors: Mapping[str, Tensor], name: str, record: Record) -> bytes:
    # Copies: views of one storage can't be saved, and other memory formats neither.
    ready = {
        key: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for key, tensor in tensors.items()
    }
    # One entry alone: safetensors writes several in an order that differs from call to call.
    return save(ready, {name: json.dumps(asdict(record), allow_nan=False)})


def _read(content: bytes, path: str | Path, name: str) -> tuple[dict[str, Tensor], Record]:
    try:
        tensors = load(content)  # first: it looks whether the header can be
        length = int.from_bytes(content[:_LENGTH_BYTES], "little")
        header: dict[str, Any] = json.loads(content[_LENGTH_BYTES : _LENGTH_BYTES + length])
        metadata = header.get("__metadata__", {})
        if name not in metadata:
            raise Error(f"its format is {', '.join(metadata)[:60]!r}, not {name!r}")
        return tensors, Record.from_text(metadata[name])
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: str | Path, error: Exception) -> Error:
    return Error(f"{path} can't be used: {' '.join(str(error).split())}")
