"""The best designs side by side: what each has that the winner hasn't, and the other way round."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.reports.words import layer_text
from rl_designer.text import printable


@dataclass(frozen=True)
class Part:
    """A layer of a design against the winner's.

    Attributes:
        state: `same`, `changed` (the winner has `instead` there), `added`, or `missing`, which the winner has
            and this design doesn't.
    """

    text: str
    state: str
    instead: str = ""


def differences(design: Architecture, winner: Architecture) -> list[Part]:
    """A design's layers in order, those that the winner has in addition among them."""
    own, best = _texts(design), _texts(winner)
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
    """`2 layers differ from the best design's`, for people."""
    count = sum(part.state != "same" for part in parts)
    if count == 0:
        return "the same layers"
    return "1 layer differs" if count == 1 else f"{count} layers differ"


def _texts(architecture: Architecture) -> list[str]:
    return [
        f"{printable(layer.kind)}: {layer_text(layer)}" if _is_decision(layer) else layer_text(layer)
        for layer in architecture.layers
    ]


def _is_decision(layer: Layer) -> bool:
    """Whether it is one of a table, whose kind is the decision's name."""
    return [name for name, _ in layer.options] == ["option"]
