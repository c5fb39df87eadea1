"""Fashion-MNIST on two cores: the search, the final training of its winner, and references of its size.

    python benchmarks/fashion_mnist/run.py --data-folder FOLDER --output runs/fashion

The search trains designs on a part of the training data; of its best designs the one is taken that is best on
validation after a few epochs on all of it (a second look, or the search's own finalists); that one is trained
in full and scored on the test, once, and so are the references. Every step can be stopped, and the same
command goes on. Prints JSON: what came out, by how much the winner is ahead of each reference, with its 95 %
interval over seeds and test examples, and each step's seconds in this start.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click

from rl_designer.retraining.verdicts import compared
from rl_designer.runs.finalists import finalists_of

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


@click.command()
@click.option("--output", type=click.Path(path_type=Path), required=True)
@click.option("--data-folder", help="Where the original files lie; else they are downloaded.")
@click.option("--space", default="space.toml", show_default=True, help="Beside this script, or a full path.")
@click.option("--max-parameters", default="100k", show_default=True)
@click.option("--max-macs", default="14M", show_default=True)
@click.option("--optimizer", default="muon", show_default=True, help="Of all trainings.")
@click.option("--weight-decay", default=0.01, show_default=True, help="Of the trainings after the search.")
@click.option("--evaluations", default=64, show_default=True)
@click.option("--examples", default="24k", show_default=True, help="That the search trains on.")
@click.option("--search-epochs", default=8, show_default=True)
@click.option("--fidelity", default="halving", show_default=True, help="Which of its trainings go on.")
@click.option("--hyperparameters", is_flag=True, help="The search designs how its networks are trained, too.")
@click.option("--finalists", default=0, show_default=True, help="Of the search, in place of a second look.")
@click.option("--finalist-epochs", default=12, show_default=True)
@click.option(
    "--second", default=4, show_default=True, help="Best designs to look at again; 0 takes the first."
)
@click.option("--second-epochs", default=12, show_default=True)
@click.option("--final-examples", help="Trained on after the search, such as 12k.  [default: all]")
@click.option("--epochs", default=60, show_default=True, help="Of the final training.")
@click.option("--seeds", default=3, show_default=True, help="Final trainings.")
@click.option("--references", default=1, show_default=True, help="Trainings of each reference; 0 for none.")
@click.option(
    "--reference",
    "names",
    multiple=True,
    default=["lenet-5", "resnet-8", "mobilenet-v2"],
    show_default=True,
    help="Which of them; may be given again.",
)
@click.option("--seed", default=0, show_default=True, help="Of the search.")
def main(output: Path, data_folder: str | None, **options: Any) -> None:
    """Searches, trains, compares."""
    data = ["--data-folder", data_folder] if data_folder else []
    run = output / f"search-{options['max_parameters']}-{options['seed']}"
    times: dict[str, float] = {}
    recipe = ["--precision", "bfloat16", "--optimizer", options["optimizer"]]
    recipe += ["--weight-decay", options["weight_decay"], *data]
    recipe += ["--examples", options["final_examples"]] if options["final_examples"] else []
    final = ["--epochs", options["epochs"], *recipe]
    if not _finished(run):
        _timed(times, "search", *_search(run, options), *data)
    winner = _finalist(run) if options["finalists"] else _second_look(times, run, options, recipe)
    on = ["--data", "fashion-mnist", "--output", output / "final"]
    seeds = ["--seeds", options["seeds"]]
    trained = _timed(times, "final training", "retrain", winner, *on, *seeds, *final)
    result = {"options": options, "winner": trained["designs"][0], "seconds": times}
    if options["references"]:
        size = ["--max-parameters", options["max_parameters"], "--seeds", options["references"]]
        size += [word for name in options["names"] for word in ("--only", name)]
        result["references"] = _timed(times, "references", "benchmark", "references", *on, *size, *final)
        result["ahead_of"] = {
            line["name"]: _ahead(result["winner"]["folder"], line["folder"])
            for line in result["references"]["references"]
        }
    print(json.dumps(result, indent=2))


def _search(run: Path, options: dict[str, Any]) -> list[object]:
    return [
        *("train", "--data", "fashion-mnist", "--space", HERE / options["space"], "--run", run),
        *("--max-parameters", options["max_parameters"], "--max-macs", options["max_macs"]),
        *("--examples", options["examples"], "--epochs", options["search_epochs"]),
        *("--precision", "bfloat16", "--augment", "flip-shift", "--fidelity", options["fidelity"]),
        *("--optimizer", options["optimizer"]),
        *("--evaluations", options["evaluations"], "--no-control", "--seed", options["seed"]),
        *["--hyperparameters"] * options["hyperparameters"],
        *(("--finalists", options["finalists"]) if options["finalists"] else ()),
        *(("--finalist-epochs", options["finalist_epochs"]) if options["finalists"] else ()),
    ]


def _second_look(times: dict[str, float], run: Path, options: dict[str, Any], recipe: list[object]) -> Path:
    """The design that is best on validation among the search's best; without a look the search's own."""
    if options["second"] == 0:
        return run
    again = ["--top", options["second"], "--epochs", options["second_epochs"], "--seeds", 1]
    looked = _timed(times, "second look", "retrain", run, "--on-validation", *again, *recipe)
    best = max(looked["designs"], key=lambda design: design["val_accuracy"]["mean"])
    return Path(best["folder"]) / "architecture.json"


def _finalist(run: Path) -> Path:
    """The finalist that became the search's winner."""
    for best in finalists_of(json.loads((run / "summary.json").read_text())):
        if best.val_score is not None:
            return run / best.folders[0] / "architecture.json"
    raise SystemExit(f"{run} has no finalist that was trained; use another --output, or no --finalists")


def _ahead(winner: str, reference: str) -> dict[str, Any]:
    """By how much the winner is better on the test; of folders of before, why that isn't known."""
    try:
        return compared(winner, reference).to_dict()
    except ValueError as error:
        return {"unknown": str(error)}


def _finished(run: Path) -> bool:
    summary = run / "summary.json"
    return summary.is_file() and json.loads(summary.read_text())["state"] == "finished"


def _timed(times: dict[str, float], step: str, *words: object) -> Any:
    """What a command prints as JSON; its seconds join `times`."""
    began = time.monotonic()
    command = [sys.executable, ROOT / "run.py", *words, "--json"]
    done = subprocess.run([*map(str, command)], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.returncode)  # the command has said why
    times[step] = round(time.monotonic() - began)
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
