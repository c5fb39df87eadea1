"""A generation: a controller designs the next one, which must do better than it in searches of their own."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import tomli_w

from rl_designer.agents.controller_space import agent_text, controller_of, options_of
from rl_designer.agents.ppo import PPO
from rl_designer.config import SearchConfig
from rl_designer.controllers.ground import evaluator_for
from rl_designer.envs.architecture import Architecture, Option
from rl_designer.envs.files.untrusted import MEBIBYTE, bounded_bytes, json_of
from rl_designer.errors import Error, WrongUsage
from rl_designer.files import write_json, write_text
from rl_designer.runs.folder import CONFIG, RunFolder
from rl_designer.runs.reading import RunReport, read_run
from rl_designer.searches.energy import kept_energy
from rl_designer.searches.observers import Observer
from rl_designer.searches.replay import other_than_asked
from rl_designer.searches.search import resume_search, run_search
from rl_designer.setting import engine_of
from rl_designer.store.evaluator import StoredEvaluator
from rl_designer.store.store import Store
from rl_designer.text import command

CONTROLLER = "controller.toml"
GENERATION = "generation.json"
_FINAL_SEEDS = 2  # times as many as in the search

Options = Mapping[str, Option]


@dataclass(frozen=True)
class Generation:
    """What a controller has designed.

    Attributes:
        number: from 1.
        designer: the options of the controller that searched.
        options: of what it designed; its own where none of its designs was better.
        progress: of what it designed, in searches with other seeds than those that it was chosen by first.
        designer_progress: its own in the same searches.
        finalists: how many of its designs were tried in them.
        controllers: how many it tried in all.
        seconds: wall time of the search and of the finals.
        energy_kwh: None where it wasn't measured.
        folder: its run's, with `controller.toml`.
    """

    number: int
    designer: dict[str, Option]
    options: dict[str, Option]
    progress: float
    designer_progress: float
    finalists: int
    controllers: int
    seconds: float
    energy_kwh: float | None
    folder: str

    @property
    def changed(self) -> dict[str, Option]:
        """The options in which it differs from its designer."""
        return {name: value for name, value in self.options.items() if self.designer[name] != value}

    @property
    def told(self) -> str:
        """What came of it, in a sentence."""
        finals = f"in searches with other seeds (finalists: {self.finalists})"
        if not self.changed:
            return (
                f"generation {self.number}: nothing gained. None of {self.controllers:,} controllers was "
                f"better than their designer {finals}, which stays: progress {self.designer_progress:.4f}"
            )
        changes = ", ".join(f"{name} {self.designer[name]} → {value}" for name, value in self.changed.items())
        return (
            f"generation {self.number}: progress {self.progress:.4f} in place of its designer's "
            f"{self.designer_progress:.4f} {finals}, on the tables that it was designed on: {changes}"
        )

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "changed": self.changed, "told": self.told}

    @classmethod
    def read(cls, path: Path) -> Self:
        """The inverse of `to_dict`, of a file. Raises ValueError for a damaged one."""
        try:
            data = json_of(bounded_bytes(path, MEBIBYTE))
            return cls(**{name: data[name] for name in cls.__dataclass_fields__})
        except (KeyError, TypeError, ValueError) as error:
            raise Error(f"{path} is damaged: {' '.join(str(error).split())[:200]}") from error


def design_next(
    config: SearchConfig,
    number: int,
    designer: Options,
    finalists: int,
    folder: Path,
    observers: Sequence[Observer],
    told: Callable[[str], None],
) -> Generation:
    """Lets a controller design the next; what was done before isn't done again.

    Args:
        config: of the search, without its agent.
        finalists: the best designs of the search, which are tried once more, against their designer.
        folder: of the generation.

    Raises:
        WrongUsage: where the folder holds another search.
        ValueError, OSError, KeyboardInterrupt: as a search.
    """
    config = config.changed(agent=agent_text(designer))
    report = _searched(config, folder, observers)
    best = [found.design.architecture for found in report.winners[:finalists]]
    if (folder / GENERATION).is_file():
        before = Generation.read(folder / GENERATION)
        if before.finalists != len(best):
            raise WrongUsage(
                f"{folder} had {before.finalists} finalists, not {len(best)}; name another folder"
            )
        return before
    if not best:
        raise Error(f"{folder}: no controller could search; see {command('report', folder)}")
    told(f"generation {number}: {len(best)} finalists and their designer are tried with other seeds")
    generation = _decided(number, designer, best, config, report)
    write_text(folder / CONTROLLER, controller_toml(generation))
    write_json(folder / GENERATION, json.loads(json.dumps(generation.to_dict())))
    return generation


def controller_toml(generation: Generation) -> str:
    """A controller as `--agent ppo:from-file=…` takes it."""
    about = f"{generation.told}; designed by {agent_text(generation.designer)}"
    return tomli_w.dumps({"agent": PPO.name, "about": about, "options": generation.options})


def _searched(config: SearchConfig, folder: Path, observers: Sequence[Observer]) -> RunReport:
    """The search of a generation, begun, gone on with, or finished before."""
    if not (folder / CONFIG).is_file():
        run_search(config, folder, observers)
        return read_run(folder)
    run = RunFolder.open(folder)
    if other := other_than_asked(run.summary, config, run.config):
        raise WrongUsage(
            f"{folder} holds another search ({'; '.join(other)}); name another folder with --run"
        )
    resume_search(run, observers, config.store, config.where.flat())
    return read_run(folder)


def _decided(
    number: int, designer: Options, best: Sequence[Architecture], config: SearchConfig, report: RunReport
) -> Generation:
    """The best of a search against their designer."""
    started, own = time.monotonic(), controller_of(designer)
    with kept_energy(report.folder, config.energy):
        scores = _finals([own, *best], number, config, report)
    chosen = max(scores, key=lambda architecture: scores[architecture])  # of equals the designer
    summary = report.folder.summary
    return Generation(
        number,
        dict(designer),
        options_of(chosen),
        scores[chosen],
        scores[own],
        len(best),
        len(report.designs),
        round(float(summary["seconds"]) + time.monotonic() - started, 1),
        summary.get("energy_kwh"),
        str(report.folder.path),
    )


def _finals(
    controllers: list[Architecture], number: int, config: SearchConfig, report: RunReport
) -> dict[Architecture, float]:
    """The progress of each, twice as many searches a table as before, with seeds of the generation's own."""
    engine = engine_of(config.where)
    with (
        evaluator_for(config.subject, engine, repeat=number, seeds_times=_FINAL_SEEDS) as evaluator,
        Store(report.folder.store_location, create=False) as store,
    ):
        stored = StoredEvaluator(store, evaluator, report.folder.id)
        evaluations = stored.evaluate(controllers)
    return {
        architecture: -1.0 if evaluation.score is None else evaluation.score
        for architecture, evaluation in zip(controllers, evaluations, strict=True)
    }
