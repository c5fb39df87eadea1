"""A network as one readable Python file that needs torch alone, `templates/network.py.jinja`. No torch here.

Texts from outside (names of data, classes, runs) pass `literal` or `docstring_text` before they stand in it.
"""

import ast
import math
import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple
from unicodedata import east_asian_width

from rl_designer import __version__
from rl_designer.envs.datasets.encoding import distinct
from rl_designer.envs.datasets.rows import cells
from rl_designer.envs.datasets.texts import symbols
from rl_designer.envs.layers import KINDS
from rl_designer.envs.layers.padded_source import padded_source
from rl_designer.envs.layers.source import LayerSource
from rl_designer.envs.layers.source import classifier as classifier_source
from rl_designer.envs.search_spaces.costs import final_shape, trace
from rl_designer.exporting.description import DESCRIPTION, output_words
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


def docstring_text(text: object, most: int = _MOST_SHOWN) -> str:
    """The text as it may stand inside a docstring in `\"\"\"`, in one line of at most `most` characters."""
    shown = shortened(printable(text), most)
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
    sources = [*(layer for _, layer in layers), classifier]
    written = [*tensors, *(text for source in sources for text in source.statements)]
    encodes = bool(subject.columns) and known is not None
    cuts = subject.tokeniser is not None
    predicts = weights is not None and (known is not None or cuts)
    needs_torch = weights is not None or encodes or cuts or "torch." in "".join(written)
    reader = _copied(cells if encodes else symbols) if encodes or cuts else _Copied((), "")
    return template("network.py.jinja", literal=literal, constant=constant).render(
        subject=subject,
        facts=facts,
        weights=weights,
        encodes=encodes,
        cuts=cuts,
        predicts=predicts,
        features=math.prod(subject.input_shape),
        reader=reader.code,
        imports=_imports(reader, weights is not None, encodes, cuts, needs_torch),
        raw=_raw(subject),
        class_names=[] if numbered else [_within(f"    {literal(name)},") for name in names or ()],
        constants=constants,
        terms=terms,
        tensors=tensors,
        layers=layers,
        classifier=classifier,
    )


class _Copied(NamedTuple):
    """What reads raw cells or texts, as it stands in the exported file."""

    imports: tuple[str, ...]
    code: str


def _copied(module: ModuleType) -> _Copied:
    """A module's imports and what comes after them."""
    text = Path(str(module.__file__)).read_text(encoding="utf-8")
    nodes = [node for node in ast.parse(text).body if isinstance(node, ast.Import | ast.ImportFrom)]
    code = "\n".join(text.splitlines()[nodes[-1].end_lineno :])
    return _Copied(tuple(ast.unparse(node) for node in nodes), code.strip("\n"))


def _imports(reader: _Copied, has_weights: bool, encodes: bool, cuts: bool, needs_torch: bool) -> list[str]:
    """The file's imports, as linters sort them."""
    standard = set(reader.imports)
    standard |= {"import json", "from pathlib import Path"} if has_weights or encodes or cuts else set()
    standard |= {"from typing import Any"} if encodes else set()
    lines = sorted(standard, key=lambda line: (line.startswith("from"), line))
    torch = [*(["import torch"] if needs_torch else []), "from torch import Tensor, nn"]
    return [*lines, *([""] if lines else []), *torch]


def _raw(subject: Subject) -> str:
    """The shape of a batch of raw examples, before signals and images are flattened."""
    shape = subject.input_shape if subject.inputs is None else subject.inputs.shape
    return f"[batch, {', '.join(map(str, shape))}]"


def _facts(subject: Subject, weights: str | None) -> dict[str, str]:
    """Lines of the docstring, safe to stand in it."""
    data = "" if subject.data is None else f" of {docstring_text(subject.data)}"
    does = "encoded(rows)" if subject.columns else "standardised(x)"
    taken = f"{subject.dtype} [batch, {subject.shape}]"
    standardised = "" if subject.standardisation is None else f": {does} does it"
    return {
        "Design": f"{subject.architecture.digest}, of the search space {subject.architecture.space}.",
        **_searched(subject),
        "Weights": _weights_text(subject, weights),
        "Costs": (
            f"{subject.costs.parameters:,} parameters, {subject.costs.macs:,} multiply-adds an example."
        ),
        "Input": (
            f"{taken}, numbers of symbols of texts{data}, 0 after their ends"
            f"{': encoded(texts) does it' if subject.tokeniser else ''}."
            if subject.architecture.of_texts
            else f"{taken}, standardised with the mean and the deviation of the training examples{data}, for "
            f"each feature or channel{standardised}."
        ),
        **_raw_facts(subject),
        "Output": f"{output_words(subject)}.",
        **_ensemble(subject),
        "Written by": f"rl-designer {__version__}; needs torch alone.",
    }


def _ensemble(subject: Subject) -> dict[str, str]:
    """How one is trained, where it is one."""
    members = final_shape(subject.architecture, subject.input_shape).members
    if members == 1:
        return {}
    given = f"[batch, {members}, {subject.num_classes}]"
    return {"Training": f"in training mode it gives what each of its {members} members says, {given}."}


def _raw_facts(subject: Subject) -> dict[str, str]:
    """What raw examples are, where it is known."""
    if (inputs := subject.inputs) is None:
        return {}
    if inputs.encoding is not None:
        return {"Columns": f"{docstring_text(inputs.encoding.summary, 2_000)}; see {DESCRIPTION}."}
    if (known := inputs.tokeniser) is not None:
        words = f"{known.size:,} {known.symbols}; the first {known.length:,} of a text count"
        return {"Texts": f"{words}; see {DESCRIPTION}."}
    told = [] if inputs.pixels is None else [f"pixels from {inputs.pixels[0]:g} to {inputs.pixels[1]:g}"]
    told += ["signals may end early, with NaN from there on"] if inputs.padded else []
    if inputs.kind != "features":
        axes = "channels, length" if inputs.kind == "signal" else "channels, height, width"
        told.insert(0, f"[batch, {axes}] = {_raw(subject)}")
    return {"Raw inputs": f"{'; '.join(told)}."} if told else {}


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
    if origin.val_figure is not None:
        name, value = origin.val_figure
        text += f", validation {docstring_text(name)} {value:.4f} after its short training"
    return {"Searched": f"{text}."}


def _weights_text(subject: Subject, weights: str | None) -> str:
    if weights is None:
        return "none; those that torch draws are to be trained."
    text, figure = f"{weights}, of full training {subject.retrained_seed}", subject.test_figure
    if figure is None:
        return f"{text}."
    return f"{text} (mean test {docstring_text(figure[0])} of all: {figure[1]:.4f})."


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


def _layers(subject: Subject) -> tuple[list[tuple[str, LayerSource]], LayerSource]:
    """Each layer with a comment, and the classifier."""
    from rl_designer.envs.networks.network import skeleton

    *modules, classifier = skeleton(subject.architecture, subject.input_shape, subject.num_classes)
    steps = trace(subject.architecture, subject.input_shape)
    layers = []
    for number, (step, module) in enumerate(zip(steps, modules, strict=True), 1):
        shapes = [" x ".join(map(str, shape.sizes)) for shape in (step.inputs, step.effect.outputs)]
        kind, parameters = step.layer.kind, int(step.effect.parameters)
        comment = f"{kind}: {shapes[0]} -> {shapes[1]}, {parameters:,} parameters"
        name = f"{kind.replace('-', '_')}{number}"
        layers.append((comment, padded_source(name, module, KINDS[kind].source)))
    return layers, classifier_source("classifier", classifier)
