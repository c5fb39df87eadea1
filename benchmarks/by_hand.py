"""Are winners better than networks designed by hand, and than what people would use instead? On many data.

    python benchmarks/by_hand.py --reference lite --data task:motifs --data packaged_data.py:osu_leaf

For each data set: a search with defaults but for the limit, the budget and each `--setting`, its winner
retrained beside the rivals, and the references of the same size trained by the winner's recipe, all on one
split. Told are each one's score on the test, and over the data sets the mean of the winner's lead on each
reference, on the best of them on that set, and on each rival, with its 95 % interval over data sets.

Everything is kept in the output folder: the command can be stopped and given again. What a data set is called
may be all that `train --data` takes.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from rl_designer.comparisons.estimators import interval_of_mean
from rl_designer.declared import option_name
from rl_designer.retraining.settings import CHOSEN

ROOT = Path(__file__).resolve().parents[1]
BEST = "the best of these"


@click.command()
@click.option("--data", "names", multiple=True, required=True, help="Data to search on; several times.")
@click.option("--reference", "references", multiple=True, help="Network by hand; several times.")
@click.option(
    "--setting", "settings", metavar="NAME=VALUE", multiple=True, help="Of the searches, such as finalists=4."
)
@click.option("--max-parameters", default="10k", show_default=True)
@click.option("--evaluations", default=32, show_default=True)
@click.option("--seeds", default=3, show_default=True, help="Full trainings of each network.")
@click.option("--seed", default=0, show_default=True, help="Of the searches.")
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "runs" / "by-hand")
def main(names: tuple[str, ...], references: tuple[str, ...], output: Path, **options: Any) -> None:
    """Compare winners with networks by hand and with rivals."""
    leads: dict[str, dict[str, float]] = {}
    for name in names:
        folder = output / label(name)
        kept = folder / "found.json"
        if not kept.exists():
            found = measured(name, references, folder, **options)
            kept.write_text(json.dumps(found, indent=1))
        found = json.loads(kept.read_text())
        ours = found["winner"]
        told = ", ".join(f"{other} {score:.4f}" for other, score in found["others"].items())
        click.echo(f"{label(name)}: {ours:.4f} ({found['parameters']:,} parameters); {told}")
        leads[label(name)] = {other: ours - score for other, score in found["others"].items()}
        if by_hand := [leads[label(name)][other] for other in references if other in found["others"]]:
            leads[label(name)][BEST] = min(by_hand)
    click.echo(json.dumps(summary(leads), indent=1))


def label(name: str) -> str:
    """Short enough for a table and a folder."""
    return name.rpartition("/")[2].partition(":")[2] or Path(name).stem


def measured(
    name: str,
    references: tuple[str, ...],
    folder: Path,
    *,
    settings: Sequence[str],
    max_parameters: str,
    evaluations: int,
    seeds: int,
    seed: int,
) -> dict[str, Any]:
    """The winner's score, and others' by name."""
    run, on = folder / "run", ("--data", name)
    given = dict(setting.split("=", 1) for setting in settings)
    limit = ("--max-parameters", max_parameters)
    if not _finished(run):
        how = [word for name, value in given.items() for word in (option_name(name), value)]
        budget = ("--evaluations", evaluations, "--seed", seed)
        _ran("train", *on, *limit, *budget, *how, "--run", run)
    [winner] = _ran("retrain", run, "--seeds", seeds)["designs"]
    metric = winner["metric"]
    others = {rival["name"]: rival for rival in winner["rivals"]}
    if references:
        recipe = [word for each in CHOSEN for word in _given(each, winner["settings"])]
        only = [word for reference in references for word in ("--only", reference)]
        reading = ("--space", given["space"]) if "space" in given else ()
        trained = (*on, *reading, *limit, *only, *recipe, "--seeds", seeds, "--output", folder / "by-hand")
        others |= {line["name"]: line for line in _ran("benchmark", "references", *trained)["references"]}
    return {
        "winner": winner["test_figures"][metric]["mean"],
        "others": {other: line["test_figures"][metric]["mean"] for other, line in others.items()},
        "parameters": winner["parameters"],
        "metric": metric,
        "settings": winner["settings"],
    }


def summary(leads: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """Over the data sets, the winner's lead on each of the others that all data sets have."""
    common = [name for name in next(iter(leads.values())) if all(name in lead for lead in leads.values())]
    values = np.array([[lead[name] for name in common] for lead in leads.values()])
    low, high = interval_of_mean(values)
    return {
        name: {
            "mean": round(float(values[:, place].mean()), 4),
            "interval_95": [round(float(low[place]), 4), round(float(high[place]), 4)],
            "ahead": int((values[:, place] > 0).sum()),
            "of": len(values),
        }
        for place, name in enumerate(common)
    }


def _given(name: str, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """A setting of trainings as an option."""
    value = settings[name]
    return ("--no-augment",) if value is False else (option_name(name), str(value))


def _finished(run: Path) -> bool:
    path = run / "summary.json"
    if not path.is_file():
        return False
    if json.loads(path.read_text())["state"] != "finished":
        _ran("resume", run)
    return True


def _ran(*words: object) -> Any:
    """What a command prints as JSON."""
    command = [sys.executable, ROOT / "run.py", *words, "--json", "--quiet"]
    done = subprocess.run([*map(str, command)], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.returncode)  # the command has said why
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
