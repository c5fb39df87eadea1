"""Are the first designs of experience as good as the best of many random ones, on families that it never saw?

    rl-designer experience build trainings --kind signal --tasks 128 --designs 16
    python benchmarks/experience/first_designs.py trainings/trainings.npz --output held-out

The families of made tasks are left out in turn, two at a time: experience is learned from the trainings on
all others, and on new tasks of those that were left out its eight first designs are trained, eight of the
20,000 random ones that its prior alone expects most of, and 64 random ones, all within the same limit and in
the same way. Told are, for each task, the best validation score of each, and for all tasks the share on which
the eight are at least as good as the 64, and the mean difference in standard deviations of the random ones,
with its standard error. Trainings are kept in the output folder.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rl_designer.agents.experience import Experience
from rl_designer.agents.memory import various
from rl_designer.envs.datasets import Dataset
from rl_designer.envs.evaluators.training import TrainingEvaluator
from rl_designer.envs.search_spaces.base import Actions
from rl_designer.envs.search_spaces.registry import DataSpace, make_space
from rl_designer.envs.tasks.drawing import DrawnTask, drawn_task
from rl_designer.envs.tasks.facts import facts_of
from rl_designer.experience.building import task_data
from rl_designer.experience.learning import learn
from rl_designer.experience.trainings import Trainings

LEFT_OUT = 2  # families at a time
PICKS, RANDOM, RANKED = 8, 64, 20_000
SEED, FIRST = 7, 1_000  # of the tasks that are left out: others than any that trainings are built on
_FURTHEST = 2_000


@dataclass(frozen=True)
class Outcome:
    """The best validation scores on one task, and the standard deviation of the random ones."""

    family: str
    policy: float
    prior: float
    random: float
    spread: float

    def beyond(self, best: float) -> float:
        return (best - self.random) / self.spread


def left_out_tasks(trainings: Trainings, families: list[str], count: int) -> Iterator[DrawnTask]:
    """So many of each family."""
    drawn = (drawn_task(trainings.kind, number, SEED) for number in range(FIRST, _FURTHEST))
    known = dict.fromkeys(families, 0)
    for task in drawn:
        if task.family in known and known[task.family] < count:
            known[task.family] += 1
            yield task


def outcome(experience: Experience, task: DrawnTask, limit: int, folder: Path) -> Outcome:
    """Eight designs of the policy, eight of the prior alone, and 64 random ones, trained."""
    data = task_data(task)
    space = make_space(None, data.input_shape, data.num_classes, max_parameters=limit)
    source = experience.source(space, facts_of(data), "experience")
    ranked = space.random_actions(RANKED, np.random.default_rng(5))
    ranked = ranked[np.argsort(-source.expects(space, ranked), kind="stable")]
    designs = {
        "policy": various(space, source.proposals(space, np.random.default_rng(1)), PICKS),
        "prior": various(space, ranked[: 50 * PICKS], PICKS),
        "random": space.random_actions(RANDOM, np.random.default_rng(0)),
    }
    scores = {name: trained(data, space, actions, folder) for name, actions in designs.items()}
    best = {name: float(found.max()) for name, found in scores.items()}
    return Outcome(task.family, **best, spread=float(scores["random"].std()) or 1.0)


def trained(data: Dataset, space: DataSpace, actions: Actions, folder: Path) -> NDArray[np.float64]:
    """The validation scores of designs, each trained once; kept in the folder."""
    kept = folder / f"{data.digest}.json"
    known: dict[str, float] = json.loads(kept.read_text()) if kept.exists() else {}
    architectures = space.architectures(actions)
    missing = [architecture for architecture in architectures if architecture.digest not in known]
    with TrainingEvaluator(data, device="cpu") as evaluator:
        for architecture, evaluation in zip(missing, evaluator.evaluate(missing), strict=True):
            known[architecture.digest] = -1.0 if evaluation.score is None else evaluation.score
    kept.write_text(json.dumps(known))
    return np.array([known[architecture.digest] for architecture in architectures])


@click.command(help=__doc__)
@click.argument("trainings", type=click.Path(path_type=Path, exists=True))
@click.option("--output", type=click.Path(path_type=Path), default=Path("held-out"), show_default=True)
@click.option("--tasks", default=2, show_default=True, help="Of each family.")
@click.option("--max-parameters", default=20_000, show_default=True)
def main(trainings: Path, output: Path, tasks: int, max_parameters: int) -> None:
    output.mkdir(parents=True, exist_ok=True)
    known, outcomes = Trainings.load(trainings), []
    families = sorted({task.family for task in known.tasks})
    groups = len(families) // LEFT_OUT
    for group in range(groups):
        held = families[group::groups]
        rest = [number for number, task in enumerate(known.tasks) if task.family not in held]
        experience = learn(known.chosen(rest))
        for task in left_out_tasks(known, held, tasks):
            found = outcome(experience, task, max_parameters, output)
            outcomes.append(found)
            print(
                f"{task.text}: policy {found.policy:.3f}, prior {found.prior:.3f}, "
                f"{RANDOM} random {found.random:.3f}",
                flush=True,
            )
    for name in ("policy", "prior"):
        beyond = np.array([found.beyond(getattr(found, name)) for found in outcomes])
        error = beyond.std(ddof=1) / len(beyond) ** 0.5
        print(
            f"{name}: at least as good on {(beyond >= 0).mean():.0%} of {len(beyond)} tasks, "
            f"{beyond.mean():+.2f} ± {error:.2f} standard deviations"
        )


if __name__ == "__main__":
    main()
