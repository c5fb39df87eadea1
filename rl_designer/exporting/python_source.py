"""A network as one readable Python file that needs torch alone. No torch here.

Texts from outside (names of data, classes, runs) pass `literal` or `docstring_text` before they stand in it.
"""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

from rl_designer import __version__
from rl_designer.envs.datasets.encoding import distinct
from rl_designer.envs.layers import KINDS
from rl_designer.envs.layers.source import expressions
from rl_designer.envs.search_spaces.costs import Step, trace
from rl_designer.exporting.subject import Subject
from rl_designer.text import printable, shortened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LINE_LENGTH = 110
_WIDTH = 88
_MOST_SHOWN = 200


def literal(text: str) -> str:
    """A Python string literal as formatters write it: nothing in the text can end it or hide in it."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    escaped = "".join("\\\\" if c == "\\" else f"\\{c}" if c == quote else printable(c) for c in text)
    return f"{quote}{escaped}{quote}"


def docstring_text(text: object) -> str:
    """The text as it may stand inside a docstring in `\"\"\"`, in one line of at most 200 characters."""
    shown = shortened(printable(text), _MOST_SHOWN)
    return shown.replace("\\", "\\\\").replace('"', "'")


def python_source(subject: Subject, weights: str | None = None) -> str:
    """The file's text, as `ruff format` leaves it; the same for the same subject.

    Args:
        weights: the name of the safetensors file beside it; None where there is none.
    """
    body = "\n".join(_class(subject))
    ready = "\n".join(_standardised(subject))
    parts = [
        _docstring(subject, weights),
        "\n".join(_imports(weights is not None, "torch." in body + ready)),
        "\n".join(_constants(subject, weights)),
        "\n",
        *([ready, "\n"] if ready else []),
        body,
    ]
    if weights is not None:
        parts += ["\n", _loader(subject.class_name)]
    return "\n".join(parts) + "\n"


def _docstring(subject: Subject, weights: str | None) -> str:
    lines = [f'"""{subject.class_name}: a neural network, written out by rl-designer.', ""]
    wrapper = textwrap.TextWrapper(
        _WIDTH, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False
    )
    lines += (wrapper.fill(f"{head}: {text}") for head, text in _facts(subject, weights).items())
    return "\n".join([*lines, '"""', ""])


def _facts(subject: Subject, weights: str | None) -> dict[str, str]:
    """Lines of the docstring, safe to stand in it."""
    data = "" if subject.data is None else f" of {docstring_text(subject.data)}"
    standardised = "" if subject.standardisation is None else ": standardised(x) does it"
    return {
        "Design": f"{subject.architecture.digest}, of the search space {subject.architecture.space}.",
        **_searched(subject),
        "Weights": _weights_text(subject, weights),
        "Costs": (
            f"{subject.costs.parameters:,} parameters, {subject.costs.macs:,} multiply-adds an example."
        ),
        "Input": (
            f"float32 [batch, {subject.shape}], standardised with the mean and the deviation of the training "
            f"examples{data}, for each feature or channel{standardised}."
        ),
        "Output": f"logits, float32 [batch, {subject.num_classes}].",
        "Written by": f"rl-designer {__version__}; needs torch alone.",
    }


def _searched(subject: Subject) -> dict[str, str]:
    origin = subject.origin
    source = docstring_text(Path(origin.source).name or origin.source)
    if origin.agent is None:
        note = f" ({docstring_text(origin.note)})" if origin.note else ""
        return {"From": f"{source}{note}."}
    config = origin.config or {}
    on = docstring_text(Path(str(config.get("data"))).name)
    text = f"by {docstring_text(origin.agent)} with the seed {origin.seed} on {on}, run {source}"
    if origin.found_at is not None:
        text += f", at evaluation {origin.found_at:,} of {origin.evaluations:,}"
    if origin.val_accuracy is not None:
        text += f", validation accuracy {origin.val_accuracy:.4f} after its short training"
    return {"Searched": f"{text}."}


def _weights_text(subject: Subject, weights: str | None) -> str:
    if weights is None:
        return "none; those that torch draws are to be trained."
    accuracy = ((subject.results or {}).get("test_accuracy") or {}).get("mean")
    text = f"{weights}, of full training {subject.retrained_seed}"
    return f"{text}." if accuracy is None else f"{text} (mean test accuracy of all: {accuracy:.4f})."


def _imports(loads: bool, torch: bool) -> Iterator[str]:
    if loads:
        yield from ("import json", "from pathlib import Path", "")
    if loads or torch:
        yield "import torch"
    yield from ("from torch import Tensor, nn", "")


def _constants(subject: Subject, weights: str | None) -> Iterator[str]:
    yield f"INPUT_SHAPE = ({subject.shape}{',' if len(subject.input_shape) == 1 else ''})"
    yield f"NUM_CLASSES = {subject.num_classes}"
    names = subject.class_names
    if names is not None and names != tuple(map(str, range(len(names)))):
        yield "CLASS_NAMES = ("
        yield from (_within(f"    {literal(name)},") for name in names)
        yield ")"
    if (known := subject.standardisation) is not None:
        yield from _numbers("MEAN", known.mean)
        yield from _numbers("DEVIATION", known.deviation)
    if weights is not None:
        yield f"WEIGHTS = Path(__file__).with_name({literal(weights)})"


def _numbers(name: str, values: "NDArray[np.float64]") -> Iterator[str]:
    """One number where all are equal, or else a tuple, in one line where it fits."""
    numbers = [repr(number).replace("e+", "e") for number in distinct(values)]
    if len(numbers) == 1:
        yield f"{name} = {numbers[0]}"
    elif len(line := f"{name} = ({', '.join(numbers)})") <= LINE_LENGTH:
        yield line
    else:
        yield from (f"{name} = (", *(f"    {number}," for number in numbers), ")")


def _standardised(subject: Subject) -> Iterator[str]:
    """The function that makes the network's inputs of raw ones; nothing where the constants aren't known."""
    if (known := subject.standardisation) is None:
        return
    yield "def standardised(x: Tensor) -> Tensor:"
    yield f'    """Raw inputs [batch, {subject.shape}] as the network takes them, float32."""'
    terms = []
    for name, values in {"MEAN": known.mean, "DEVIATION": known.deviation}.items():
        if len(numbers := distinct(values)) == 1:
            terms.append(name)
            continue
        each = values.size // len(numbers)
        repeated = f".repeat_interleave({each})" if each > 1 else ""
        yield f"    {name.lower()} = torch.tensor({name}, dtype=torch.float64, device=x.device){repeated}"
        ones = ", 1" * (len(subject.input_shape) - 1)
        terms.append(name.lower() + (f".reshape(-1{ones})" if ones else ""))
    yield f"    return ((x.double() - {terms[0]}) / {terms[1]}).float()"


def _within(line: str) -> str:
    """A name can't be cut; linters let long lines pass where there is no space to break them at."""
    width = sum(2 if east_asian_width(c) in "WF" else 1 for c in line)
    return f"{line}  # noqa: E501" if width > LINE_LENGTH and " " in line.strip() else line


def _class(subject: Subject) -> Iterator[str]:
    from rl_designer.envs.networks.network import skeleton

    steps = list(trace(subject.architecture, subject.input_shape))
    *modules, classifier = skeleton(subject.architecture, subject.input_shape, subject.num_classes)
    layers = [
        KINDS[step.layer.kind].source(f"{step.layer.kind.replace('-', '_')}{number}", module)
        for number, (step, module) in enumerate(zip(steps, modules, strict=True), 1)
    ]
    yield f"class {subject.class_name}(nn.Module):"
    yield f'    """Takes float32 [batch, {subject.shape}], gives logits [batch, {subject.num_classes}]."""'
    yield ""
    yield "    def __init__(self) -> None:"
    yield "        super().__init__()"
    for step, layer in zip(steps, layers, strict=True):
        yield f"        # {_comment(step)}"
        for attribute, written in layer.modules.items():
            yield from _attribute(attribute, written)
    yield f"        self.classifier = {expressions(classifier)[0]}"
    yield ""
    yield "    def forward(self, x: Tensor) -> Tensor:"
    for layer in layers:
        yield from (f"        {statement}" for statement in layer.forward)
    yield "        logits: Tensor = self.classifier(x)"
    yield "        return logits"


def _comment(step: Step) -> str:
    shapes = [" x ".join(map(str, shape.sizes)) for shape in (step.inputs, step.effect.outputs)]
    return f"{step.layer.kind}: {shapes[0]} -> {shapes[1]}, {int(step.effect.parameters):,} parameters"


def _attribute(name: str, modules: tuple[str, ...]) -> Iterator[str]:
    if len(modules) == 1:
        yield f"        self.{name} = {modules[0]}"
        return
    yield f"        self.{name} = nn.Sequential("
    yield from (f"            {module}," for module in modules)
    yield "        )"


def _loader(name: str) -> str:
    return f'''def load(weights: Path = WEIGHTS) -> {name}:
    """The trained network on the CPU, in evaluation mode."""
    network = {name}()
    network.load_state_dict(read_safetensors(weights))
    return network.eval()


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors in a safetensors file: the length of a header, the header in JSON, all numbers."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    dtypes = {{"F32": torch.float32, "I64": torch.int64}}
    tensors = {{}}
    for name, entry in json.loads(data[8:start]).items():
        if name != "__metadata__":
            first, end = entry["data_offsets"]
            numbers = bytearray(data[start + first : start + end])
            tensors[name] = torch.frombuffer(numbers, dtype=dtypes[entry["dtype"]]).reshape(entry["shape"])
    return tensors'''
