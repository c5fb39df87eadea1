"""A network written as Python, ONNX or a `torch.export` program, and read back to be compared. Imports torch.

Every writer gives the files that it wrote and what computes the same as the network, read from those files.
"""

import importlib.util
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from rl_designer.envs.datasets.targets import TargetScale
from rl_designer.envs.networks.network import drawn_inputs
from rl_designer.errors import Error
from rl_designer.exporting.description import DESCRIPTION, description, input_words, output_words
from rl_designer.exporting.python_source import python_source
from rl_designer.exporting.subject import Subject
from rl_designer.files import write_json, write_text

NAME = "network"
INPUT, LOGITS, NUMBER = "input", "logits", "number"
_BATCH = "batch"
PYTHON = "python"
TOLERANCE = 1e-5  # of the largest output, where that is above 1
_DESIGN = "design"  # what says, in a file's metadata, that an export wrote it

# float32 [n, *input_shape], or symbols of texts int64 [n, length] → outputs [n, classes], or [n, 1]
Computed = Callable[[Tensor], Tensor]


class Mismatch(Error):
    """An exported network that computes something else than the original."""


@dataclass(frozen=True)
class Format:
    """A format that networks are written in.

    Attributes:
        files: the files' names; the one with the weights alone only where they were trained.
        write: writes them into a folder.
        read: reads them back.
        needs: packages that aren't installed with rl-designer itself.
    """

    files: tuple[str, ...]
    write: Callable[[Subject, Path], None]
    read: Callable[[Subject, Path], Computed]
    needs: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """The packages that aren't there."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]

    def files_of(self, subject: Subject) -> tuple[str, ...]:
        """The names of the files that this subject gets."""
        return tuple(f for f in self.files if subject.trained or not f.endswith(".safetensors"))


class _InItsUnit(nn.Module):
    """A network whose one output is the number that it predicts, in the target's unit."""

    def __init__(self, network: nn.Module, scale: TargetScale) -> None:
        super().__init__()
        self.network = network
        self.mean, self.deviation = scale.mean, scale.deviation

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.network(x)
        return self.mean + self.deviation * output


def exported_network(subject: Subject) -> nn.Module:
    """What all formats compute: logits, or a number in the target's unit where that is known."""
    return (
        subject.network if subject.target_scale is None else _InItsUnit(subject.network, subject.target_scale)
    )


def _write_python(subject: Subject, folder: Path) -> None:
    weights = f"{NAME}.safetensors" if subject.trained else None
    names = write_weights(subject, folder / weights) if weights else None
    write_json(folder / DESCRIPTION, description(subject, names))
    write_text(folder / f"{NAME}.py", python_source(subject, weights))


def write_weights(subject: Subject, path: Path) -> list[str]:
    """The network's weights, float32 as they are, under the names of the Python file's modules; the names."""
    with torch.random.fork_rng(devices=[]):
        source = python_source(replace(subject, inputs=None))  # whose columns aren't beside it yet
        copy = _module_of(source).__dict__[subject.class_name]()
    names, state = list(copy.state_dict()), subject.network.state_dict()
    tensors = dict(zip(names, (tensor.contiguous() for tensor in state.values()), strict=True))
    # One entry alone: safetensors writes several in an order that differs from call to call.
    save_file(tensors, path, {_DESIGN: subject.architecture.digest})
    return names


def remove_weights(folder: Path) -> None:
    """Removes the weights of an earlier export; a file of this name that no export wrote stays."""
    path = folder / f"{NAME}.safetensors"
    try:
        with safe_open(path, framework="pt", device="cpu") as opened:
            ours = _DESIGN in (opened.metadata() or {})
    except (SafetensorError, OSError):
        return
    if ours:
        path.unlink()


def _read_python(subject: Subject, folder: Path) -> Computed:
    """The file's own network, with the weights beside it, or else with those of the subject."""
    source = (folder / f"{NAME}.py").read_text(encoding="utf-8")
    module = _module_of(source, str((folder / f"{NAME}.py").absolute()))
    with torch.random.fork_rng(devices=[]):
        if subject.trained:
            network: nn.Module = module.__dict__["load"]()
        else:
            network = module.__dict__[subject.class_name]()
            values = subject.network.state_dict().values()
            network.load_state_dict(dict(zip(network.state_dict(), values, strict=True)))
    return network.eval()


def _module_of(source: str, path: str = f"{NAME}.py") -> ModuleType:
    """A module of source that was made here; it is not entered in `sys.modules`."""
    module = ModuleType(NAME)
    module.__file__ = path
    # What `import` does; the text is `python_source`'s, in which all that came from outside is escaped.
    exec(compile(source, path, "exec"), module.__dict__)
    return module


def exported_program(subject: Subject) -> torch.export.ExportedProgram:
    """The network as a `torch.export` program for batches of any size."""
    drawn = drawn_inputs(subject.architecture, subject.input_shape, 2, torch.Generator().manual_seed(0))
    example = torch.zeros_like(drawn)
    with _quiet(), torch.no_grad():
        shapes = ({0: torch.export.Dim(_BATCH)},)
        program = torch.export.export(exported_network(subject).eval(), (example,), dynamic_shapes=shapes)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of this machine
    return program


def metadata(subject: Subject) -> dict[str, str]:
    """What stands beside the network in ONNX and `torch.export` files; lists are JSON.

    What isn't known isn't there. `mean` and `deviation` are one number where all are equal, or one for each
    feature or channel; `columns` is the encoding of rows, and `tokeniser` that of texts, as `network.json`
    has them; `raw_shape` is that of an example before it is flattened; a number's `target_mean` and
    `target_deviation` are in the output already.
    """
    facts = {_DESIGN: subject.architecture.digest, "space": subject.architecture.space}
    facts["input"], facts["output"] = input_words(subject), output_words(subject)
    if subject.class_names is not None:
        facts["class_names"] = json.dumps(subject.class_names)
    if (scale := subject.target_scale) is not None:
        facts |= {"target_mean": repr(scale.mean), "target_deviation": repr(scale.deviation)}
    if (inputs := subject.inputs) is not None:
        facts |= {"raw_shape": json.dumps(inputs.shape), "padded": json.dumps(inputs.padded)}
        facts |= {} if inputs.pixels is None else {"pixels": json.dumps(inputs.pixels)}
        facts |= {"columns": json.dumps(subject.columns)} if subject.columns else {}
        facts |= {} if inputs.tokeniser is None else {"tokeniser": json.dumps(inputs.tokeniser.to_dict())}
    if (known := subject.standardisation) is not None:
        for name, values in {"mean": known.mean.ravel(), "deviation": known.deviation.ravel()}.items():
            equal = bool((values == values[0]).all())
            facts[name] = json.dumps((values[:1] if equal else values).tolist())
    return facts


def _write_program(subject: Subject, folder: Path) -> None:
    with _quiet():
        path = folder / f"{NAME}.pt2"
        torch.export.save(exported_program(subject), path, extra_files=metadata(subject))


def _read_program(subject: Subject, folder: Path) -> Computed:
    with _quiet():
        return torch.export.load(folder / f"{NAME}.pt2").module()


def _output(subject: Subject) -> str:
    return NUMBER if subject.predicts_number else LOGITS


def write_onnx(subject: Subject, path: Path) -> None:
    """Writes the file in float32."""
    import onnx

    with _quiet(), torch.no_grad():
        torch.onnx.export(
            exported_program(subject),
            (),
            path,
            input_names=[INPUT],
            output_names=[_output(subject)],
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    model = onnx.load(path)
    for node in model.graph.node:
        del node.metadata_props[:]  # how torch came to it
    onnx.helper.set_model_props(model, metadata(subject))
    onnx.save(model, path)


def read_onnx(subject: Subject, file: Path) -> Computed:
    """What ONNX Runtime makes of a file, with one thread."""
    import onnx
    import onnxruntime  # type: ignore[import-untyped,unused-ignore]

    path = str(file)
    onnx.checker.check_model(path, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def computed(x: Tensor) -> Tensor:
        return torch.from_numpy(session.run([_output(subject)], {INPUT: x.numpy()})[0])

    return computed


def _write_onnx(subject: Subject, folder: Path) -> None:
    write_onnx(subject, folder / f"{NAME}.onnx")


def _read_onnx(subject: Subject, folder: Path) -> Computed:
    return read_onnx(subject, folder / f"{NAME}.onnx")


@contextmanager
def _quiet() -> Iterator[None]:
    """Within it, torch keeps for itself what its exporters deprecate, and which packages they lack."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


FORMATS: Mapping[str, Format] = {
    PYTHON: Format((f"{NAME}.py", DESCRIPTION, f"{NAME}.safetensors"), _write_python, _read_python),
    "onnx": Format((f"{NAME}.onnx",), _write_onnx, _read_onnx, ("onnx", "onnxruntime", "onnxscript")),
    "torch-export": Format((f"{NAME}.pt2",), _write_program, _read_program),
}
