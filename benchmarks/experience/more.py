"""Is more experience better? Rank correlations on families of tasks that were left out.

    rl-designer experience build trainings/signal --kind signal
    python benchmarks/experience/more.py trainings --kind signal

The families of made tasks are left out in turn, as in `left_out.py`. A prior is fitted to a share of the
other tasks, to a share of the trainings on each of them, and without the tasks' facts. Told is, for each,
how well it ranks the designs that were trained on the left-out tasks (Spearman's correlation, the mean
over tasks, each weighted by the share of its scores' variance that isn't luck, with the standard error),
and the mean rank, from 0 to 1, of the eight of them that it expects most of. With `--outside` 16 designs
are trained on each of some tasks larger than any that trainings are built on, and ranked by what was
learned without their family.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from left_out_tasks import families_of, group_of

from rl_designer.agents.experience import Experience
from rl_designer.envs.datasets.dataset import Kind
from rl_designer.envs.evaluators.training import TrainingEvaluator
from rl_designer.envs.seeding import stream
from rl_designer.envs.tasks.drawing import DrawnTask, drawn_task
from rl_designer.envs.tasks.facts import FACTS
from rl_designer.experience.building import distinct_designs, task_data, task_of
from rl_designer.experience.prior import fit_prior, share_of_no_luck
from rl_designer.experience.settings import PriorSettings
from rl_designer.experience.trainings import Trainings

SHARES = (0.1, 0.3, 1.0)
PICKS, DESIGNS = 8, 16
LARGER = {"signal": 320, "image": 28, "features": 100}  # twice what is drawn, or more
_SEED = 7  # of the larger tasks: others than those of the trainings


@dataclass(frozen=True)
class Ranked:
    """How a left-out task's designs were ranked, and what that counts."""

    correlation: float
    rank: float
    weight: float


def ranked(prior: Experience, trainings: Trainings, number: int) -> Ranked | None:
    """None where all scores are the same."""
    task, space = trainings.tasks[number], trainings.tasks[number].space()
    scores = np.nan_to_num(trainings.curve[trainings.of(number), -1].astype(np.float64), nan=-np.inf)
    if len(np.unique(scores)) < 3:
        return None
    seen = prior.seen(space, dict(zip(FACTS, task.facts, strict=True)))
    expected = prior.prior_for(seen).mean(space, trainings.actions_of(number))
    best = np.argsort(-expected, kind="stable")[:PICKS]
    ranks = (rankdata(scores) - 1) / (len(scores) - 1)
    return Ranked(spearmanr(expected, scores).statistic, ranks[best].mean(), share_of_no_luck(scores))


def fitted(trainings: Trainings) -> Experience:
    prior, task = fit_prior(trainings, PriorSettings(members=2))
    return Experience({}, {}, task, prior, {})


def left_out(known: Trainings, measured: Trainings, kind: Kind, learn_from: "Share") -> list[Ranked]:
    """Each task of `measured` by what was learned on the families that aren't left out with it."""
    found = list[Ranked | None]()
    for group in {tuple(group_of(family, kind)) for family in families_of(kind)}:
        rest = [number for number, task in enumerate(known.tasks) if task.family not in group]
        prior = fitted(learn_from.of(known.chosen(rest)))
        tasks = enumerate(measured.tasks)
        own = (number for number, task in tasks if task.family in group)
        found += [ranked(prior, learn_from.seen(measured), number) for number in own]
    return [one for one in found if one is not None]


@dataclass(frozen=True)
class Share:
    """What is learned from.

    Attributes:
        tasks, trainings: shares of them, 0 to 1.
        facts: whether the tasks' facts are seen.
    """

    tasks: float = 1.0
    trainings: float = 1.0
    facts: bool = True

    def of(self, known: Trainings) -> Trainings:
        draws = stream(0, "share of experience")
        order = draws.permutation(len(known.tasks))[: max(1, round(self.tasks * len(known.tasks)))]
        some = self.seen(known.chosen(sorted(order.tolist())))
        kept = np.concatenate([self._drawn(some, number, draws) for number in range(len(some.tasks))])
        rest = (some.task[kept], some.actions[kept], some.limit[kept], some.curve[kept])
        return Trainings(some.kind, some.tasks, *rest)

    def seen(self, trainings: Trainings) -> Trainings:
        if self.facts:
            return trainings
        blind = tuple(replace(task, facts=(0.0,) * len(FACTS)) for task in trainings.tasks)
        return replace(trainings, tasks=blind)

    def _drawn(self, trainings: Trainings, number: int, draws: np.random.Generator) -> NDArray[np.int64]:
        own = np.flatnonzero(trainings.of(number))
        return np.sort(draws.permutation(own)[: max(2, round(self.trainings * len(own)))])


def larger_tasks(kind: Kind, each: int) -> Iterator[DrawnTask]:
    """So many of each family, of a size that no trainings are built on."""
    for number in range(each * len(families_of(kind))):
        drawn = drawn_task(kind, number, _SEED)
        parts = (part.partition("=") for part in drawn.text.partition(":")[2].split(","))
        values = {name: value for name, _, value in parts} | {"size": str(LARGER[kind]), "examples": "500"}
        text = ",".join(f"{name}={value}" for name, value in values.items())
        yield DrawnTask(drawn.family, f"{drawn.family}:{text}")


def trained(kind: Kind, drawn: DrawnTask, path: Path) -> Trainings:
    """Random designs without a limit on one task; kept."""
    if not path.exists():
        dataset = task_data(drawn)
        task = task_of(drawn, dataset)
        space = task.space()
        actions = distinct_designs(space, DESIGNS, stream(_SEED, "outside", drawn.text))
        with TrainingEvaluator(dataset, device="cpu") as evaluator:
            found = evaluator.evaluate(space.architectures(actions))
        curve = np.array([[np.nan if one.score is None else one.score] for one in found], np.float32)
        n = len(actions)
        limit = np.full(n, 1e6, np.float32)
        path.parent.mkdir(parents=True, exist_ok=True)
        Trainings(kind, (task,), np.zeros(n, np.int32), actions.astype(np.int16), limit, curve).save(path)
    return Trainings.load(path)


def told(name: str, found: Sequence[Ranked]) -> str:
    weights = np.array([one.weight for one in found])
    weights = weights / weights.sum()
    correlations = np.array([one.correlation for one in found])
    mean = float((weights * correlations).sum())
    error = float(np.sqrt((weights**2 * (correlations - mean) ** 2).sum()))
    rank = float((weights * [one.rank for one in found]).sum())
    return f"| {name} | {mean:.3f} ± {error:.3f} | {rank:.3f} | {len(found)} |"


@click.command(help=__doc__)
@click.argument("folder", metavar="TRAININGS", type=click.Path(path_type=Path, exists=True))
@click.option("--kind", type=click.Choice(tuple(LARGER)), required=True)
@click.option("--outside", is_flag=True, help="Larger tasks, too.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("more"), show_default=True)
def main(folder: Path, kind: Kind, outside: bool, output: Path) -> None:
    known = Trainings.load(folder / kind / "trainings.npz")
    shares = {f"{share:.0%} of the tasks": Share(tasks=share) for share in SHARES}
    shares |= {f"{share:.0%} of the trainings": Share(trainings=share) for share in SHARES[:-1]}
    shares |= {"all, without facts": Share(facts=False)}
    print(
        f"| {kind}: learned from | rank correlation | mean rank of {PICKS} | tasks |",
        "|---|---|---|---|",
        sep="\n",
    )
    for name, share in shares.items():
        print(told(name, left_out(known, known, kind, share)), flush=True)
    if outside:
        each = [
            trained(kind, drawn, output / kind / f"{number}.npz")
            for number, drawn in enumerate(larger_tasks(kind, 2))
        ]
        found = left_out(known, Trainings.merged(each), kind, Share())
        print(told(f"all, tasks of size {LARGER[kind]}", found), flush=True)


if __name__ == "__main__":
    main()
