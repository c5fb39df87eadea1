"""What is shown of full trainings as they go, and what they brought, as data and as text for a terminal."""

import math
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rl_designer.jobs.jobs import Job
from rl_designer.jobs.progress import Shown
from rl_designer.quantities import show_count, show_figure, show_seconds
from rl_designer.retraining.answers import without_answers
from rl_designer.retraining.verdicts import figure_of, merit_of, metric_name, split_of
from rl_designer.text import printable

_MOST_CLASSES_SHOWN = 12


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
    return {"designs": [without_answers(design) for design in designs], "data": dataset, "settings": settings}


def print_retrained(console: Console, designs: Sequence[dict[str, Any]], dataset: str) -> None:
    """A table of the designs and their rivals, then the weakest classes and the folder of each."""
    console.print(Text(f"{printable(dataset)}: {_what(designs[0])}", style="bold"), soft_wrap=True)
    named = [(design_name(design), design) for design in designs]
    console.print(figures_table(named + _named(designs[0]["rivals"])))
    _print_missing(console, designs[0])
    for design in designs:
        console.print(Text(f"\n{design_name(design)}: {_weakest(design)}"), soft_wrap=True)
        if design["rivals_verdict"]:
            console.print(Text(printable(design["rivals_verdict"])), soft_wrap=True)
        if len(design["classes"]) <= _MOST_CLASSES_SHOWN and design["confusion_matrix"]:
            console.print(confusion_table(design))
        failed = [line for line in design["seeds"] if line["failure"] is not None]
        for line in failed:
            console.print(Text(printable(f"seed {line['seed']} failed: {line['failure']}")), soft_wrap=True)
        console.print(Text(printable(f"weights, figures: {design['folder']}")), soft_wrap=True)


def print_comparison(console: Console, data: dict[str, Any]) -> None:
    """Designs and references in one table, the best first, and the verdict where there are designs."""
    rows = [(f"{design_name(line)} ({line['origin']})", line) for line in data["designs"]]
    rows += [(line["name"], line) for line in [*data["references"], *data["rivals"]]]
    rows.sort(key=lambda row: -merit_of(row[1]))
    settings = data["references"][0]["settings"]
    augmented = f", {settings['augment']}" if settings["augment"] else ""
    on = _examples(data["references"][0])
    title = f"{printable(data['data'])}: {settings['epochs']} epochs each on {on}{augmented}"
    console.print(Text(title, style="bold"), soft_wrap=True)
    console.print(figures_table(rows))
    _print_missing(console, data)
    if data["designs"]:
        console.print(Text(printable(data["verdict"])), soft_wrap=True)
    for line in data["designs"]:
        if line["rivals_verdict"]:
            told = f"{design_name(line)}: {line['rivals_verdict']}"
            console.print(Text(printable(told)), soft_wrap=True)


def _named(rivals: Sequence[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Rows of a table, the best first."""
    return [(line["name"], line) for line in sorted(rivals, key=lambda line: -merit_of(line))]


def _print_missing(console: Console, told: dict[str, Any]) -> None:
    """The rivals that failed or were left out, and why."""
    missing = [f"{line['name']} failed: {line['failure']}" for line in told["rivals"] if line["failure"]]
    missing += [f"no {line['name']}: {line['reason']}" for line in told["rivals_left_out"]]
    for line in missing:
        console.print(Text(printable(line), style="dim"), soft_wrap=True)


def figures_table(rows: Sequence[tuple[str, dict[str, Any]]]) -> Table:
    """What each design or rival scores, its size, and how long a training took, a line each."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    split, metric = split_of(rows[0][1]), metric_name(rows[0][1])
    for name in (
        f"{split} {metric}",
        "± s.d.",
        "seeds",
        f"{split} loss",
        "parameters",
        "multiply-adds",
        "time",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for name, line in rows:
        figure = figure_of(line)
        known = sum(value is not None for value in figure["per_seed"])
        table.add_row(
            Text(printable(name)),
            show_figure(figure["mean"]),
            show_figure(figure["standard_deviation"]),
            str(known),
            show_figure(_loss(line)),
            show_count(line["parameters"]) if "parameters" in line else _size(line),
            show_count(line.get("macs")),
            _time(line),
        )
    guesses = [line["guess"].get(metric) for _, line in rows if line.get("guess")]
    if guesses and guesses[0] is not None:
        table.add_row(Text("guessing", style="dim"), show_figure(guesses[0]))
    return table


def _loss(line: dict[str, Any]) -> float | None:
    """Mean cross-entropy, or a design's squared error; None where it says no probabilities."""
    split = split_of(line)
    known = line.get(f"{split}_loss") or line.get(f"{split}_figures", {}).get("log-loss")
    return None if known is None else known["mean"]


def _size(rival: dict[str, Any]) -> str:
    unit = "" if rival["size_of"] == "parameters" else f" {rival['size_of']}"
    return f"{show_count(rival['size'])}{unit}"


def _time(line: dict[str, Any]) -> str:
    """Of one training, in the mean."""
    known = [seed.get("training_seconds", seed.get("seconds")) for seed in line["seeds"]]
    seconds = [value for value in known if value is not None]
    return show_seconds(math.fsum(seconds) / len(seconds), fine=True) if seconds else "–"


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


def design_name(design: dict[str, Any]) -> str:
    """What people call it: its name, or the beginning of its digest."""
    return str(design["name"] or design["digest"][:12])


def _what(design: dict[str, Any]) -> str:
    settings = design["settings"]
    augmented = f", {settings['augment']}" if settings["augment"] else ""
    parts = "training and validation part" if split_of(design) == "test" else "training part alone"
    return f"{settings['epochs']} epochs on {_examples(design)} ({parts}){augmented}"


def _examples(design: dict[str, Any]) -> str:
    """How many were trained on, and of how many where that is a part."""
    count, there = design["data"]["examples"], design["data"].get("of")
    return f"{count:,} of {there:,} examples" if there not in (None, count) else f"{count:,} examples"


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
