"""`network.json` beside an exported network: what goes in, what comes out, and what the network is, so that
`predict` can use it without running the Python file. Torch is imported late.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rl_designer.envs.datasets.encoding import Standardisation, distinct
from rl_designer.envs.datasets.inputs import RawInputs
from rl_designer.envs.datasets.targets import TargetScale
from rl_designer.envs.files.untrusted import MEBIBYTE, bounded_bytes, damage_told
from rl_designer.errors import Error
from rl_designer.exporting.subject import Subject
from rl_designer.retraining.folder import WrittenScale, WrittenStandardisation
from rl_designer.retraining.retrained import Retrained, network_with
from rl_designer.runs.architecture_files import ArchitectureFile, architecture_of

if TYPE_CHECKING:
    from torch import Tensor

DESCRIPTION = "network.json"
FORMAT: Literal["exported-network/1"] = "exported-network/1"

WEIGHTS = "network.safetensors"
_MOST_BYTES = 64 * MEBIBYTE
_MOST_WEIGHTS = 100_000  # tensors
_MOST_BESIDES = 16 * MEBIBYTE  # of names and shapes
_PARAMETER_BYTES = 2 * 4  # norms have no more statistics than parameters


class _Description(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    format: Literal["exported-network/1"]
    architecture: dict[str, Any]
    class_names: list[str] | None
    target_scale: WrittenScale | None
    standardisation: WrittenStandardisation | None
    inputs: dict[str, Any] | None
    training: int | None
    weights: list[str] | None = Field(max_length=_MOST_WEIGHTS)
    # Not in files of networks that weren't quantised.
    int8: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        file = self.file()
        if file.input_shape is None or file.num_classes is None:
            raise Error("its architecture must say its input_shape and num_classes")
        if self.class_names is not None and len(self.class_names) != file.num_classes:
            raise Error(f"it has {len(self.class_names)} class_names for {file.num_classes} classes")
        if self.weights is not None and len(set(self.weights)) < len(self.weights):
            raise Error("a name of its weights is there twice")
        return self

    def file(self) -> ArchitectureFile:
        return architecture_of(self.architecture, DESCRIPTION)


def description(subject: Subject, weights: Sequence[str] | None) -> dict[str, Any]:
    """The file's content.

    Args:
        weights: the names of the tensors beside it, in the order of `build_network`'s; None where none are.
    """
    known, scale = subject.standardisation, subject.target_scale
    file = ArchitectureFile(subject.architecture, subject.input_shape, subject.num_classes, subject.name)
    values = None if known is None else {"mean": distinct(known.mean), "deviation": distinct(known.deviation)}
    return {
        "format": FORMAT,
        "architecture": file.to_dict(),
        "class_names": None if subject.class_names is None else list(subject.class_names),
        "target_scale": None if scale is None else {"mean": scale.mean, "deviation": scale.deviation},
        "standardisation": values,
        "inputs": None if subject.inputs is None else subject.inputs.to_dict(),
        "training": subject.retrained_seed,
        "weights": None if weights is None else list(weights),
        **({} if subject.quantised is None else {"int8": subject.quantised.to_dict()}),
    }


def load_exported(folder: Path) -> Retrained:
    """The network of a folder that `export` wrote as `python`. Nothing in it is run.

    Raises:
        ValueError: where files aren't there, are damaged, or hold no trained weights; one line.
    """
    path = folder / DESCRIPTION
    with damage_told(path):
        read = _Description.model_validate_json(bounded_bytes(path, _MOST_BYTES))
        file = read.file()
        assert file.input_shape is not None and file.num_classes is not None  # looked at above
        shape, outputs = file.input_shape, file.num_classes
        inputs = None if read.inputs is None else RawInputs.from_dict(read.inputs, shape)
        standardisation = None
        if (values := read.standardisation) is not None:
            standardisation = Standardisation.of_values(values.mean, values.deviation, shape)
    if read.weights is None:
        raise Error(f"{folder} holds a network that was not trained; `retrain` trains it")
    weights = folder / WEIGHTS
    network = network_with(
        weights, lambda most: _tensors(weights, most), file.architecture, shape, outputs, read.weights
    )
    class_names = tuple(read.class_names or map(str, range(outputs))) if outputs > 1 else ()
    scale = None if read.target_scale is None else TargetScale(**read.target_scale.model_dump())
    known = (class_names, read.training or 0, None, standardisation, scale, inputs)
    return Retrained(file.architecture, network, shape, *known)


def _tensors(path: Path, parameters: int) -> dict[str, "Tensor"]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(bounded_bytes(path, _PARAMETER_BYTES * parameters + _MOST_BESIDES))
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise Error(f"{path} can't be used: {' '.join(str(error).split())[:200]}") from error


# -- in words ----------------------------------------------------------------------------------------


def input_words(subject: Subject) -> str:
    """What goes in, for people."""
    if subject.architecture.of_texts:
        known = subject.tokeniser
        of = "symbols" if known is None else f"{known.size:,} {known.symbols}"
        return f"int64 [batch, {subject.shape}], numbers of {of}, 0 after a text's end"
    words = f"float32 [batch, {subject.shape}], standardised with mean and deviation"
    inputs = subject.inputs
    if inputs is None:
        return words
    if inputs.encoding is not None:
        return f"{words}; the features of {len(subject.columns):,} columns, in their order"
    if inputs.kind == "features":
        return words
    axes = ", ".join(map(str, inputs.shape))
    layout = "channels, length" if inputs.kind == "signal" else "channels, height, width"
    words += f"; {inputs.kind}s of [{layout}] = [{axes}]"
    if inputs.shape != subject.input_shape:
        words += ", flattened in this order"
    if inputs.pixels is not None:
        words += f", pixels from {inputs.pixels[0]:g} to {inputs.pixels[1]:g} before they are standardised"
    if inputs.padded:
        words += ", 0 after the end of shorter ones once they are standardised"
    return words


def output_words(subject: Subject) -> str:
    """What comes out, for people."""
    if not subject.predicts_number:
        return f"logits, float32 [batch, {subject.num_classes}]"
    unit = "standardised" if subject.target_scale is None else "in the target's unit"
    return f"a number {unit}, float32 [batch, 1]"
