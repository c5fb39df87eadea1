"""`RewardRun`: what came of a search under one reward, as plain figures of every design that it evaluated."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.rewards import COSTS, Cost

# Of each evaluated design, in this order; None where it isn't known, and in all of a design that failed.
COLUMNS = ("reward", "accuracy", "reported", *COSTS)

Values = NDArray[np.float64]


@dataclass(frozen=True)
class RewardRun:
    """A finished run. Figures only, JSON-ready.

    Attributes:
        reward: as the user named it.
        by_reward: whether the run chooses by its reward; else, where the reward sees the history and so can't
            compare designs of different moments, by validation accuracy.
        digests: of the evaluated designs, in the run's order.
        actions: that spell each of them in its space.
        figures: `COLUMNS` of each. `reward` is what the search was paid, `accuracy` what it saw; `reported`,
            the metric of a table's task, it never saw. On real training that is the validation accuracy of
            another training with other seeds, known of the designs that a yardstick may ask for.
        seconds: wall time of the search, the training of the final policy included.
        training_seconds: of all designs, whoever trained them; None on a table.
        energy_kwh: of the process during the search, estimated; None where it wasn't measured.
    """

    reward: str
    seed: int
    by_reward: bool
    digests: tuple[str, ...]
    actions: tuple[tuple[int, ...], ...]
    figures: tuple[tuple[float | None, ...], ...]
    seconds: float
    training_seconds: float | None = None
    energy_kwh: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`, also after JSON. Raises KeyError or ValueError otherwise."""
        from pydantic import TypeAdapter

        fields = {name: data[name] for name in cls.__dataclass_fields__}
        run = TypeAdapter(cls).validate_python(fields)
        if {len(row) for row in run.figures} - {len(COLUMNS)} or not (
            len(run.digests) == len(run.actions) == len(run.figures)
        ):
            raise ValueError(f"a run must have {len(COLUMNS)} figures of each design")
        return run

    @cached_property
    def table(self) -> Values:
        """The figures as float64 [designs, columns]; NaN for None."""
        return np.array(self.figures, dtype=np.float64).reshape(len(self.figures), len(COLUMNS))

    def column(self, name: str) -> Values:
        """One of `COLUMNS`, float64 [designs]."""
        return self.table[:, COLUMNS.index(name)]

    @property
    def evaluations(self) -> int:
        """Distinct designs that were asked for."""
        return len(self.digests)

    @property
    def failed(self) -> NDArray[np.bool_]:
        """bool [designs]."""
        return np.isnan(self.column("reward"))

    @property
    def merits(self) -> Values:
        """What the run chooses by, float64 [designs]; NaN where a design failed."""
        return self.column("reward" if self.by_reward else "accuracy")

    def within(self, cost: Cost | None, limit: float | None) -> NDArray[np.bool_]:
        """Designs that didn't fail and keep a limit, bool [designs]; None is without one."""
        trained = ~np.isnan(self.merits)
        return trained if cost is None or limit is None else trained & (self.column(cost) <= limit)

    def best_so_far(self, eligible: NDArray[np.bool_]) -> list[int]:
        """The eligible designs that were the best when they were evaluated; the last is the run's choice."""
        return best_so_far(np.where(eligible, self.merits, np.nan))

    def choice(self, cost: Cost | None = None, limit: float | None = None) -> int | None:
        """The design that the run hands out, within a limit where there is one; None where it has none."""
        return next(reversed(self.best_so_far(self.within(cost, limit))), None)


def best_so_far(merits: Values) -> list[int]:
    """The indices at which a sequence, NaN aside, reaches a new highest value."""
    best, indices = -np.inf, []
    for index, merit in enumerate(merits.tolist()):
        if merit > best:
            best = merit
            indices.append(index)
    return indices
