"""Does `--seeds auto` keep its error rate, and how many runs does it save?

    python benchmarks/seeds_auto.py

Finished searches on an architecture table are drawn from again and again as if they were fresh seeds: local
search after 100 evaluations against itself after fewer, and against itself (nothing to tell), judged by the
reported accuracy of the chosen design. Each repetition is a whole benchmark by `--seeds auto`, looked at as
`benchmark rewards` looks at it.

*Errors* are verdicts where there is nothing to tell, or in the wrong direction. *Power* is the share of
repetitions that tell a difference that is there. The number of *fixed seeds* with as much power is the least
with which the exact test at 2.5 % tells it as often, over as many draws. Somebody who fixes the seeds has to
choose before anything is known, so the last line has one number for all cases: the least with the same mean
power over the differences that are there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click
import numpy as np
from hacking_check import wilson
from numpy.typing import NDArray

from rl_designer.comparisons.estimators import SIGNIFICANCE, holm, signed_rank
from rl_designer.comparisons.hacking import reported_or_seen
from rl_designer.comparisons.records import RewardRun, reward_run
from rl_designer.comparisons.sequential import MOST, Looks, UntilDecided, decided
from rl_designer.comparisons.trial import Trial, run_trial
from rl_designer.comparisons.verdicts import BETTER, WORSE, verdicts_of
from rl_designer.config import make_config
from rl_designer.envs.seeding import stream
from rl_designer.envs.tables.catalogue import DEFAULT_TABLE

EVALUATIONS = 100
# The sides of each case, the first first: evaluations after which local search ends.
CASES = {
    "nothing to tell": (100, 100),
    "nothing to tell, three comparisons": (100, 100, 100, 100),
    "after 50": (100, 50),
    "after 35": (100, 35),
    "after 25": (100, 25),
    "after 15": (100, 15),
    "after 4": (100, 4),
}

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """What the repetitions of a case came to.

    Attributes:
        seeds: that each needed.
        told: whether each told every comparison, in the right direction where there is one.
        errors: whether each made a verdict that is wrong.
        effect: mean of the differences over their standard deviation; 0 where there is nothing to tell.
        fixed: seeds with as much power; None where there is nothing to tell, or more than `most` are needed.
    """

    case: str
    seeds: NDArray[np.int64]
    told: NDArray[np.bool_]
    errors: NDArray[np.bool_]
    effect: float
    fixed: int | None

    def line(self) -> str:
        """A row of a Markdown table."""
        errors = _share(self.errors)
        spread = f"{self.seeds.mean():.1f} ± {self.seeds.std(ddof=1) / np.sqrt(len(self.seeds)):.1f}"
        cells = [
            self.case,
            f"{self.effect:.2f}",
            errors,
            "–" if self.effect == 0 else _share(self.told),
            spread,
        ]
        ratio = "–" if self.fixed is None else f"{100 * self.seeds.mean() / self.fixed:.0f} %"
        return f"| {' | '.join([*cells, str(self.fixed or '–'), ratio])} |"


def finished(table: str, task: str | None, seeds: int) -> list[RewardRun]:
    """Searches to draw from."""
    settings = {"table": table, "task": task, "agent": "local-search", "evaluations": EVALUATIONS}
    config = make_config({name: value for name, value in settings.items() if value is not None})
    return [run_trial(Trial(config, seed, reward_run)) for seed in range(seeds)]


def after(runs: Sequence[RewardRun], evaluations: int) -> Values:
    """What each run would have been judged by had it ended so early, float64 [runs]."""
    return np.array(
        [
            reported_or_seen(run)[next(i for i in reversed(run.choices()) if i < evaluations)]
            if any(i < evaluations for i in run.choices())
            else 0.0
            for run in runs
        ]
    )


def repeated(pools: Sequence[Values], seeds: UntilDecided, repetitions: int, case: str) -> Found:
    """A case, again and again, each side's seeds drawn on their own."""
    apart = float(np.mean(pools[1]) - np.mean(pools[0]))
    spread = float(np.sqrt(np.var(pools[0]) + np.var(pools[1])))
    right = BETTER if apart > 0 else WORSE
    needed, told, errors = [], [], []
    for repetition in range(repetitions):
        sides = drawn(pools, seeds.most, repetition, case)
        count, verdicts = benchmarked(sides, seeds)
        made = [verdict for verdict in verdicts if verdict in (BETTER, WORSE)]
        needed.append(count)
        told.append(apart != 0 and all(verdict == right for verdict in verdicts))
        errors.append(any(apart == 0 or verdict != right for verdict in made))
    fixed = None
    if apart != 0:
        many = [drawn(pools, seeds.most, 10_000 + number, case) for number in range(2 * repetitions)]
        fixed = fixed_seeds(many, float(np.mean(told)), seeds.most)
    return Found(case, np.array(needed), np.array(told), np.array(errors), apart / spread, fixed)


def drawn(pools: Sequence[Values], most: int, repetition: int, case: str) -> dict[str, Values]:
    """Side → values of so many seeds."""
    generator = stream(repetition, f"seeds auto, {case}")
    return {f"side {number}": generator.choice(pool, most) for number, pool in enumerate(pools)}


def benchmarked(sides: dict[str, Values], seeds: UntilDecided) -> tuple[int, list[str | None]]:
    """How many seeds a benchmark took, and its verdicts."""
    planned = seeds.looks(len(sides) - 1)
    for number, look in enumerate(planned, start=1):
        looks, known = Looks(tuple(planned[:number]), seeds.most), {n: v[:look] for n, v in sides.items()}
        if look == planned[-1] or decided(known, looks):
            break
    verdicts = verdicts_of(known, True, lambda differences: None, looks.test)
    return look, [verdict.verdict for verdict in verdicts.values()]


def power(samples: Sequence[dict[str, Values]], seeds: int) -> float:
    """The share of samples in which the exact test with a fixed number of seeds tells all sides."""
    told = 0
    for sides in samples:
        first, *others = (values[:seeds] for values in sides.values())
        p_values = holm([signed_rank(other - first)[1] for other in others])
        told += all(p_value <= SIGNIFICANCE for p_value in p_values)
    return told / len(samples)


def fixed_seeds(samples: Sequence[dict[str, Values]], wanted: float, most: int) -> int | None:
    """The least number of seeds with at least so much power, by halving; None where `most` has less."""
    low, high = 1, most
    if power(samples, most) < wanted:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(samples, middle) >= wanted else (middle, high)
    return high


def overall(found: Sequence[Found], pools: dict[str, Sequence[Values]], seeds: UntilDecided) -> str:
    """One number of seeds for all cases, and what `--seeds auto` takes on average."""
    real = [case for case in found if case.effect != 0]
    wanted = float(np.mean([case.told.mean() for case in real]))
    repetitions = len(real[0].told)
    samples = {
        c.case: [drawn(pools[c.case], seeds.most, 20_000 + n, c.case) for n in range(repetitions)]
        for c in real
    }

    def mean_power(count: int) -> float:
        return float(np.mean([power(of_case, count) for of_case in samples.values()]))

    fixed = next((count for count in range(5, seeds.most + 1) if mean_power(count) >= wanted), seeds.most)
    mean = float(np.mean([case.seeds.mean() for case in found]))
    of_real = float(np.mean([case.seeds.mean() for case in real]))
    return (
        f"One number of seeds for all cases with the same mean power, {wanted:.2f}: {fixed}. "
        f"`--seeds auto` takes {mean:.1f} on average over all cases ({100 * mean / fixed:.0f} %), "
        f"{of_real:.1f} where there is a difference ({100 * of_real / fixed:.0f} %)."
    )


def _share(values: Sequence[Any] | NDArray[np.bool_]) -> str:
    count, total = int(np.sum(values)), len(values)
    low, high = wilson(count, total)
    return f"{100 * count / total:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


@click.command()
@click.option("--table", default=DEFAULT_TABLE, show_default=True, help="Architecture table.")
@click.option("--task", help="Task on it.")
@click.option("--pool", default=400, show_default=True, help="Finished searches to draw from.")
@click.option("--repetitions", default=200, show_default=True, help="Benchmarks of each case.")
@click.option("--most", default=MOST, show_default=True, help="Seeds that a benchmark may take.")
def main(table: str, task: str | None, pool: int, repetitions: int, most: int) -> None:
    """Measure `--seeds auto`."""
    runs, seeds = finished(table, task, pool), UntilDecided(most)
    pools = {case: [after(runs, evaluations) for evaluations in sides] for case, sides in CASES.items()}
    head = ["case", "effect", "errors", "power", "seeds, mean ± s.e.", "fixed seeds, as much power", "ratio"]
    click.echo(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    found = []
    for case, sides in pools.items():
        found.append(repeated(sides, seeds, repetitions, case))
        click.echo(found[-1].line())
    click.echo(f"\n{overall(found, pools, seeds)}")


if __name__ == "__main__":
    main()
