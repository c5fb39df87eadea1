"""What experience brings on families of tasks and on real data that it never saw.

    rl-designer experience build trainings/signal --kind signal
    rl-designer experience build trainings/features --kind features --tasks 64
    rl-designer experience build trainings/image --kind image --tasks 64
    python benchmarks/experience/left_out.py trainings --output left-out

For each kind of data the families of made tasks are left out in turn: experience is learned from the
trainings on all others, and for real data from all. Then on each left-out task, within the same limit and
with whole trainings:

- `ppo` with experience, 64 evaluations, of which the first eight and the first 32 are looked at, too;
- the eight designs that its prior expects most of, among 20,000 random ones;
- the portfolio: the eight of those that it expects most of on the average over the tasks that it has seen;
- `ppo --from` one earlier run, eight evaluations;
- `ppo` from nothing, regularized evolution, `optuna-tpe` and random search, 64 evaluations each;
- with `--misleading`, `ppo` with experience from the same trainings with scores that were shuffled within
  each task, and from those on one other family alone, 64 evaluations each.

Runs are kept in the output folder; the same command goes on after any stop. `packaged_data.py` says how to
get the real data that other packages ship.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from left_out_figures import MOST, PICKS, table
from left_out_tasks import LeftOut, group_of, learned_without, left_out_tasks

import rl_designer as rl
from rl_designer.agents.experience import Experience
from rl_designer.agents.memory import various
from rl_designer.comparisons.benchmark import RUNS, BenchmarkLog, run_trials
from rl_designer.comparisons.records import Record
from rl_designer.comparisons.trial import Searched, Trial, setting_of
from rl_designer.config import SearchConfig, make_config
from rl_designer.envs.datasets import load_dataset
from rl_designer.envs.datasets.dataset import SPACES, Kind
from rl_designer.envs.search_spaces.base import Actions, SearchSpace
from rl_designer.envs.tasks.drawing import drawn_task
from rl_designer.envs.tasks.facts import FACTS
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.experience.learning import learn
from rl_designer.experience.trainings import Task, Trainings
from rl_designer.jobs.progress import Display, JobProgress, Shown

KINDS: tuple[Kind, ...] = ("signal", "features", "image")
LIMIT = {"max_parameters": 20_000}
USUAL: dict[str, Any] = {**LIMIT, "folds": 1, "fidelity": "full", "workers": 1}
EXAMPLES = 300  # to train on, or fewer where there aren't as many
RANKED = 20_000
MISLEADING = SHUFFLED, OTHER = "shuffled", "other"
EXPERIENCED, PRIOR, PORTFOLIO, FROM = "experience", "prior", "portfolio", "from"
RIVALS = {"nothing": "ppo", "evolution": "regularized-evolution", "tpe": "optuna-tpe", "random": "random"}
_LISTED = f"{Path(__file__).with_name('listed.py').resolve()}:Listed:file="


@dataclass(frozen=True)
class Curve(Record):
    """A run: the validation score and the seconds of each training, in order, and the agent's own seconds."""

    compared = "agent"

    agent: str
    seed: int
    scores: tuple[float, ...]
    training_seconds: tuple[float, ...]
    own_seconds: float


def curve_of(searched: Searched) -> Curve:
    found = [design.evaluation for design in searched.designs]
    scores = tuple(-1.0 if e.score is None else e.score for e in found)
    seconds = tuple(e.training_seconds or 0.0 for e in found)
    trial = searched.trial
    return Curve(trial.config.agent, trial.seed, scores, seconds, searched.own_seconds)


def misleading_without(families: Sequence[str], trainings: Trainings, folder: Path) -> dict[str, Path]:
    """Experience that nobody should believe, made once: from shuffled scores, and from one other family."""
    others = [number for number, task in enumerate(trainings.tasks) if task.family not in families]
    known = trainings.chosen(others)
    paths = {name: folder / f"{name}-without-{'-'.join(families) or 'nothing'}.npz" for name in MISLEADING}
    if not paths[SHUFFLED].exists():
        curve, draws = known.curve.copy(), np.random.default_rng(0)
        for task in range(len(known.tasks)):
            own = np.flatnonzero(known.of(task))
            curve[own] = curve[draws.permutation(own)]
        learn(replace(known, curve=curve)).save(paths[SHUFFLED])
    if not paths[OTHER].exists():
        first = known.tasks[0].family
        learn(known.chosen([n for n, task in enumerate(known.tasks) if task.family == first])).save(
            paths[OTHER]
        )
    return paths


def earlier_run(kind: Kind, seed: int, folder: Path) -> None:
    """A search from nothing on a made task, as one that a user has at hand."""
    if not (folder / str(seed)).exists():
        data = f"task:{drawn_task(kind, 0).text}"
        settings = {**LIMIT, "evaluations": MOST, "control_share": 0.0, "experience": "none"}
        rl.search(data, run=folder / str(seed), seed=seed, progress=False, tensorboard=False, **settings)


def write_designs(experience: Experience, config: SearchConfig, tasks: Sequence[Task], folder: Path) -> None:
    """What the prior alone, and the portfolio, name: `prior.json` and `portfolio.json`."""
    setting = setting_of(config)
    space, facts = setting.space, setting.task_facts
    assert facts is not None
    ranked = space.random_actions(RANKED, np.random.default_rng(0))
    own = experience.prior_for(experience.seen(space, facts())).mean(space, ranked)
    seen = (experience.seen(space, dict(zip(FACTS, task.facts, strict=True))) for task in tasks)
    elsewhere = np.mean([experience.prior_for(task).mean(space, ranked) for task in seen], axis=0)
    folder.mkdir(parents=True, exist_ok=True)
    for name, expected in ((PRIOR, own), (PORTFOLIO, elsewhere)):
        (folder / f"{name}.json").write_text(json.dumps(picked(space, ranked, expected).tolist()))


def picked(space: SearchSpace, actions: Actions, expected: Any) -> Actions:
    best = actions[np.argsort(-expected, kind="stable")[: 50 * PICKS]]
    return various(space, best, PICKS)


def contenders(experience: Path, designs: Path, earlier: Path) -> dict[str, tuple[str, int]]:
    """By what they are called: the agent, and its evaluations."""
    listed = {name: (f"{_LISTED}{designs / name}.json", PICKS) for name in (PRIOR, PORTFOLIO)}
    return {
        EXPERIENCED: (f"ppo:experience={experience}", MOST),
        **listed,
        FROM: (f"ppo:from={earlier}/{{seed}}", PICKS),
        **{name: (agent, MOST) for name, agent in RIVALS.items()},
    }


def measured(
    task: LeftOut,
    kind: Kind,
    trainings: Trainings,
    seeds: int,
    folder: Path,
    workers: int | None,
    misleading: bool,
) -> dict[str, list[Curve]]:
    """The runs on a task, by contender."""
    data = folder / "data" / f"{task.name}.npz"
    if not data.exists():
        data.parent.mkdir(parents=True, exist_ok=True)
        np.savez(data, **task.make())
    families = group_of(task.family, kind)
    experience = learned_without(families, trainings, folder)
    known = [other for other in trainings.tasks if other.family not in families]
    where = {"data": str(data), "space": SPACES[kind], "store": str(folder / "store.sqlite")}
    examples = min(EXAMPLES, len(load_dataset(data, kind=kind).y_train))
    config = make_config({**USUAL, **where, "examples": examples, "evaluations": 1})
    designs = folder / "designs" / task.name
    if not designs.exists():
        write_designs(Experience.load(experience), config, known, designs)
    entries = contenders(experience, designs, folder / "earlier")
    if misleading:
        named = misleading_without(families, trainings, folder).items()
        entries |= {name: (f"ppo:experience={path}", MOST) for name, path in named}
    planned = [
        Trial(config.changed(agent=agent, evaluations=evaluations), seed, curve_of, fidelity="full")
        for seed in range(seeds)
        for agent, evaluations in entries.values()
    ]
    observer = JobProgress(Display(), Shown("runs", lambda run: f"{task.name}: {run.agent[:50]}"))
    log = BenchmarkLog(folder / "runs" / task.name / RUNS)
    runs = run_trials(planned, Curve, log, LocalEngine(workers), observer)
    return {name: runs[agent] for name, (agent, _) in entries.items()}


@click.command(help=__doc__)
@click.argument("folder", metavar="TRAININGS", type=click.Path(path_type=Path, exists=True))
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="[default: all]")
@click.option("--seeds", default=3, show_default=True)
@click.option("--misleading", is_flag=True, help="Experience that misleads, too.")
@click.option("--workers", type=int, help="Runs at the same time.  [default: one a core]")
@click.option("--output", type=click.Path(path_type=Path), default=Path("left-out"), show_default=True)
def main(
    folder: Path, kinds: tuple[Kind, ...], seeds: int, misleading: bool, workers: int | None, output: Path
) -> None:
    found: dict[str, dict[str, list[Curve]]] = {}
    for kind in kinds or KINDS:
        own = output.resolve() / kind
        own.mkdir(parents=True, exist_ok=True)
        trainings = Trainings.load(folder / kind / "trainings.npz")
        for seed in range(seeds):
            earlier_run(kind, seed, own / "earlier")
        for task in left_out_tasks(kind):
            runs = measured(task, kind, trainings, seeds, own, workers, misleading)
            found[f"{task.family}: {task.name}"] = runs
            print(table(found), flush=True)


if __name__ == "__main__":
    main()
