"""What is shown of full trainings as they go, and what they brought, as data and as text for a terminal."""

import math
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rl_designer.envs.metrics import ACCURACY, METRICS
from rl_designer.jobs.jobs import Job
from rl_designer.jobs.progress import Shown
from rl_designer.quantities import show_count, show_figure, show_seconds
from rl_designer.retraining.scores import spread
from rl_designer.text import printable

_MOST_CLASSES_SHOWN = 12
_STANDARD_ERRORS = 2.0


def shown(epochs: int) -> Shown:
    """What is shown of trainings of so many epochs each."""

    def ended(job: Job, failure: str | None, seconds: float) -> str:
        outcome = "trained" if failure is None else f"failed: {failure}"
        return f"{job.title}: {outcome}, after {show_seconds(seconds)}"

    return Shown(
        "epochs",
        figures=lambda progress: "" if not isinstance(progress, tuple) else f"loss {progress[1]:.4f}",
        steps=epochs,
        done_of=lambda progress: int(progress[0]),
        title=lambda missing: f"{missing:,} training{'s' * (missing != 1)} of {epochs:,} epochs",
        ended=ended,
    )


def retrained_to_dict(
    designs: Sequence[dict[str, Any]], dataset: str, settings: dict[str, Any]
) -> dict[str, Any]:
    """What `retrain --json` prints."""
    return {"designs": list(designs), "data": dataset, "settings": settings}


def print_retrained(console: Console, designs: Sequence[dict[str, Any]], dataset: str) -> None:
    """A table of the designs, then the weakest classes and the folder of each."""
    console.print(Text(f"{printable(dataset)}: {_what(designs[0])}", style="bold"), soft_wrap=True)
    console.print(figures_table([(design_name(design), design) for design in designs]))
    for design in designs:
        console.print(Text(f"\n{design_name(design)}: {_weakest(design)}"), soft_wrap=True)
        if len(design["classes"]) <= _MOST_CLASSES_SHOWN and design["confusion_matrix"]:
            console.print(confusion_table(design))
        failed = [line for line in design["seeds"] if line["failure"] is not None]
        for line in failed:
            console.print(Text(printable(f"seed {line['seed']} failed: {line['failure']}")), soft_wrap=True)
        console.print(Text(printable(f"weights, figures: {design['folder']}")), soft_wrap=True)


def print_comparison(console: Console, data: dict[str, Any]) -> None:
    """Designs and references in one table, the best first, and the verdict where there are designs."""
    rows = [(f"{design_name(line)} ({line['origin']})", line) for line in data["designs"]]
    rows += [(line["name"], line) for line in data["references"]]
    rows.sort(key=lambda row: -merit_of(row[1]))
    settings = rows[0][1]["settings"]
    augmented = f", {settings['augment']}" if settings["augment"] else ""
    title = f"{printable(data['data'])}: {settings['epochs']} epochs each{augmented}"
    console.print(Text(title, style="bold"), soft_wrap=True)
    console.print(figures_table(rows))
    if data["designs"]:
        console.print(Text(printable(data["verdict"])), soft_wrap=True)


def judged(designs: Sequence[dict[str, Any]], references: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Whether the best design is better than the best reference: true where it leads by more than two
    standard errors of the difference over seeds, false where it doesn't lead, null where that can't be told.
    """
    best, rival = _best(designs), _best(references)
    if best is None or rival is None:
        return {"better_than_references": None, "verdict": "There is nothing to compare with."}
    ours, theirs = (figure_of(line) for line in (best, rival))
    lead = merit_of(best) - merit_of(rival)
    error = _standard_error(ours, theirs)
    better = False if lead <= 0 else None if error is None else lead > _STANDARD_ERRORS * error or None
    margin = "one seed is too few to tell" if error is None else f"± {error:.4f} standard error over seeds"
    word = {True: "better than", False: "not better than", None: "perhaps better than"}[better]
    sentence = (
        f"The best design ({ours['mean']:.4f}) is {word} the best reference, {rival['name']} "
        f"({theirs['mean']:.4f}): {lead:+.4f} ({margin})."
    )
    return {"better_than_references": better, "verdict": sentence}


def _best(lines: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    trained = [line for line in lines if figure_of(line)["mean"] is not None]
    return max(trained, key=merit_of, default=None)


def _standard_error(*spreads: dict[str, Any]) -> float | None:
    squares = 0.0
    for figures in spreads:
        count = sum(value is not None for value in figures["per_seed"])
        if count < 2:
            return None
        squares += figures["standard_deviation"] ** 2 / count
    return math.sqrt(squares)


def figures_table(rows: Sequence[tuple[str, dict[str, Any]]]) -> Table:
    """What each design scores and its size, a line a design."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    split = split_of(rows[0][1])
    metric = metric_name(rows[0][1])
    for name in (f"{split} {metric}", "± s.d.", "seeds", f"{split} loss", "parameters", "multiply-adds"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, design in rows:
        figure, loss = figure_of(design), design[f"{split}_loss"]
        known = sum(value is not None for value in figure["per_seed"])
        table.add_row(
            Text(printable(name)),
            show_figure(figure["mean"]),
            show_figure(figure["standard_deviation"]),
            str(known),
            show_figure(loss["mean"]),
            show_count(design["parameters"]),
            show_count(design["macs"]),
        )
    if (guess := rows[0][1].get("guess", {}).get(metric)) is not None:
        table.add_row(Text("guessing", style="dim"), show_figure(guess))
    return table


def confusion_table(design: dict[str, Any]) -> Table:
    """Examples by true class (line) and predicted class (column), all seeds together."""
    names = [printable(figure["class"]) for figure in design["classes"]]
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("true \\ predicted", style="dim")
    for index in range(len(design["confusion_matrix"])):
        table.add_column(str(index), justify="right")
    rows = [row for row in design["confusion_matrix"] if any(row)]
    for index, (name, row) in enumerate(zip(names, rows, strict=True)):
        table.add_row(Text(f"{index} {name}" if name != str(index) else name), *map(_count, row))
    return table


def split_of(design: dict[str, Any]) -> str:
    """`test`, or `val` where the test stayed sealed."""
    return "test" if "test_accuracy" in design else "val"


def metric_name(design: dict[str, Any]) -> str:
    """By which it is judged; designs of before there was a choice by accuracy."""
    return str(design.get("metric") or ACCURACY.name)


def figure_of(design: dict[str, Any]) -> dict[str, Any]:
    """Its metric's spread over the seeds, see `spread`; mean None where all failed."""
    split, metric = split_of(design), metric_name(design)
    known = design.get(f"{split}_figures", {}).get(metric)
    return known or (design[f"{split}_accuracy"] if metric == ACCURACY.name else spread([]))


def merit_of(design: dict[str, Any]) -> float:
    """The mean, with its sign turned where less is better; minus infinity where there is none."""
    mean = figure_of(design)["mean"]
    if mean is None:
        return -math.inf
    metric = METRICS.get(metric_name(design))
    return -mean if metric is not None and metric.is_error else float(mean)


def design_name(design: dict[str, Any]) -> str:
    """What people call it: its name, or the beginning of its digest."""
    return str(design["name"] or design["digest"][:12])


def _what(design: dict[str, Any]) -> str:
    settings = design["settings"]
    augmented = f", {settings['augment']}" if settings["augment"] else ""
    parts = "training and validation part" if split_of(design) == "test" else "training part alone"
    return f"{settings['epochs']} epochs on {design['data']['examples']:,} examples ({parts}){augmented}"


def _weakest(design: dict[str, Any]) -> str:
    if not design["weakest_classes"]:
        return "no figures by class"
    return "weakest: " + ", ".join(printable(_weak(figure)) for figure in design["weakest_classes"])


def _weak(figure: dict[str, Any]) -> str:
    taken = figure["mistaken_for"]
    mistaken = "" if taken is None else f" (for {taken}: {figure['mistaken_share']:.1%})"
    return f"{figure['class']} {figure['accuracy']:.1%}{mistaken}"


def _count(count: int) -> str:
    return str(count) if count else "·"
