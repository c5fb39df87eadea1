"""The folder of one retrained architecture, and `load_retrained`, which makes a network of it again.

- `architecture.json`: see `architecture_files`.
- `training.json`: what the weights were trained on, and how.
- `seed-0.safetensors` …: the weights, under the names of `build_network`'s modules.
- `results.json`: the figures, once the trainings have ended.
- `seed-0.checkpoint.safetensors` …: only while a training is on its way.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.datasets.content import same_content
from rl_designer.envs.datasets.encoding import Standardisation, check_values, distinct
from rl_designer.envs.datasets.inputs import RawInputs
from rl_designer.envs.datasets.targets import TargetScale
from rl_designer.envs.files.untrusted import MEBIBYTE, bounded_bytes, damage_told, json_of
from rl_designer.errors import Error, WrongUsage
from rl_designer.files import locked, write_json
from rl_designer.retraining.answers import read_answers
from rl_designer.retraining.retrained import Retrained, network_with
from rl_designer.retraining.settings import FullSettings
from rl_designer.runs.architecture_files import (
    ARCHITECTURE,
    ArchitectureFile,
    read_architecture,
    write_architecture,
)

TRAINING = "training.json"
RESULTS = "results.json"
DEFAULT_PARENT = "retrained"
FORMAT = "retrained/1"

# Raise it with every change of the training that changes weights: no folder goes on with another version.
VERSION = 1

_MOST_VALUES = 100_000  # of mean and deviation together, so that the file stays below its limit
_MOST_OF_INPUTS = 4 * MEBIBYTE  # as short as JSON can be; with its indents it is some three times longer
_OF_A_SEED = {"seed", "failure", "accuracy", "loss"}
_OF_A_RIVAL = {"name", "what", "seconds", "size", "size_of", "failure", "seeds"}
_OF_A_RIVALS_SEED = {"seed", "failure", "figures", "seconds", "size"}


class _Data(BaseModel):
    """`digest` and `content` are of all data, `examples` says how many were trained on, `of` of how many."""

    model_config = ConfigDict(strict=True)

    name: str
    digest: str
    examples: int
    # Neither is known of older folders, which were trained on all.
    content: str | None = None
    of: int | None = None


class WrittenStandardisation(BaseModel):
    """See `distinct`: each number stands for as many features or channels."""

    model_config = ConfigDict(strict=True)

    mean: list[float]
    deviation: list[float]


class WrittenScale(BaseModel):
    """See `TargetScale`."""

    model_config = ConfigDict(strict=True)

    mean: float = Field(allow_inf_nan=False)
    deviation: float = Field(gt=0, allow_inf_nan=False)


class Training(BaseModel):
    """What weights were trained on, and how; the content of `training.json`.

    Attributes:
        scored_on: `test` (trained on training and validation part together) or `validation` (trained on the
            training part alone, the test stays sealed).
        input_shape: of one example that the network takes.
        settings: `FullSettings` as plain values.
        standardisation: what the examples were standardised with; None where that isn't known.
        target_scale: what the numbers that are predicted were standardised with; None for classes.
        inputs: what the examples were before that, as `RawInputs` has it; None of older folders.
    """

    model_config = ConfigDict(strict=True)

    format: str = FORMAT
    version: int = VERSION
    data: _Data
    scored_on: str
    input_shape: list[int]
    class_names: list[str]
    settings: dict[str, bool | int | float | str]
    standardisation: WrittenStandardisation | None = None
    target_scale: WrittenScale | None = None
    inputs: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.standardisation is not None:
            check_values(self.standardisation.mean, self.standardisation.deviation, self.input_shape)
        if bool(self.class_names) == (self.target_scale is not None):
            raise Error("it must have either class_names or a target_scale")
        self.known_inputs()
        return self

    @property
    def outputs(self) -> int:
        """Of the network: the classes, or 1 for a number."""
        return len(self.class_names) or 1

    def known_standardisation(self) -> Standardisation | None:
        """For one example of `input_shape`; None where it isn't known."""
        if self.standardisation is None:
            return None
        kept = self.standardisation
        return Standardisation.of_values(kept.mean, kept.deviation, self.input_shape)

    def known_inputs(self) -> RawInputs | None:
        """None where they aren't known."""
        return None if self.inputs is None else RawInputs.from_dict(self.inputs, self.input_shape)


def load_retrained(folder: str | Path, seed: int = 0) -> Retrained:
    """Makes a network of a folder that `retrain` wrote. Nothing in it is run.

    Args:
        seed: which training; choosing one by its test accuracy would make that figure too good.

    Raises:
        ValueError: where the folder or the weights aren't there, or are damaged; one line.
    """
    from rl_designer.retraining.checkpoint import read_weights

    opened = RetrainedFolder(Path(folder))
    training, architecture = opened.training(), opened.architecture()
    weights = opened.weights(seed)
    network = network_with(
        weights,
        lambda most: read_weights(weights, most)[0],
        architecture,
        training.input_shape,
        training.outputs,
    )
    return Retrained(
        architecture,
        network,
        tuple(training.input_shape),
        tuple(training.class_names),
        seed,
        opened.results(),
        training.known_standardisation(),
        None if training.target_scale is None else TargetScale(**training.target_scale.model_dump()),
        training.known_inputs(),
    )


@dataclass(frozen=True)
class RetrainedFolder:
    """Reads and writes the files of one."""

    path: Path

    def weights(self, seed: int) -> Path:
        return self.path / f"seed-{seed}.safetensors"

    def checkpoint(self, seed: int) -> Path:
        return self.path / f"seed-{seed}.checkpoint.safetensors"

    def seeds(self) -> list[int]:
        """The trainings that have weights."""
        numbers = (path.stem.removeprefix("seed-") for path in self.path.glob("seed-*.safetensors"))
        return sorted(int(number) for number in numbers if number.isdecimal() and number.isascii())

    def trained(self, seed: int | None) -> int:
        """A training that has weights; None for the first. Raises ValueError where it has none."""
        seeds = self.seeds()
        if not seeds or (seed is not None and seed not in seeds):
            legal = ", ".join(map(str, seeds)) or "none; `retrain` makes them"
            raise Error(f"{self.path} has no weights of training {seed or 0}; there are: {legal}")
        return seeds[0] if seed is None else seed

    def architecture(self) -> Architecture:
        """Raises ValueError where there is none, or a damaged one."""
        return read_architecture(self.path / ARCHITECTURE).architecture

    def training(self) -> Training:
        """Raises ValueError where there is none, or a damaged one."""
        path = self.path / TRAINING
        if not path.is_file():
            raise Error(f"{self.path} holds no retrained network (no {TRAINING}); `retrain` makes one")
        with damage_told(path):
            training = Training.model_validate_json(bounded_bytes(path, 16 * MEBIBYTE))
        if training.format != FORMAT:
            raise Error(f"{path} has the format {training.format[:60]!r}, not {FORMAT!r}")
        return training

    def results(self) -> dict[str, Any] | None:
        """The figures; None where they aren't there yet. Raises ValueError for a damaged file."""
        path = self.path / RESULTS
        if not path.exists():
            return None
        with damage_told(path):
            results = json_of(bounded_bytes(path, 16 * MEBIBYTE))
            if not isinstance(results, dict) or not isinstance(results.get("seeds"), list):
                raise Error("it has no list `seeds`")
            for line in results["seeds"]:
                if (
                    not isinstance(line, dict)
                    or not line.keys() >= _OF_A_SEED
                    or type(line["seed"]) is not int
                ):
                    raise Error(f"{str(line)[:60]!r} is no seed's result")
                read_answers(line)
            _check_rivals(results.get("rivals", []))
        return results

    def begin(self, file: ArchitectureFile, training: Training) -> None:
        """Makes the folder, or goes on with it.

        Raises:
            WrongUsage: where it holds a training that is another one.
            ValueError: where it is damaged.
            OSError: where it can't be written.
        """
        if (self.path / TRAINING).exists():
            there = self.training()
            changed = same_content(there.data.content, training.data.content) is False
            _check_same(self.path, _facts(there), _facts(training) | ({"data": None} if changed else {}))
            if self.architecture().digest != file.architecture.digest:
                raise Error(f"{self.path} is damaged: its architecture is another one")
            return
        # An architecture alone is a beginning that was interrupted.
        if self.path.exists() and {child.name for child in self.path.iterdir()} - {ARCHITECTURE}:
            raise WrongUsage(f"{self.path} exists and is no training; name another folder with --output")
        self.path.mkdir(parents=True, exist_ok=True)
        write_architecture(self.path / ARCHITECTURE, file)
        write_json(self.path / TRAINING, training.model_dump())

    def write_results(self, results: dict[str, Any]) -> None:
        write_json(self.path / RESULTS, results)

    def locked(self) -> AbstractContextManager[None]:
        """Keeps other processes from training in the same folder. Raises ValueError where one does."""
        return locked(self.path, "training")


def _check_rivals(lines: Any) -> None:
    for line in lines if isinstance(lines, list) else [lines]:
        seeds = line["seeds"] if isinstance(line, dict) and line.keys() >= _OF_A_RIVAL else None
        if not isinstance(seeds, list) or not all(
            isinstance(seed, dict) and seed.keys() >= _OF_A_RIVALS_SEED for seed in seeds
        ):
            raise Error(f"{str(line)[:60]!r} is no rival's result")
        for seed in seeds:
            read_answers(seed)


def plain_settings(settings: FullSettings) -> dict[str, Any]:
    """JSON-ready; 1 and 1.0 of a number that may have a fraction are the same."""
    return {
        name: float(value) if isinstance(getattr(FullSettings(), name), float) else value
        for name, value in asdict(settings).items()
    }


def plain_standardisation(known: Standardisation | None) -> dict[str, Any] | None:
    """As `Training` keeps it; None where there is none, or one of more than 100,000 numbers."""
    if known is None:
        return None
    mean, deviation = distinct(known.mean), distinct(known.deviation)
    return None if len(mean) + len(deviation) > _MOST_VALUES else {"mean": mean, "deviation": deviation}


def plain_inputs(inputs: RawInputs) -> dict[str, Any] | None:
    """As `Training` keeps them; None where they would make the file too large to be read again."""
    written = inputs.to_dict()
    return None if len(json.dumps(written)) > _MOST_OF_INPUTS else written


def _facts(training: Training) -> dict[str, Any]:
    """What must be the same to go on. Older folders have neither standardisation nor inputs, the digest tells
    the data; and no optimiser or class weights, there was one choice.
    """
    data = training.model_dump(exclude={"standardisation", "target_scale", "inputs"})
    settings = {"optimizer": "adamw", "class_weights": "none", **data.pop("settings")}
    about = data.pop("data")
    return {"data": about["digest"], "examples": about["examples"], **settings, **data}


def _check_same(path: Path, there: dict[str, Any], wanted: dict[str, Any]) -> None:
    for name in wanted:
        if there.get(name) != wanted[name]:
            what = f"{name} {there.get(name)}, not {wanted[name]}" if name != "data" else "other data"
            raise WrongUsage(f"{path} holds a training with {what}; name another folder with --output")
