"""`retrain`, `export`, `predict`: what becomes of the networks that were found."""

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rl_designer.api.given import check_names, folder_of, interruptible, plain
from rl_designer.envs.metrics import metric_name
from rl_designer.errors import WrongUsage
from rl_designer.quantities import parse_count
from rl_designer.results import Network, Networks, Run
from rl_designer.runs.choosing import Choice, Prefer

if TYPE_CHECKING:
    from rl_designer.exporting.export import Exported


def retrain(
    *runs: Run | str | Path,
    top: int = 1,
    prefer: Prefer | None = None,
    within: float | None = None,
    front: bool = False,
    seeds: int = 3,
    on_validation: bool = False,
    examples: int | str | None = None,
    rivals: bool | None = None,
    workers: int | None = None,
    device: str = "auto",
    output: str | Path | None = None,
    store: str | None = None,
    trust: bool = False,
    progress: bool = True,
    **settings: Any,
) -> Networks:
    """Trains the winners of runs, or architectures of files, in full; scores them on the sealed test split.

    The same call again goes on after any stop, and opens nothing twice.

    Args:
        top: best designs of each run to train.
        prefer, within, front: in place of the best the front's design for a preference, the cheapest design
            that is nearly as good, or all of the front, as `rl_designer.runs.choosing.Choice` has them.
        seeds: trainings of each network.
        on_validation: train on the training part alone and score on validation; the test stays sealed.
        examples: train on so many of the examples that are trained on, such as "12k", each class in its
            share; the test stays whole. None for all.
        rivals: train what people would use instead (a linear model, gradient boosting, a random forest, an
            RBF machine, random kernels, TF-IDF) on the same: True all, False none, None on rows, signals and
            texts what takes at most about a minute. See `results["rivals"]`.
        output: where each network's folder is made; None for `retrained` in the run's.
        trust: run the code by which runs that were copied from elsewhere name their data.
        settings: `metric`, a name or a function, and those of the trainings
            (`rl_designer.retraining.settings.FullSettings`); for architectures of files their `data`,
            `target` and the other settings of data (`rl_designer.config.Subject`); for runs `data`, where
            they lie now.
    """
    from rl_designer.jobs.progress import Display, JobProgress
    from rl_designer.retraining.output import shown
    from rl_designer.retraining.recipes import best_recipe, told_of
    from rl_designer.retraining.retrain import retrain as train
    from rl_designer.retraining.sources import find_winners, load_data

    given, data, metric = _divided(settings)
    count = None if examples is None else _count("examples", examples)
    where = None if output is None else Path(output)
    folders, choice = [folder_of(run) for run in runs], Choice(prefer, within, front)
    found = find_winners(folders, top=top, choice=choice, output=where, store=store, trust=trust)
    dataset = load_data(found, data)
    how = {
        "seeds": seeds,
        "on_validation": on_validation,
        "examples": count,
        "workers": workers,
        "device": device,
        "metric": metric,
    }
    with interruptible():
        chosen = best_recipe(found.winners, dataset, found.plan(dataset, given, **how, rivals=rivals))
    plan, display = chosen.plan, Display(not progress, lines=0)
    for line in (*found.told, *told_of(found.winners, chosen)):
        display.say(line)
    observer = JobProgress(display, shown(plan.settings.epochs))
    with interruptible():
        results = train(found.winners, dataset, plan, observer)
    return Networks([Network(Path(result["folder"]), result) for result in results])


def _count(name: str, value: int | str) -> int:
    try:
        return parse_count(value)
    except ValueError as error:
        raise WrongUsage(f"retrain(): {name} {error}") from None


def _divided(settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], str | None]:
    """Settings of the trainings, settings of the data, and the metric's name."""
    from rl_designer.retraining.settings import FullSettings
    from rl_designer.retraining.sources import DATA

    known = [field.name for field in fields(FullSettings)]
    rest = dict(settings)
    metric = metric_name(rest.pop("metric", None))
    data = {name: value for name, value in plain(rest).items() if name not in known}
    check_names("retrain", data, [*known, "metric", *DATA])
    return {name: value for name, value in rest.items() if name in known}, data, metric


def export(
    run: Run | str | Path,
    output: str | Path | None = None,
    *,
    formats: Sequence[str] | None = None,
    weights_of: int | None = None,
    prefer: Prefer | None = None,
    within: float | None = None,
    licence: str | None = None,
    overwrite: bool = False,
    int8: bool = False,
    int8_examples: int | str | None = None,
    int8_loss: float | None = None,
    store: str | None = None,
    **data: Any,
) -> list["Exported"]:
    """Writes a network as plain Python, ONNX, a `torch.export` program, and a model card; the files.

    Args:
        run: of a run its best design, with the weights that `retrain` gave it; a folder that `retrain` wrote;
            or an architecture's file.
        output: the folder; None for `exported` in the run's, or here.
        formats: `python`, `onnx`, `torch-export`, `int8`, `card`; None for all that the installed packages
            allow, but `int8`.
        weights_of: the training whose weights to take; None for the first.
        prefer, within: of a run which design in place of its best, as `retrain` takes them.
        licence: for the model card.
        int8, int8_examples, int8_loss: as `rl_designer.exporting.quantisation.Quantisation` has them.
        data: `data`, `target` and the other settings of data, for an architecture whose file has none;
            `data` of a run, where they lie now.
    """
    from rl_designer.exporting.export import export as write
    from rl_designer.exporting.find import find_subject
    from rl_designer.exporting.quantisation import asked
    from rl_designer.retraining.sources import DATA

    check_names("export", data, DATA)
    how = asked({"int8": int8 or None, "int8_examples": int8_examples, "int8_loss": int8_loss}, formats)
    source = folder_of(run)
    choice = Choice(prefer, within)
    subject = find_subject(source, plain(data), seed=weights_of, store=store, choice=choice)
    folder = source / "exported" if source.is_dir() else Path("exported")
    folder = folder if output is None else Path(output)
    return write(subject, folder, formats, licence=licence, overwrite=overwrite, quantisation=how)


def predict(
    run: Run | str | Path,
    data: Any,
    *,
    probabilities: bool = False,
    weights_of: int | None = None,
    prefer: Prefer | None = None,
    within: float | None = None,
    store: str | None = None,
) -> Any:
    """What a trained network says of new examples, raw as they were before the training; warns of what was
    done to them and in what they are unlike those of the training.

    Args:
        run: of a run its best design that was retrained; or a folder that `retrain` or `export` wrote.
        data: a file's path, a DataFrame, a list of dictionaries or a mapping from columns to cells, an array
            or tensor [n, …], a list of signals of unequal length. Targets in it are passed over.
        probabilities: whether to give those of all classes, in place of the most likely class.
        weights_of: the training whose weights to take; None for the first.
        prefer, within: of a run which design in place of its best, as `retrain` takes them.

    Returns:
        The class of each example, text [n], or float64 [n], numbers in the target's unit; or probabilities,
        float64 [n, classes], in the order of the classes' names.
    """
    from rl_designer.predicting.predict import predict_file
    from rl_designer.predicting.source import find_network

    choice = Choice(prefer, within)
    network, notes = find_network(folder_of(run), weights_of, store, choice)
    if isinstance(data, str | os.PathLike):
        found = predict_file(network, Path(data)).predictions
    else:
        found = network.predict(data)
    for note in (*(() if choice.is_made else notes), *found.notes):
        warnings.warn(note, stacklevel=2)
    if probabilities and not found.class_names:
        raise WrongUsage("predict(): a number has no probabilities; leave probabilities away")
    return found.outputs if probabilities else found.predicted
