"""`Loop`: a controller designs the next one, which designs the next; and what that has brought."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rl_designer.agents.controller_space import usual_options
from rl_designer.config import SearchConfig, make_config
from rl_designer.controllers import DEFAULT_CONTROLLERS
from rl_designer.controllers.generation import Generation, design_next
from rl_designer.controllers.judging import Judge, conclusions
from rl_designer.controllers.named_task import NamedTask
from rl_designer.envs.tables.catalogue import DEFAULT_TABLE, TABLES
from rl_designer.errors import Interrupted, WrongUsage, usage_errors
from rl_designer.files import locked, write_json
from rl_designer.jobs.jobs import JobObserver
from rl_designer.runs.folder import DEFAULT_PARENT, DEFAULT_STORE
from rl_designer.searches.energy import check_energy
from rl_designer.searches.observers import Observer
from rl_designer.setting import engine_of, named_table

DEFAULT_FOLDER = DEFAULT_PARENT / "loop"
LOOP, JUDGE = "loop.json", "judge"


@dataclass(frozen=True)
class Loop:
    """What is looped.

    Attributes:
        config: of each generation's search, on `controllers`; generation n has the n-th seed from its own.
        generations: how many controllers are designed, one by the other.
        finalists: of each, the best designs that are tried once more against their designer.
        judge: tables that the generations are judged on; () for the embedded ones that none was tried on.
        judge_seeds, judge_evaluations: as `Judge` has them.
    """

    config: SearchConfig
    generations: int = 3
    finalists: int = 4
    judge: tuple[str, ...] = ()
    judge_seeds: int = 20
    judge_evaluations: int = 200

    def judged_by(self) -> Judge:
        """Raises WrongUsage for tables that can't be or that controllers are tried on, and without any."""
        with usage_errors():
            tried = [NamedTask.of(text) for text in self.config.subject.controllers]
            tasks = [NamedTask.of(text) for text in self.judge]
        seen = {task.table for task in tried}
        tasks = tasks or [NamedTask(name) for name in TABLES if name not in seen]
        if not tasks:
            raise WrongUsage("all embedded tables are tried on; name others with --judge to judge by")
        for task in [*tried, *tasks]:
            named_table(task.table)
            with usage_errors():
                _ = task.evaluator
        for task in set(tried) & set(tasks):
            raise WrongUsage(f"{task} can't judge: controllers are tried on it")
        return Judge(tuple(tasks), self.judge_seeds, self.judge_evaluations)


def config_of(settings: Mapping[str, Any]) -> SearchConfig:
    """The config of each generation's search: without `controllers` on the embedded table, compared with
    nothing, since it is judged afterwards.

    Args:
        settings: by their names alone, None where not given.

    Raises:
        WrongUsage: as `make_config`.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    usual = {"controllers": (DEFAULT_TABLE,), "evaluations": DEFAULT_CONTROLLERS}
    return make_config({**usual, "control_share": 0.0, "tensorboard": False, **given})


def run_loop(
    loop: Loop,
    folder: Path = DEFAULT_FOLDER,
    observe: Callable[[], Sequence[Observer]] = tuple,
    judged: JobObserver | None = None,
    told: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Designs the generations, each in a run folder of its own, and judges them. The same again goes on where
    it was stopped.

    Args:
        observe: makes those of a generation's search.
        judged: told of the searches that judge.
        told: a line for people.

    Returns:
        What `loop --json` prints.

    Raises:
        WrongUsage: for tables and numbers that can't be, and where the folder holds another loop.
        ValueError, OSError: as a search.
        Interrupted: with a text that says how to go on.
    """
    judge = loop.judged_by()
    if loop.config.energy is not None:
        with usage_errors():
            check_energy(loop.config.energy)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with locked(folder, "looping"):
            return _looped(loop, judge, folder, observe, judged or JobObserver(), told)
    except KeyboardInterrupt:
        done = len(list(folder.glob("generation-*/controller.toml")))
        raise Interrupted(
            f"stopped with {done} of {loop.generations} generations designed; what was searched is kept, and "
            "the same command goes on with the rest"
        ) from None


def _looped(
    loop: Loop,
    judge: Judge,
    folder: Path,
    observe: Callable[[], Sequence[Observer]],
    judged: JobObserver,
    told: Callable[[str], None],
) -> dict[str, Any]:
    controllers, generations = [usual_options()], list[Generation]()
    for number in range(1, loop.generations + 1):
        config = loop.config.changed(
            seed=loop.config.seed + number - 1, store=loop.config.store or str(folder / DEFAULT_STORE)
        )
        path = folder / f"generation-{number}"
        made = design_next(config, number, controllers[-1], loop.finalists, path, observe(), told)
        told(made.told)
        generations.append(made)
        controllers.append(made.options)
    told(f"the generations are judged on {', '.join(map(str, judge.tasks))}")
    figures = judge.judge(controllers, folder / JUDGE, partial(engine_of, loop.config.where), judged)
    kwh = [generation.energy_kwh for generation in generations]
    data = {
        "folder": str(folder),
        "controllers": list(loop.config.subject.controllers),
        "generations": [generation.to_dict() for generation in generations],
        "judged": figures,
        "conclusions": conclusions(figures),
        "seconds": sum(generation.seconds for generation in generations),
        "energy_kwh": None if None in kwh else sum(value for value in kwh if value is not None),
    }
    write_json(folder / LOOP, data)
    return data
