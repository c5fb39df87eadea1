"""A run that goes on is done again from its seed: with the same settings and code, to the same designs."""

import json
import math
import platform
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rl_designer import __version__
from rl_designer.config import SearchConfig
from rl_designer.declared import about
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.problem import BudgetSpent, Design, Problem
from rl_designer.envs.source import source_digest
from rl_designer.errors import Error, OverLimit
from rl_designer.oversight.work import Work
from rl_designer.runs.folder import CONFIG
from rl_designer.store.store import StoredDesign
from rl_designer.text import command

BEGAN = "began"
_LIBRARIES = ("numpy", "optuna", "sb3-contrib", "scipy", "stable-baselines3", "torch")
_SOURCE = (
    "rl_designer.agents",
    "rl_designer.envs",
    "rl_designer.searches.control",
    "rl_designer.searches.finalists",
    "rl_designer.searches.objectives",
    "rl_designer.searches.references",
    "rl_designer.searches.replay",
    "rl_designer.searches.run",
    "rl_designer.searches.search",
    "rl_designer.searches.start",
    "rl_designer.searches.stopping",
    "rl_designer.setting",
)

_SETTINGS = SearchConfig.declared()
# Where things lie, and how fast it goes. What lies there is checked by its content.
_OF_NO_ACCOUNT = {name for name, field in _SETTINGS.items() if not about(field).changes_result}
_MAY_CHANGE = _OF_NO_ACCOUNT | {name for name, field in _SETTINGS.items() if about(field).by_content}

# For what an earlier version had no setting for.
_DEFAULTS: dict[str, Any] = json.loads(json.dumps({name: field.default for name, field in _SETTINGS.items()}))


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
        raise Error(f"{path} can't go on: its design {design.index} {what}; {begin_anew(path)}")


class RunClock:
    """Seconds that a run has taken over all its starts. It stands still while designs of an earlier start are
    replayed, so that they fit into a budget of seconds as they did then.
    """

    def __init__(self, replayed: int, seconds: float) -> None:
        self._to_replay = replayed
        self._before = seconds
        self._started = time.monotonic()

    def __call__(self) -> float:
        return 0.0 if self.replaying else self._before + time.monotonic() - self._started

    @property
    def replaying(self) -> bool:
        """Whether there are designs of an earlier start that aren't known yet."""
        return self._to_replay > 0

    def replay(self, designs: int) -> None:
        """That many more designs are known."""
        if self._to_replay > 0 >= self._to_replay - designs:
            self._started = time.monotonic()
        self._to_replay -= designs

    def when(self, seconds: float) -> float:
        """When it will show so many, by `time.monotonic`, if nothing more is replayed from now on."""
        started = time.monotonic() if self.replaying else self._started
        return started + seconds - self._before


class RecordedProblem(Problem):
    """Hands each batch's new designs to `record` before the agent sees them.

    Args:
        record: also called with those that were paid before an error or an interruption.
        clock: of the run.
        work: what an organisation's rules leave of hours and energy.
        options: as `Problem` has them.

    Attributes:
        stopped_by: what such a rule said, which ended the search; None where none did.
    """

    def __init__(
        self,
        record: Callable[[Sequence[Design]], None],
        *given: Any,
        clock: RunClock,
        work: Work,
        **options: Any,
    ) -> None:
        super().__init__(*given, clock=clock, **options)
        self.stopped_by: str | None = None
        self._record_batch = record
        self._run_clock = clock
        self._work = work

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Design]:
        known = len(self.designs)
        try:
            return super().evaluate(architectures)
        except OverLimit as error:
            self.stopped_by = self.stopped_by or str(error)
            raise BudgetSpent(str(error)) from error
        except BudgetSpent:
            if self._work.over() is not None:
                self.stopped_by = self.stopped_by or str(self._work.over())
            raise
        finally:
            self._record_batch(self.designs[known:])

    def _affordable(self, fresh: list[Architecture]) -> list[Architecture]:
        spent = not self._run_clock.replaying and self._work.over() is not None
        return [] if spent else super()._affordable(fresh)

    def _deadline(self) -> float | None:
        # Of designs that are partly replayed, those that aren't have the time that is left after the others.
        own = (
            None if self.budget.seconds is None else self._run_clock.when(self._started + self.budget.seconds)
        )
        return self._work.sooner(own)


def begin_anew(folder: Path) -> str:
    """What to do where a run can't go on."""
    anew = command("train", "--config", folder / CONFIG, "--run", "NEW")
    return f"begin another run with `{anew}`, for which what is stored is not trained again"


def began(config: SearchConfig, asked: SearchConfig) -> dict[str, Any]:
    """What a run folder keeps of its beginning.

    Args:
        config: of the run.
        asked: as it was given, without what the setting added.
    """
    return {
        "config": settings_of(config.to_keep()),
        "asked": settings_of(asked.to_keep()),
        "code": code_version(),
    }


def settings_of(config: SearchConfig) -> dict[str, Any]:
    """A config as it comes back from JSON."""
    found: dict[str, Any] = json.loads(json.dumps(config.flat()))
    return found


def code_version() -> dict[str, str]:
    """Whatever of the software a search's results may depend on, each with its version."""
    source = source_digest(*_SOURCE)
    found = {"rl-designer": __version__, "its source": source, "python": platform.python_version()}
    versions = {library: _version(library) for library in _LIBRARIES}
    return found | {library: known for library, known in versions.items() if known is not None}


@cache
def _version(library: str) -> str | None:
    """None where it isn't installed. Kept, since a search asks twice, and each takes milliseconds to find."""
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def changed_settings(run_summary: Mapping[str, Any], config: SearchConfig) -> list[str]:
    """How a run's config differs from what it began with, each as `seed: 0, now 1`; empty for a run that was
    made before this was kept.
    """
    before = _kept(run_summary, "config")
    return _differences(_DEFAULTS | before, settings_of(config), _MAY_CHANGE) if before else []


def changed_code(run_summary: Mapping[str, Any]) -> list[str]:
    """How the software differs from what a run began with, each as `torch: 2.12.0, now 2.13.0`."""
    before = _kept(run_summary, "code")
    return _differences(before, code_version()) if before else []


def other_than_asked(run_summary: Mapping[str, Any], config: SearchConfig, run: SearchConfig) -> list[str]:
    """How a run differs from a search that is asked for, each as `seed: 0, now 1`."""
    theirs = _DEFAULTS | (_kept(run_summary, "asked") or settings_of(run))
    return _differences(theirs, settings_of(config.to_keep()), _OF_NO_ACCOUNT)


def _kept(run_summary: Mapping[str, Any], part: str) -> dict[str, Any]:
    kept = run_summary.get(BEGAN)
    found = kept.get(part) if isinstance(kept, dict) else None
    return found if isinstance(found, dict) else {}


def _differences(
    before: Mapping[str, Any], now: Mapping[str, Any], besides: Collection[str] = ()
) -> list[str]:
    names = [name for name in {**before, **now} if name not in besides]
    return [
        f"{name}: {before.get(name)}, now {now.get(name)}"
        for name in names
        if before.get(name) != now.get(name)
    ]
