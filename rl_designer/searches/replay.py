"""A run that goes on is done again from its seed: what earlier starts found, and whether it is so again."""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.problem import Design, Problem
from rl_designer.runs.folder import CONFIG
from rl_designer.store.store import StoredDesign


class Replay:
    """The designs of earlier starts.

    Attributes:
        clock: of the run, over all its starts.
    """

    def __init__(self, folder: Path, earlier: Sequence[StoredDesign]) -> None:
        self._folder = folder
        self._sources = [stored.source for stored in earlier]
        self._before = {
            (stored.source, stored.design.index): (stored.design.architecture.digest, stored.design.reward)
            for stored in earlier
        }
        self.clock = RunClock(len(earlier), max((stored.seconds for stored in earlier), default=0.0))

    def __len__(self) -> int:
        return len(self._sources)

    def count(self, source: str) -> int:
        """How many of them were the agent's, or the control's."""
        return self._sources.count(source)

    def check(self, source: str, design: Design) -> None:
        """Raises ValueError for one that isn't what it was before the run was stopped."""
        digest, reward = design.architecture.digest, design.reward
        was_digest, was_reward = self._before.pop((source, design.index), (digest, reward))
        if digest != was_digest:
            what = "is another one than before, since the code, a library or the reward changed"
        elif not math.isclose(reward, was_reward, rel_tol=1e-9):
            what = f"is paid {reward:g} and was paid {was_reward:g}, so the reward changed"
        else:
            return
        path = self._folder
        raise ValueError(f"{path} can't go on: its design {design.index} {what}; {begin_anew(path)}")


class RunClock:
    """Seconds that a run has taken over all its starts. It stands still while designs of an earlier start are
    replayed, so that they fit into a budget of seconds as they did then.
    """

    def __init__(self, replayed: int, seconds: float) -> None:
        self._to_replay = replayed
        self._before = seconds
        self._started = time.monotonic()

    def __call__(self) -> float:
        return 0.0 if self._to_replay > 0 else self._before + time.monotonic() - self._started

    def replay(self, designs: int) -> None:
        """That many more designs are known."""
        if self._to_replay > 0 >= self._to_replay - designs:
            self._started = time.monotonic()
        self._to_replay -= designs


class RecordedProblem(Problem):
    """Hands each batch's new designs to `record` before the agent sees them."""

    record: Callable[[Sequence[Design]], None]

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Design]:
        known = len(self.designs)
        try:
            return super().evaluate(architectures)
        finally:
            self.record(self.designs[known:])


def begin_anew(folder: Path) -> str:
    """What to do where a run can't go on."""
    return (
        f"begin another run with `rl-designer train --config {folder / CONFIG} --run NEW`, for which what is "
        "stored is not trained again"
    )
