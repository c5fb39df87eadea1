"""A network as one readable Python file that needs torch alone, `templates/network.py.jinja`. No torch here.

Texts from outside (names of data, classes, runs) pass `literal` or `docstring_text` before they stand in it.
"""

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

from rl_designer import __version__
from rl_designer.envs.datasets.encoding import distinct
from rl_designer.envs.layers import KINDS
from rl_designer.envs.layers.source import LayerSource, expressions
from rl_designer.envs.search_spaces.costs import trace
from rl_designer.exporting.subject import Subject, template
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
    wrapper = textwrap.TextWrapper(
        _WIDTH, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False
    )
    facts = "\n".join(wrapper.fill(f"{head}: {text}") for head, text in _facts(subject, weights).items())
    names, known = subject.class_names, subject.standardisation
    numbered = names is None or names == tuple(map(str, range(len(names))))
    constants = {} if known is None else {"MEAN": known.mean, "DEVIATION": known.deviation}
    terms, tensors = _terms(constants, subject)
    layers, classifier = _layers(subject)
    written = [*tensors, *(text for _, layer in layers for text in layer.forward)]
    return template("network.py.jinja", literal=literal, constant=constant).render(
        subject=subject,
        facts=facts,
        weights=weights,
        class_names=[] if numbered else [_within(f"    {literal(name)},") for name in names or ()],
        constants=constants,
        terms=terms,
        tensors=tensors,
        layers=layers,
        classifier=classifier,
        needs_torch="torch." in "".join(written),
    )


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


def constant(values: "NDArray[np.float64]", name: str) -> str:
    """One number where all are equal, or else a tuple, in one line where it fits."""
    numbers = [repr(number).replace("e+", "e") for number in distinct(values)]
    if len(numbers) == 1:
        return f"{name} = {numbers[0]}"
    if len(line := f"{name} = ({', '.join(numbers)})") <= LINE_LENGTH:
        return line
    return "\n".join([f"{name} = (", *(f"    {number}," for number in numbers), ")"])


def _terms(constants: Mapping[str, "NDArray[np.float64]"], subject: Subject) -> tuple[list[str], list[str]]:
    """What stands for the constants where inputs are standardised, and lines that make tensors of them."""
    terms, tensors = [], []
    for name, values in constants.items():
        if len(numbers := distinct(values)) == 1:
            terms.append(name)
            continue
        each = values.size // len(numbers)
        repeated = f".repeat_interleave({each})" if each > 1 else ""
        tensor = f"torch.tensor({name}, dtype=torch.float64, device=x.device){repeated}"
        tensors.append(f"{name.lower()} = {tensor}")
        ones = ", 1" * (len(subject.input_shape) - 1)
        terms.append(name.lower() + (f".reshape(-1{ones})" if ones else ""))
    return terms, tensors


def _within(line: str) -> str:
    """A name can't be cut; linters let long lines pass where there is no space to break them at."""
    width = sum(2 if east_asian_width(c) in "WF" else 1 for c in line)
    return f"{line}  # noqa: E501" if width > LINE_LENGTH and " " in line.strip() else line


def _layers(subject: Subject) -> tuple[list[tuple[str, LayerSource]], str]:
    """Each layer with a comment, and the classifier."""
    from rl_designer.envs.networks.network import skeleton

    *modules, classifier = skeleton(subject.architecture, subject.input_shape, subject.num_classes)
    steps = trace(subject.architecture, subject.input_shape)
    layers = []
    for number, (step, module) in enumerate(zip(steps, modules, strict=True), 1):
        shapes = [" x ".join(map(str, shape.sizes)) for shape in (step.inputs, step.effect.outputs)]
        kind, parameters = step.layer.kind, int(step.effect.parameters)
        comment = f"{kind}: {shapes[0]} -> {shapes[1]}, {parameters:,} parameters"
        layers.append((comment, KINDS[kind].source(f"{kind.replace('-', '_')}{number}", module)))
    return layers, expressions(classifier)[0]
