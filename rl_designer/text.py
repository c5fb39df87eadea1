"""Text that came from outside, made safe to show."""

import shlex
from collections.abc import Sequence

from rl_designer.envs.architecture import NONE, TRAINING, Architecture, Layer


def printable(text: object) -> str:
    """The text with every control, line-breaking or otherwise unprintable character escaped (`\\x1b`,
    `\\n`), so that a name can't move the cursor or forge a line.
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in str(text)
    )


def command(*words: object) -> str:
    """`rl-designer` with words, as it can be pasted into a shell: `rl-designer resume 'my run'`."""
    return shlex.join(["rl-designer", *map(str, words)])


def shortened(text: str, length: int) -> str:
    """At most `length` characters, the rest as `…`."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def cut(text: str, length: int) -> str:
    """At most `length` characters: what comes first and what comes last, since remedies stand at the end."""
    first = 2 * length // 3
    return text if len(text) <= length else f"{text[:first]} … {text[first + 3 - length :]}"


def short_design(architecture: Architecture) -> str:
    """A design in one short line: kinds with the values of their options, `conv(5,1,16) → pool(max)`; of a
    table's design, the options that it took; of a cell, the skeleton and the edges that are there,
    `macro(1,2,16): 0->1 conv(3), 1->3 skip`. What it says of its training comes first.
    """
    layers = []
    if training := architecture.training:
        layers.append(f"{TRAINING}({','.join(map(str, training.values()))})")
    if architecture.is_cell:
        return " → ".join([*map(printable, layers), _short_cell(architecture.network)])
    for layer in architecture.network:
        values = ",".join(str(value) for _, value in layer.options)
        layers.append(values if layer.is_decision else f"{layer.kind}({values})" if values else layer.kind)
    return printable(" → ".join(layers) or "(empty)")


def training_words(architecture: Architecture) -> str:
    """What a design says of its training: `optimizer muon, learning rate 0.02`; "" for nothing."""
    settings = architecture.training.items()
    return printable(", ".join(f"{name} {value}" for name, value in settings).replace("_", " "))


def _short_cell(layers: Sequence[Layer]) -> str:
    edges = []
    for layer in layers[1:]:
        options = dict(layer.options)
        edge, values = options.pop("edge", "?"), ",".join(map(str, options.values()))
        if layer.kind != NONE:
            edges.append(f"{edge} {layer.kind}{f'({values})' if values else ''}")
    skeleton = ",".join(str(value) for _, value in layers[0].options)
    return printable(f"{layers[0].kind}({skeleton}): {', '.join(edges) or '(no edge)'}")
