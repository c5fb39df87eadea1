"""A benchmark of rewards as files and as a table for a terminal."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rl_designer.comparisons.curves import courses, fronts, profiles
from rl_designer.comparisons.output import csv_text
from rl_designer.comparisons.reward_figures import RewardSummary
from rl_designer.comparisons.reward_records import COLUMNS, RewardRun
from rl_designer.comparisons.rewards import RewardBenchmarkResult
from rl_designer.files import write_json, write_text
from rl_designer.quantities import show_seconds
from rl_designer.text import printable

_FLAT = ("iqm", "probability_of_improvement", "verdict", "hacked", "trainings", "failures")
_SPENT = ("seconds_per_run", "training_seconds_per_run", "energy_kwh_per_run")


def write_files(result: RewardBenchmarkResult, folder: Path) -> list[Path]:
    """Writes `summary.json` (what `--json` prints), and as CSV: `rewards` (a row a reward), `seeds` (a row a
    run), `designs` (a row an evaluated design), and what is drawn: `profiles`, `fronts` and `courses`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "summary.json", result.data)
    tables = {
        "rewards": [_reward_row(name, figures) for name, figures in result.data["rewards"].items()],
        "seeds": _seed_rows(result),
        "designs": _design_rows(result.summary),
        "profiles": profiles(result.summary),
        "fronts": fronts(result.summary),
        "courses": courses(result.summary),
    }
    for name, rows in tables.items():
        write_text(folder / f"{name}.csv", csv_text(rows))
    return [folder / "summary.json", *(folder / f"{name}.csv" for name in tables)]


def _reward_row(name: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    difference = figures["difference"] or {}
    row = {"reward": name, **{key: figures[key] for key in _FLAT}}
    row |= _ends("interval", figures["interval"])
    row |= _ends("probability_of_improvement", figures["probability_of_improvement_interval"])
    row |= {f"difference_{key}": value for key, value in difference.items() if key != "interval"}
    row |= _ends("difference", difference.get("interval"))
    return row | {key: figures[key] for key in _SPENT}


def _ends(name: str, interval: list[float] | None) -> dict[str, float | None]:
    low, high = interval or (None, None)
    return {f"{name}_low": low, f"{name}_high": high}


def _seed_rows(result: RewardBenchmarkResult) -> list[dict[str, Any]]:
    rows = []
    for name, runs in result.summary.runs.items():
        figures = result.data["rewards"][name]
        for run, value, chosen in zip(runs, figures["per_seed"], figures["chosen"], strict=True):
            row = {"reward": name, "seed": run.seed, "yardstick": value, "evaluations": run.evaluations}
            row |= {"seconds": run.seconds, "energy_kwh": run.energy_kwh}
            rows.append(row | {f"chosen_{key}": told for key, told in (chosen or {}).items()})
    return rows


def _design_rows(summary: RewardSummary) -> list[dict[str, Any]]:
    return [
        {"reward": name, "seed": run.seed, "evaluation": index + 1, "digest": digest, **_paid(run, index)}
        for name, runs in summary.runs.items()
        for run in runs
        for index, digest in enumerate(run.digests)
    ]


def _paid(run: RewardRun, index: int) -> dict[str, float | None]:
    names = ("paid", *COLUMNS[1:])  # `reward` is the name of the reward in these rows
    return dict(zip(names, run.figures[index], strict=True))


def rewards_table(data: Mapping[str, Any]) -> RenderableType:
    """What a person wants to know first: a row a reward, and the conclusions below."""
    seeds = f"{data['seeds']:,} seed{'s' * (data['seeds'] > 1)}"
    title = f"{data['task']}, {data['agent']}, {seeds}, {data['evaluations']:,} evaluations"
    table = Table(
        box=None, pad_edge=False, header_style="dim", title=Text(printable(title)), title_justify="left"
    )
    table.title_style = ""
    table.add_column("reward", overflow="fold")
    columns = _columns(data)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for name, figures in data["rewards"].items():
        table.add_row(Text(printable(name)), *(show(figures) for show in columns.values()))
    return Group(
        table,
        *(Text(printable(line), style="dim") for line in _legend(data)),
        Text(),
        *(Text(printable(line)) for line in data["conclusions"]),
    )


def _columns(data: Mapping[str, Any]) -> dict[str, Callable[[Mapping[str, Any]], str]]:
    columns: dict[str, Callable[[Mapping[str, Any]], str]] = {"IQM [95 %]": _iqm}
    if len(data["rewards"]) > 1:
        columns |= {"P(better) [95 %]": _improvement, "verdict": lambda f: f["verdict"] or "–"}
    hacked = {True: "yes", False: "no", None: "–"}
    columns |= {"hacked": lambda f: hacked[f["hacked"]], "time/run": lambda f: _time(f["seconds_per_run"])}
    columns["trainings"] = lambda f: f"{f['trainings']:,}"
    if any(figures["energy_kwh_per_run"] is not None for figures in data["rewards"].values()):
        columns["Wh/run"] = lambda f: _energy(f["energy_kwh_per_run"])
    return columns


def _legend(data: Mapping[str, Any]) -> list[str]:
    less = "" if data["higher_is_better"] else ", less is better"
    lines = [f"IQM: interquartile mean over seeds of the {data['yardstick_title']}{less}"]
    if len(data["rewards"]) > 1:
        first = next(iter(data["rewards"]))
        lines.append(f"P(better): chance that a run is better than one with {first}")
        lines.append(
            "verdict: against the same, paired by seed, exact signed-rank test, 2.5 % with Holm's correction"
        )
    return lines


def _iqm(figures: Mapping[str, Any]) -> str:
    return f"{figures['iqm']:.4f}{_bracketed(figures['interval'], 4)}"


def _improvement(figures: Mapping[str, Any]) -> str:
    chance = figures["probability_of_improvement"]
    if chance is None:
        return "–"
    return f"{chance:.2f}{_bracketed(figures['probability_of_improvement_interval'], 2)}"


def _bracketed(interval: list[float] | None, digits: int) -> str:
    return "" if interval is None else f" [{interval[0]:.{digits}f}, {interval[1]:.{digits}f}]"


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 10 else show_seconds(seconds)


def _energy(kwh: float | None) -> str:
    return "–" if kwh is None else f"{1000 * kwh:.3g}"


def run_line(run: RewardRun) -> str:
    """What the progress says of a finished run."""
    what = f"{printable(run.reward)}, seed {run.seed}: {run.evaluations:,} evaluations"
    choice = run.choice()
    if choice is None:
        return f"{what}, all failed, {show_seconds(run.seconds)}"
    return f"{what}, best {run.merits[choice]:.4g}, {show_seconds(run.seconds)}"
