"""A benchmark run, its figures as files, and as a table for a terminal."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rl_designer.comparisons.benchmark import RUNS, BenchmarkLog, BenchmarkResult, config_of_runs
from rl_designer.comparisons.columns import COLUMNS_OF
from rl_designer.comparisons.front_records import FrontRun
from rl_designer.comparisons.records import COLUMNS, AgentRun, RewardRun
from rl_designer.comparisons.reward_figures import courses, fronts, profiles
from rl_designer.config import SearchConfig, Where
from rl_designer.errors import usage_errors
from rl_designer.files import write_json, write_text
from rl_designer.jobs.progress import Display, JobProgress, Shown
from rl_designer.quantities import show_seconds
from rl_designer.setting import engine_of
from rl_designer.text import printable

Row = Mapping[str, Any]

# -- files -------------------------------------------------------------------------------------------

_AGENT_FIGURES = ("evaluations_to_optimum", "policy_samples", "best_reported", "best_reward", "simple_regret")
_AGENT_SPENT = ("evaluations_per_run", "failures", "seconds_per_run", "own_seconds_per_evaluation")
_REWARD_FIGURES = ("iqm", "probability_of_improvement", "verdict", "hacked", "trainings", "failures")
_REWARD_SPENT = ("seconds_per_run", "training_seconds_per_run", "energy_kwh_per_run")


def write_files(result: BenchmarkResult, folder: Path) -> list[Path]:
    """Writes `summary.json` (what `--json` prints) and CSV tables. Of agents: `agents` (a row an agent) and
    `curves` (a row for each agent, figure and number of evaluations), with objectives also `fronts`. Of
    rewards: `rewards` (a row a reward), `seeds` (a row a run), `designs` (a row an evaluated design),
    `profiles`, `fronts` and `courses`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "summary.json", result.data)
    tables = _TABLES[_kind(result.data)](result)
    for name, rows in tables.items():
        write_text(folder / f"{name}.csv", csv_text(rows))
    return [folder / "summary.json", *(folder / f"{name}.csv" for name in tables)]


def compared(
    make: Callable[[SearchConfig], Any],
    run: Callable[..., BenchmarkResult],
    settings: Mapping[str, Any],
    output: Path | None,
    display: Display,
) -> tuple[BenchmarkResult, list[Path]]:
    """Runs what `make` makes of a config, and writes files where there is a folder for them.

    Args:
        run: `run_benchmark_of_agents` or `run_reward_benchmark`.
        settings: by their names alone, None where not given; those of engines say where the runs are.
        output: the same folder again goes on with the rest.

    Raises:
        WrongUsage: for settings that can't be, and as `run`.
    """
    given = dict(settings)
    with usage_errors():
        engine = engine_of(Where.of({n: given.pop(n, None) for n in Where.model_fields if n != "device"}))
    log = None if output is None else BenchmarkLog(output / RUNS)
    observer = JobProgress(display, Shown("runs", run_line))
    result = run(make(config_of_runs(given, output)), log=log, engine=engine, observer=observer)
    return result, [] if output is None else write_files(result, output)


def csv_text(rows: Sequence[Row]) -> str:
    """Rows as CSV with a header: every column that some row has."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _agent_tables(result: BenchmarkResult) -> dict[str, Sequence[Row]]:
    rows = [_agent_row(name, figures) for name, figures in result.data["agents"].items()]
    return {"agents": rows, "curves": result.summary.curves()}


def _agent_row(name: str, figures: Row) -> Row:
    row: dict[str, Any] = {"agent": name}
    for figure in _AGENT_FIGURES:
        for key, value in (figures[figure] or {}).items():
            if not key.endswith("per_seed"):
                row[f"{figure}_{key}"] = value
    return row | {figure: figures[figure] for figure in _AGENT_SPENT}


def _front_tables(result: BenchmarkResult) -> dict[str, Sequence[Row]]:
    rows = [
        {
            "agent": name,
            **{f"hypervolume_{step}": value for step, value in figures["hypervolume"].items()},
            **_ends("hypervolume", figures["interval"]),
            "verdict": figures["verdict"],
            **{figure: figures[figure] for figure in _AGENT_SPENT},
        }
        for name, figures in result.data["agents"].items()
    ]
    return {"agents": rows, "curves": result.summary.curves(), "fronts": result.summary.fronts()}


def _reward_tables(result: BenchmarkResult) -> dict[str, Sequence[Row]]:
    rewards, seeds, designs = [], [], []
    for name, figures in result.data["rewards"].items():
        rewards.append(_reward_row(name, figures))
        runs: Sequence[RewardRun] = result.runs[name]
        for run, value, chosen in zip(runs, figures["per_seed"], figures["chosen"], strict=True):
            row = {"reward": name, "seed": run.seed, "yardstick": value, "evaluations": run.evaluations}
            row |= {"seconds": run.seconds, "energy_kwh": run.energy_kwh}
            seeds.append(row | {f"chosen_{key}": told for key, told in (chosen or {}).items()})
            for index, digest in enumerate(run.digests):
                row = {"reward": name, "seed": run.seed, "evaluation": index + 1, "digest": digest}
                # `reward` is the name of the reward in these rows.
                designs.append(row | dict(zip(("paid", *COLUMNS[1:]), run.figures[index], strict=True)))
    drawn = {make.__name__: make(result.summary) for make in (profiles, fronts, courses)}
    return {"rewards": rewards, "seeds": seeds, "designs": designs, **drawn}


_TABLES = {"agent": _agent_tables, "front": _front_tables, "reward": _reward_tables}


def _kind(data: Row) -> str:
    """Of a benchmark's data: what is compared, or `front` where agents are compared by their fronts."""
    return "reward" if "agents" not in data else "front" if "objectives" in data else "agent"


def _reward_row(name: str, figures: Row) -> Row:
    difference = figures["difference"] or {}
    row = {"reward": name, **{key: figures[key] for key in _REWARD_FIGURES}}
    row |= _ends("interval", figures["interval"])
    row |= _ends("probability_of_improvement", figures["probability_of_improvement_interval"])
    row |= {f"difference_{key}": value for key, value in difference.items() if key != "interval"}
    row |= _ends("difference", difference.get("interval"))
    return row | {key: figures[key] for key in _REWARD_SPENT}


def _ends(name: str, interval: list[float] | None) -> Row:
    low, high = interval or (None, None)
    return {f"{name}_low": low, f"{name}_high": high}


# -- for people --------------------------------------------------------------------------------------


def summary_table(data: Row) -> RenderableType:
    """What a person wants to know first: a row an agent or a reward, and the conclusions below."""
    kind, seeds = _kind(data), f"{data['seeds']:,} seed{'s' * (data['seeds'] > 1)}"
    side = "reward" if kind == "reward" else "agent"
    sides = data[f"{side}s"]
    if kind == "agent":
        title = f"{data['task']}, {seeds}, at most {data['evaluations']:,} evaluations"
    else:
        what = data["agent"] if kind == "reward" else ", ".join(o["name"] for o in data["objectives"])
        title = f"{data['task']}, {what}, {seeds}, {data['evaluations']:,} evaluations"
    table = Table(box=None, pad_edge=False, header_style="dim", title_justify="left", title_style="")
    table.title = Text(printable(title))
    table.add_column(side, overflow="fold")
    columns = [column for column in COLUMNS_OF[kind] if column.shown(data)]
    facts = {
        **data,
        "first": next(iter(sides)),
        "judged": "best reward" if data.get("optimum") is None else "evaluations",
        "test": "exact" if data.get("sequential") is None else "sequential",
        "less": "" if data.get("higher_is_better") else ", less is better",
    }
    for column in columns:
        table.add_column(column.title.format_map(facts), justify="right", no_wrap=True)
    for name, figures in sides.items():
        table.add_row(Text(printable(name)), *(column.show(figures) for column in columns))
    legends = [column.legend.format_map(facts) for column in columns if column.legend]
    return Group(
        table,
        *(Text(printable(line), style="dim") for line in legends),
        Text(),
        *(Text(printable(line)) for line in data["conclusions"]),
    )


def run_line(run: AgentRun | FrontRun | RewardRun) -> str:
    """What the progress says of a finished run."""
    what = f"{printable(run.name)}, seed {run.seed}: {run.evaluations:,} evaluations"
    return f"{what}, {run.outcome}, {show_seconds(run.seconds)}"
