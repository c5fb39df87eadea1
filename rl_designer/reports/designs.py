"""A design in the words and the picture that people read: layer by layer, and against another."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.search_spaces.limits import COSTS, UNLIMITED, Limits
from rl_designer.quantities import show_count, show_figure
from rl_designer.reports.cells import Graph, cell_graph
from rl_designer.runs.reading import RunReport
from rl_designer.store.store import StoredDesign
from rl_designer.text import printable, short_design, shortened

_TALLEST, _WIDEST = 44, 64  # of a shape's picture


@dataclass(frozen=True)
class DrawnLayer:
    """A line of the drawing.

    Attributes:
        text: the layer in one word, `conv(kernel=3, width=16)`.
        options: name and value.
        box: width and height of the shape's picture; None where the shape isn't known.
        parameters_share, macs_share: of all of the design's, 0–1.
    """

    kind: str
    text: str
    options: tuple[tuple[str, str], ...]
    shape: str
    box: tuple[int, int] | None
    parameters: str = ""
    macs: str = ""
    parameters_share: float = 0.0
    macs_share: float = 0.0


@dataclass(frozen=True)
class Drawing:
    """All lines, and the totals; these are empty texts where a table knows no shapes. Of a cell its graph.
    What the design says of its training is a line before the input.
    """

    lines: tuple[DrawnLayer, ...]
    parameters: str = ""
    macs: str = ""
    graph: Graph | None = None


def draw(architecture: Architecture, setting: Mapping[str, Any]) -> Drawing:
    """Raises ValueError where the setting's facts don't fit the design."""
    if "input_shape" not in setting:
        known = (
            DrawnLayer(layer.kind, str(layer), _options(dict(layer.options)), "", None)
            for layer in architecture.told
        )
        return Drawing(tuple(known))
    from rl_designer.envs.search_spaces.costs import describe

    shape, classes = tuple(map(int, setting["input_shape"])), int(setting["num_classes"])
    found = describe(architecture, shape, classes)
    parameters, macs = (sum(getattr(line, name) for line in found) for name in ("parameters", "macs"))
    deepest = max(shape[0], *(line.output_shape[0] for line in found)) if found else shape[0]
    longest = max((*shape[1:], 1))
    training = (layer for layer in architecture.told if layer.is_training)
    lines = [
        DrawnLayer(layer.kind, str(layer), _options(dict(layer.options)), "", None) for layer in training
    ]
    lines.append(DrawnLayer("input", "input", (), _shape(shape), _box(shape, deepest, longest)))
    lines.extend(
        DrawnLayer(
            line.layer.kind,
            str(line.layer),
            _options(dict(line.layer.options)),
            _shape(line.output_shape),
            _box(line.output_shape, deepest, longest),
            show_count(line.parameters),
            show_count(line.macs),
            line.parameters / max(parameters, 1),
            line.macs / max(macs, 1),
        )
        for line in found
    )
    return Drawing(tuple(lines), show_count(parameters), show_count(macs), cell_graph(architecture))


def device_costs(architecture: Architecture, setting: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What a run's design takes of a device, where that is counted: words, how much, the limit in words."""
    from rl_designer.envs.search_spaces.costs import counted_beside

    costs = []
    for name, spent in counted_beside(architecture, setting).items():
        cost, most = COSTS[name], Limits.given(Limits.kept(setting)).of(name)
        told = f"of at most {cost.figure(most)}" if most < UNLIMITED else "no limit"
        costs.append((cost.words, cost.figure(spent), told))
    return costs


def _options(options: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((printable(name), printable(value)) for name, value in options.items())


def _shape(sizes: tuple[int, ...]) -> str:
    return " × ".join(map(str, sizes))


def _box(sizes: tuple[int, ...], deepest: int, longest: int) -> tuple[int, int]:
    """Height by the channels, width by the length, both in logarithms, so that a halving is seen."""
    height = 6 + (_TALLEST - 6) * math.log2(1 + sizes[0]) / math.log2(1 + deepest)
    length = max((*sizes[1:], 1))
    width = 6 + (_WIDEST - 6) * math.log2(length) / math.log2(max(longest, 2))
    return round(width), round(height)


def yes_or_no(value: object, otherwise: str) -> str:
    """Of true, false, and whatever else."""
    return "yes" if value is True else "no" if value is False else otherwise


def layer_text(layer: Layer) -> str:
    """A layer in full: `conv kernel 5, stride 1, width 16`; what is true by its name, what is false not; of a
    table's decision, the option.
    """
    if layer.is_decision:
        return printable(layer["option"])
    options = [
        name if value is True else f"{name} {value}" for name, value in layer.options if value is not False
    ]
    return printable(f"{layer.kind} {', '.join(options)}".strip().replace("_", " "))


def signed(value: float) -> str:
    """`+0.12`, `−0.03`, `0.00`."""
    text = f"{abs(value):.2f}"
    return text if text == "0.00" else f"{'−' if value < 0 else '+'}{text}"


def told_design(found: StoredDesign, report: RunReport) -> str:
    """What a mark says of its design, in one line."""
    evaluation = found.design.evaluation
    opening = f"Evaluation {report.position(found)} by {report.found_by(found)}"
    design = shortened(short_design(found.design.architecture), 160)
    if evaluation.failure is not None:
        return f"{opening}: failed, {shortened(evaluation.failure, 100)}. {design}"
    if evaluation.stopped_at is not None:
        opening += f", stopped early after {evaluation.stopped_at} epochs"
    facts = [f"reward {found.design.reward:.4f}"]
    if (value := report.measured(evaluation)) is not None:
        facts.append(f"validation {report.objective.metric} {show_figure(value)}")
    if evaluation.parameters is not None:
        facts.append(f"{show_count(evaluation.parameters)} parameters")
    return f"{opening}: {', '.join(facts)}. {design}"


@dataclass(frozen=True)
class Part:
    """A layer of a design, or a setting of its training, against the winner's.

    Attributes:
        state: `same`, `changed` (the winner has `instead` there), `added`, or `missing`, which the winner has
            and this design doesn't.
    """

    text: str
    state: str
    instead: str = ""
    of_training: bool = False


def differences(design: Architecture, winner: Architecture) -> list[Part]:
    """What a design says of its training and its layers in order, those that the winner has in addition among
    them.
    """
    own, best = (
        [layer_text(layer) for layer in each.layers if layer.is_training] for each in (design, winner)
    )
    settings = [replace(part, of_training=True) for part in _compared(own, best)]
    return settings + _compared(_texts(design), _texts(winner))


def _compared(own: Sequence[str], best: Sequence[str]) -> list[Part]:
    parts: list[Part] = []
    for kind, i, j, k, m in SequenceMatcher(None, best, own, autojunk=False).get_opcodes():
        if kind == "equal":
            parts += [Part(text, "same") for text in own[k:m]]
            continue
        paired = min(j - i, m - k)
        parts += [Part(own[k + n], "changed", best[i + n]) for n in range(paired)]
        parts += [Part(text, "added") for text in own[k + paired : m]]
        parts += [Part(text, "missing") for text in best[i + paired : j]]
    return parts


def told(parts: Sequence[Part]) -> str:
    """`2 layers differ, 1 setting differs` from the best design's, for people."""
    others = [part for part in parts if part.state != "same"]
    counts = {
        "layer": sum(not part.of_training for part in others),
        "setting": sum(part.of_training for part in others),
    }
    words = [
        f"1 {what} differs" if count == 1 else f"{count} {what}s differ"
        for what, count in counts.items()
        if count
    ]
    return ", ".join(words) or "the same layers"


def _texts(architecture: Architecture) -> list[str]:
    return [
        f"{printable(layer.kind)}: {layer_text(layer)}" if layer.is_decision else layer_text(layer)
        for layer in architecture.network
    ]


def design_row(found: StoredDesign, report: RunReport) -> dict[str, str]:
    """A line of the table of designs; `ended` is empty for what was trained in full."""
    evaluation = found.design.evaluation
    ended = shortened(printable(evaluation.failure or ""), 80)
    if evaluation.stopped_at is not None:
        ended = f"stopped after {evaluation.stopped_at} epochs"
    return {
        "number": str(report.position(found)),
        "by": report.found_by(found),
        "reward": show_figure(found.design.reward),
        "accuracy": show_figure(report.measured(evaluation)),
        "parameters": show_count(evaluation.parameters),
        "macs": show_count(evaluation.macs),
        "ended": ended,
        "design": shortened(short_design(found.design.architecture), 200),
        "digest": found.design.architecture.digest,
    }
