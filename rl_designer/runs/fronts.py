"""`FrontDesign`: what a run with several objectives leaves in place of one best design, in its summary."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from rl_designer.envs.extensions import names_code
from rl_designer.quantities import show_count, show_figure
from rl_designer.text import printable

if TYPE_CHECKING:  # late: a command's options come at once
    from rl_designer.envs.problem import Design
    from rl_designer.store.store import StoredDesign

OBJECTIVES = "objectives"  # in the summary: of each what people must know of it, see `Facts`
SCORE = "val_accuracy"  # the objective that is the score by the search's metric
FRONT = "front"  # in the summary: the front's designs, the best by the leading objective first
_LEAST = 1e-9  # of a cost


class Facts(BaseModel):
    """An objective as a run's summary has it, so that nobody has to run its code to read the figures.

    Attributes:
        name: its text.
        unit: of its figures; "" for a plain number.
        higher_is_better: of its figures.
        cost: that it is less of; None where it is no cost.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    name: str
    unit: str
    higher_is_better: bool
    cost: str | None

    @property
    def is_score(self) -> bool:
        """Whether it is the score by the search's metric."""
        return self.name == SCORE

    @property
    def label(self) -> str:
        """What people call it: its text, without the folder of a file of one's own."""
        return printable(Path(self.name).name if names_code(self.name) else self.name)

    def value(self, figure: float) -> float:
        """What it gives for a figure, higher is better, see `Objective.value`."""
        return figure if self.cost is None else -math.log10(max(figure, _LEAST))

    def shown(self, figure: float) -> str:
        """For people."""
        if self.cost is None:
            return show_figure(figure)
        return show_count(figure) if figure >= 1 else f"{figure:.3g}"


class Entry(BaseModel):
    """A design of a front, as far as other code relies on it."""

    model_config = ConfigDict(strict=True, extra="allow")

    digest: str
    figures: dict[str, Annotated[float, Field(allow_inf_nan=False)]]


@dataclass(frozen=True)
class FrontDesign:
    """A design that no other of its run beats in all objectives.

    Attributes:
        found: the design, and who found it.
        figures: by the objectives' texts, in their units: of a cost the cost.
    """

    found: "StoredDesign"
    figures: Mapping[str, float]

    @property
    def design(self) -> "Design":
        return self.found.design

    @property
    def digest(self) -> str:
        return self.design.architecture.digest


def leading_place(objectives: Sequence[Facts]) -> int:
    """Which objective designs are ranked and paid by: the first that is no cost, else the first."""
    return next((place for place, facts in enumerate(objectives) if facts.cost is None), 0)


def objectives_of(summary: Mapping[str, Any]) -> list[Facts]:
    """Those of a run by its summary; none where it searched by a reward."""
    return [Facts.model_validate(facts) for facts in summary.get(OBJECTIVES, ())]


def front_of(summary: Mapping[str, Any], designs: Sequence["StoredDesign"]) -> list[FrontDesign]:
    """The designs of a run's front, of those that its store has."""
    known: dict[str, StoredDesign] = {}
    for found in designs:
        known.setdefault(found.design.architecture.digest, found)
    names = {facts.name for facts in objectives_of(summary)}
    return [
        FrontDesign(known[entry["digest"]], entry["figures"])
        for entry in summary.get(FRONT, ())
        if entry["digest"] in known and names == entry["figures"].keys()
    ]
