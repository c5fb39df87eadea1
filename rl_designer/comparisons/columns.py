"""The columns of a benchmark's table for people."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rl_designer.quantities import show_seconds

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """One of a table for people.

    Attributes:
        title, legend: with the benchmark's data in braces; the legend, a line below the table, may be empty.
        show: of the figures of an agent or a reward.
        shown: whether the benchmark's data have something for it.
    """

    title: str
    show: Callable[[Row], str]
    legend: str = ""
    shown: Callable[[Row], object] = lambda data: True


def _to_optimum(figures: Row) -> str:
    counts = figures["evaluations_to_optimum"]
    error = counts["standard_error"]
    return f"{counts['mean']:.1f}" + ("" if error is None else f" ± {error:.1f}")


def _last(figure: str) -> Callable[[Row], str]:
    return lambda figures: _number(list(figures[figure].values())[-1])


def _samples(figures: Row) -> str:
    samples = figures["policy_samples"]
    return f"{100 * samples['top_1_percent']:.0f} % ({samples['distinct']:.0f})" if samples else "–"


def _difference(figures: Row) -> str:
    differences = figures["difference"]
    if differences is None:
        return "–"
    found = differences["evaluations_to_optimum"]
    difference = found or list(differences["best_reward"].values())[-1]
    return _number(difference["mean"], 1 if found else 4, difference["interval"], "+")


def _hypervolume(figures: Row) -> str:
    return _number(list(figures["hypervolume"].values())[-1], 4, figures["interval"])


def _difference_in_hypervolume(figures: Row) -> str:
    found = figures["difference"]
    return "–" if found is None else _number(found["mean"], 4, found["interval"], "+")


def _near(figures: Row) -> str:
    samples = figures["policy_samples"]
    return "–" if samples is None else " ".join(f"{100 * share:.0f}" for share in samples["near"])


def _agreement(figures: Row) -> str:
    samples = figures["policy_samples"]
    return "–" if samples is None else " ".join(_number(value, 2) for value in samples["agreement"])


def _chance(figures: Row) -> str:
    interval = figures["probability_of_improvement_interval"]
    return _number(figures["probability_of_improvement"], 2, interval)


def _number(value: float | None, digits: int = 4, interval: list[float] | None = None, sign: str = "") -> str:
    """A number, and its interval in brackets where there is one; `–` for None."""
    if value is None:
        return "–"
    ends = ", ".join(f"{end:{sign}.{digits}f}" for end in interval or ())
    return f"{value:{sign}.{digits}f}" + (f" [{ends}]" if ends else "")


def _energy(figures: Row) -> str:
    kwh = figures["energy_kwh_per_run"]
    return "–" if kwh is None else f"{1000 * kwh:.3g}"


def _any(kind: str, figure: str) -> Callable[[Row], bool]:
    return lambda data: any(figures[figure] is not None for figures in data[kind].values())


_OPTIMUM_KNOWN = _any("agents", "evaluations_to_optimum")
_HACKED = {True: "yes", False: "no", None: "–"}
COLUMNS_OF = {
    "agent": (
        Column(
            "evaluations",
            _to_optimum,
            "evaluations: until the best of the table was found, mean ± standard error; misses as the cap",
            _OPTIMUM_KNOWN,
        ),
        Column("median", lambda f: f"{f['evaluations_to_optimum']['median']:.0f}", "", _OPTIMUM_KNOWN),
        Column("found", lambda f: f"{100 * f['evaluations_to_optimum']['found']:.0f} %", "", _OPTIMUM_KNOWN),
        Column("best@{evaluations}", _last("best_reward")),
        Column("reported", _last("best_reported")),
        Column(
            "top 1 %",
            _samples,
            "top 1 %: of the table, share of designs sampled from the policy (distinct ones)",
            _any("agents", "policy_samples"),
        ),
        Column("s/run", lambda f: f"{f['seconds_per_run']:.2f}"),
        Column(
            "own ms",
            lambda f: f"{1000 * f['own_seconds_per_evaluation']:.1f}",
            "own ms: the method's time an evaluation",
        ),
        Column(
            "difference",
            _difference,
            "difference: {judged}, to the first agent, paired by seed, with its 95 % interval",
            _any("agents", "difference"),
        ),
    ),
    "front": (
        Column(
            "hypervolume@{evaluations} [95 %]",
            _hypervolume,
            "hypervolume: of the front found, as a share of the known front's, mean over seeds",
        ),
        Column(
            "near [%]",
            _near,
            "near: by five preferences (of three objectives six), designs sampled from the policy than which "
            "none of the table is better by more than 1 % of the front's range in every objective",
            _any("agents", "policy_samples"),
        ),
        Column(
            "follows",
            _agreement,
            "follows: rank correlation of each objective's weight with its value, over all samples",
            _any("agents", "policy_samples"),
        ),
        Column("s/run", lambda f: f"{f['seconds_per_run']:.2f}"),
        Column(
            "difference",
            _difference_in_hypervolume,
            "difference: to the first agent, paired by seed, with its 95 % interval",
            _any("agents", "difference"),
        ),
    ),
    "reward": (
        Column(
            "IQM [95 %]",
            lambda f: _number(f["iqm"], 4, f["interval"]),
            "IQM: interquartile mean over seeds of the {yardstick_title}{less}",
        ),
        Column(
            "P(better) [95 %]",
            _chance,
            "P(better): chance that a run is better than one with {first}",
            _any("rewards", "difference"),
        ),
        Column(
            "verdict",
            lambda f: f["verdict"] or "–",
            "verdict: against the same, paired by seed; {test} signed-rank test, 2.5 %, Holm's correction",
            _any("rewards", "difference"),
        ),
        Column("hacked", lambda f: _HACKED[f["hacked"]]),
        Column("time/run", lambda f: show_seconds(f["seconds_per_run"], fine=True)),
        Column("trainings", lambda f: f"{f['trainings']:,}"),
        Column("Wh/run", _energy, "", _any("rewards", "energy_kwh_per_run")),
    ),
}
