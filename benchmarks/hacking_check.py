"""How often does `benchmark rewards` flag a reward as hacked that is, and one that isn't?

    python benchmarks/hacking_check.py

The rewards are those of `rewards_suite/suite.csv`, each labelled `honest` or `gamed` by its formula: those of
`choose` the check was improved on, by those of `judge`, which were written before anything was run on them
and looked at once, it is judged. Every reward searches with every seed on every table, and the check is asked
as the benchmark asks it, within the limit of the yardstick that the reward would be judged by. A reward that
needs what a table doesn't have (a cost, a learning curve) is left out there.

*Recall* is the share of the gamed that are flagged, *precision* the share of the flagged that are gamed,
*false alarms* the share of the honest that are flagged; intervals are Wilson's (1927), at 95 %. Cases of one
reward on two tables are not independent, so they are a little too narrow where tables are put together.
"""

import csv
import inspect
import math
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import click
import numpy as np

from rl_designer.agents.memory import Memory
from rl_designer.agents.registry import agent_class
from rl_designer.comparisons.hacking import check_hacking
from rl_designer.comparisons.output import csv_text
from rl_designer.comparisons.records import RewardRun, reward_run
from rl_designer.comparisons.trial import Searched, Trial, context_of, setting_of
from rl_designer.comparisons.yardsticks import Landscape, Yardstick, default_yardstick, make_yardstick
from rl_designer.config import SearchConfig, make_config
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.extensions import REWARD
from rl_designer.envs.problem import Budget, Problem
from rl_designer.envs.rewards import Reward, RewardError, load_reward
from rl_designer.envs.rewards.builtin import REWARDS
from rl_designer.envs.rewards.reward import NotMeasured, fields_read
from rl_designer.envs.tables.catalogue import TABLES
from rl_designer.files import write_text

SUITE = Path(__file__).resolve().parent / "rewards_suite"
GAMED, HONEST = "gamed", "honest"
_STAND_IN = {"target": 1.0, "reference": 1.0}  # for what the setting gives where it knows the cost
_QUANTILE = 1.959964  # of the normal distribution, for 95 %


@dataclass(frozen=True)
class Labelled:
    """A row of the suite.

    Attributes:
        reward: a built-in one, or a function, with parameters where wanted.
        file: that has the function; empty for a built-in one.
        label: `honest` or `gamed`.
        kind: what it pays for, in a few words.
        split: `choose` or `judge`.
        source: of its formula; `own` where it was made for the suite.
    """

    reward: str
    file: str
    label: str
    kind: str
    split: str
    source: str

    def text(self, levels: Mapping[str, float]) -> str:
        """As `load_reward` reads it, with the parameters that a table's levels give."""
        options = self.reward.partition(":")[2]
        wanted = inspect.signature(self.function).parameters
        given = [f"{level}={value!r}" for level, value in levels.items() if level in wanted]
        options = ",".join(filter(None, (options, *given)))
        return f"{self._place}:{options}" if options else self._place

    @property
    def function(self) -> Any:
        """That pays."""
        return REWARDS.get(self._place) or REWARD.load(self._place, REWARDS)

    @property
    def _place(self) -> str:
        name = self.reward.partition(":")[0]
        return f"{SUITE / self.file}:{name}" if self.file else name


def suite() -> list[Labelled]:
    """The labelled rewards."""
    with (SUITE / "suite.csv").open(newline="") as file:
        return [Labelled(**row) for row in csv.DictReader(file)]


# -- on a table ----------------------------------------------------------------------------------------


class WholeTraining:
    """A table's evaluations, with what the table knows of the trainings besides: the loss, the curve, the
    seconds; and a seed of each design, as trainings have one.
    """

    def __init__(self, evaluator: TableEvaluator) -> None:
        self._asked = evaluator
        # Of the training that the search sees, not of that which is reported.
        values = {name: array[:, 0].astype(float) for name, array in evaluator.space.table.metrics.items()}
        epochs = sorted((n for n in values if "_accuracy_epoch_" in n), key=lambda n: int(n.split("_")[-1]))
        self._curve = np.stack([values[name] for name in epochs], axis=1) if epochs else None
        self._scalars = {
            field: values[name]
            for field, name in {"val_loss": "valid_loss", "training_seconds": "training_seconds"}.items()
            if name in values
        }

    @property
    def digest(self) -> str:
        return self._asked.digest

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        space = self._asked.space
        rows = space.rows(space.pad([space.actions(architecture) for architecture in architectures]))
        return [self._evaluation(row, a) for row, a in zip(rows, architectures, strict=True)]

    def _evaluation(self, row: int, architecture: Architecture) -> Evaluation:
        found = self._asked.evaluation(row)
        if found.failure is not None:
            return found
        known: dict[str, Any] = {name: float(values[row]) for name, values in self._scalars.items()}
        known["seed"] = int(architecture.digest[:8], 16)
        if self._curve is not None:
            known["learning_curve"] = (*map(float, self._curve[row]), float(found.val_accuracy or 0.0))
        return replace(found, **known)


class Ground:
    """A table, as the suite's rewards are tried on it.

    Attributes:
        levels: `typical`, `good` and `spread`: median, 90 % quantile and standard deviation of the accuracies
            that a search can see.
    """

    def __init__(self, table: str, task: str | None, agent: str, evaluations: int) -> None:
        settings = {"table": table, "task": task, "agent": agent, "evaluations": evaluations}
        self.config: SearchConfig = make_config({k: v for k, v in settings.items() if v is not None})
        self.setting = setting_of(self.config)
        with self.setting.open_evaluator() as evaluator:
            assert isinstance(evaluator, TableEvaluator)
            self.table = evaluator
        self.evaluator = WholeTraining(self.table)
        self.landscape = Landscape.of_table(self.table)
        seen = self.table.search_values()
        seen = seen[~np.isnan(seen)]
        figures = (np.median(seen), np.quantile(seen, 0.9), seen.std())
        self.levels = dict(zip(("typical", "good", "spread"), map(float, figures), strict=True))

    def reward(self, labelled: Labelled) -> Reward | None:
        """A reward of the suite; None where the table lacks what it reads."""
        read = fields_read(load_reward(labelled.text({**self.levels, **_STAND_IN})))
        row = self.setting.space.architecture(self.setting.space.table.architectures[0])
        known = self.evaluator.evaluate([row])[0]
        if any(getattr(known, field) in (None, ()) for field in read):
            return None
        return load_reward(labelled.text(self.levels), context_of(self.config))

    def yardstick(self, reward: Reward) -> Yardstick:
        """That `benchmark rewards` would take for accuracy and this one."""
        text, _ = default_yardstick([load_reward("accuracy"), reward])
        return make_yardstick(text, context_of(self.config), self.landscape)

    def run(self, reward: Reward, seed: int) -> RewardRun:
        """A search."""
        config = self.config.changed(reward=reward.text)
        agent = agent_class(config.agent)(seed=seed)
        problem = Problem(self.setting.space, self.evaluator, reward, Budget(config.budget.evaluations))
        agent.search(problem)
        trial, memory = Trial(config, seed, reward_run), Memory([])
        found = (problem.designs, 0.0, 0.0, None, self.evaluator, self._reported)
        return reward_run(Searched(trial, self.setting, reward, agent, memory, *found))

    def _reported(self, architectures: Sequence[Architecture]) -> list[float | None]:
        return [self.table.reported(architecture) for architecture in architectures]


@dataclass(frozen=True)
class Case:
    """A reward of the suite on a table, as a worker is told."""

    labelled: Labelled
    table: str
    task: str | None
    agent: str
    evaluations: int
    seeds: int

    def runs(self) -> tuple[list[RewardRun], Yardstick] | None:
        """The searches, and by what they are judged; None where the table lacks what the reward needs."""
        ground = _ground(self.table, self.task, self.agent, self.evaluations)
        reward = ground.reward(self.labelled)
        if reward is None:
            return None
        try:
            return [ground.run(reward, seed) for seed in range(self.seeds)], ground.yardstick(reward)
        except RewardError as error:
            if _lacks(error):  # what it reads now and then only
                return None
            raise


def _lacks(error: BaseException | None) -> bool:
    return error is not None and (isinstance(error, NotMeasured) or _lacks(error.__cause__))


_ground = lru_cache(maxsize=8)(Ground)


def checked(case: Case) -> dict[str, Any] | None:
    """A row of the results; None where the table lacks what the reward needs."""
    found = case.runs()
    if found is None:
        return None
    runs, yardstick = found
    check = check_hacking(runs, yardstick.cost, yardstick.limit)
    figures = {"flagged": check.hacked, "yardstick": yardstick.text, "why": check.sentence}
    return {**vars(case.labelled), "table": f"{Path(case.table).stem}{case.task or ''}", **figures}


def all_checked(cases: Sequence[Case], workers: int) -> Iterator[dict[str, Any]]:
    """The rows of all cases, in order, without those of rewards that a table lacks something for."""
    if workers <= 1:
        yield from filter(None, map(checked, cases))
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from filter(None, pool.imap(checked, cases))


# -- what came out -------------------------------------------------------------------------------------


def wilson(count: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927); of none, 0 to 1."""
    if total == 0:
        return 0.0, 1.0
    share, z = count / total, _QUANTILE**2 / total
    middle = (share + z / 2) / (1 + z)
    half = math.sqrt(share * (1 - share) * z + z**2 / 4) / (1 + z)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def rates(rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[int, int]]:
    """`recall`, `precision` and `false alarms`, each as a count and of how many."""
    gamed, honest = ([row for row in rows if row["label"] == label] for label in (GAMED, HONEST))
    hits, alarms = (sum(row["flagged"] is True for row in of_label) for of_label in (gamed, honest))
    return {
        "recall": (hits, len(gamed)),
        "precision": (hits, hits + alarms),
        "false alarms": (alarms, len(honest)),
    }


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line a table, one of all together, and below what was judged wrongly."""
    by_table: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_table.setdefault(row["table"], []).append(row)
    lines = ["| table | rewards | recall | precision | false alarms |", "|---|---|---|---|---|"]
    for name, of_table in [*by_table.items(), *([("together", list(rows))] if len(by_table) > 1 else [])]:
        cells = " | ".join(_share(*counts) for counts in rates(of_table).values())
        lines.append(f"| {name} | {len(of_table)} | {cells} |")
    wrong = [row for row in rows if (row["flagged"] is True) != (row["label"] == GAMED)]
    lines += ["", f"Judged wrongly: {len(wrong)}"]
    lines += [f"- {row['reward']} ({row['label']}, {row['kind']}) on {row['table']}" for row in wrong]
    return "\n".join(lines) + "\n"


def _share(count: int, total: int) -> str:
    if total == 0:
        return "–"
    low, high = wilson(count, total)
    return f"{count / total:.2f} [{low:.2f}, {high:.2f}] ({count} of {total})"


@click.command()
@click.option(
    "--table",
    "tables",
    multiple=True,
    help="Name or file, and :TASK where there are several; may be given again.  [default: the package's two]",
)
@click.option("--split", type=click.Choice(["choose", "judge"]), default="judge", show_default=True)
@click.option("--agent", default="local-search", show_default=True, help="That searches.")
@click.option("--seeds", default=20, show_default=True, help="Runs of each reward.")
@click.option("--evaluations", default=100, show_default=True, help="Of each run.")
@click.option("--workers", default=1, show_default=True, help="Rewards at the same time.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder for a row of each reward, as CSV.")
def main(
    tables: tuple[str, ...],
    split: str,
    agent: str,
    seeds: int,
    evaluations: int,
    workers: int,
    output: Path | None,
) -> None:
    """Judge the check for reward hacking."""
    named = [table.partition(".npz:") for table in tables or TABLES]
    cases = [
        Case(labelled, f"{file}.npz" if colon else file, task or None, agent, evaluations, seeds)
        for file, colon, task in named
        for labelled in suite()
        if labelled.split == split
    ]
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
    rows = list(all_checked(cases, workers))
    if output is not None:
        write_text(output / f"hacking-check-{split}.csv", csv_text(rows))
    click.echo(f"{agent}, {seeds} seeds, {evaluations} evaluations, half `{split}`\n\n{markdown(rows)}")


if __name__ == "__main__":
    main()
