"""`retrain`: the winners of runs, and architectures of files, trained in full over several seeds, then
scored, once, on the sealed test split.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rl_designer.config import SearchConfig, Subject, make_config
from rl_designer.envs.datasets import Dataset
from rl_designer.envs.datasets.content import same_content
from rl_designer.envs.workers.devices import device_name
from rl_designer.envs.workers.engines import Engine, Workload
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.envs.workers.pool import Lost
from rl_designer.errors import Error, WrongUsage, usage_errors
from rl_designer.files import replacing
from rl_designer.jobs.jobs import Job, JobObserver, Results, Unfinished, run_jobs
from rl_designer.retraining.contest import Contest, compete
from rl_designer.retraining.folder import DEFAULT_PARENT, RetrainedFolder
from rl_designer.retraining.job import Retraining, Winner, folder_of
from rl_designer.retraining.settings import Plan, takes_features
from rl_designer.runs.architecture_files import ArchitectureFile, read_architecture
from rl_designer.runs.folder import DATA_CONTENT, RunFolder
from rl_designer.runs.reading import RunReport, read_run
from rl_designer.runs.same_data import check_same_data, data_of_run
from rl_designer.setting import training_data
from rl_designer.text import command

DATA = Subject.of_data()


class AllFailed(Error):
    """No training has brought weights."""


_SPACE_OF_RANK = {1: "convnet1d", 2: "convnet"}


@dataclass(frozen=True)
class Sources:
    """What was named to be retrained.

    Attributes:
        runs: those among it; all are on the same data, which the first reads as what has most axes.
    """

    winners: list[Winner]
    runs: tuple[RunFolder, ...] = ()

    @property
    def config(self) -> SearchConfig | None:
        """Of the data; None where only files were named."""
        return self.runs[0].config if self.runs else None

    def plan(self, dataset: Dataset, settings: Mapping[str, Any], **plan: Any) -> Plan:
        """As `Plan.of`; metric and class weights are the runs' where nothing else is given."""
        if self.config is not None:
            training = self.config.training
            settings = {**settings, "class_weights": settings.get("class_weights") or training.class_weights}
            plan["metric"] = plan.get("metric") or training.metric
        return Plan.of(dataset, settings, **plan)


def find_winners(
    sources: Sequence[Path],
    *,
    top: int = 1,
    max_parameters: int | None = None,
    output: Path | None = None,
    store: str | None = None,
    trust: bool = False,
) -> Sources:
    """The `top` best designs by reward of each run among `sources`, and the architecture files.

    Args:
        max_parameters: passes over a run's designs with more; None is without limit.
        output: where their folders are made; None for `retrained` in a run's folder, or here for a file.
        store: where the runs' store is now; None for where it was.
        trust: whether `load_data` may run code that copies from elsewhere name.

    Raises:
        WrongUsage: for runs on different data, and such copies without `trust`.
        ValueError: for a run that can't be read, has no design, or was on a table, and for a damaged file.
    """
    winners: list[Winner] = []
    runs: list[RunFolder] = []
    for source in sources:
        if source.is_dir():
            report = _read(source, store)
            if not trust:
                report.folder.check_code("data", "space", "metric")
            winners += _winners_of(report, top, max_parameters, output)
            runs.append(report.folder)
        else:
            file = read_architecture(source)
            winners.append(Winner(file, output or Path(DEFAULT_PARENT), str(source)))
    for run in runs[1:]:
        if not _on_same_data(run, runs[0]):
            raise WrongUsage("the runs are on different data; retrain those of one data set at a time")
    # Signals and images can be flattened for networks on features, but not the other way.
    return Sources(winners, tuple(sorted(runs, key=_axes, reverse=True)))


def load_data(sources: Sources, options: Mapping[str, Any]) -> Dataset:
    """The data that runs were on, or that `options` name.

    Args:
        options: those of `DATA`, as `SearchConfig` has them; None where not given. Runs bring theirs;
            `data` and `data_folder` say where they lie now.

    Raises:
        WrongUsage: where they are missing, or contradict the runs.
        ValueError: for data that can't be used, or that isn't what the runs were on.
    """
    given = {name: options[name] for name in DATA if options.get(name) is not None}
    if not sources.runs:
        if "data" not in given:
            raise WrongUsage("an architecture file needs --data, the name or path of what to train on")
        given.setdefault("space", _space_of(sources.winners))
        return training_data(make_config(given).subject)[0]
    dataset = data_of_run(sources.runs[0], given)
    for run in sources.runs[1:]:
        check_same_data(run, dataset, str(given.get("data", run.config.subject.data)))
    return dataset


def _read(path: Path, store: str | None) -> RunReport:
    report = read_run(path, store)
    if report.folder.config.subject.table is not None:
        raise Error(f"{path} searched on an architecture table; there is nothing to train on")
    if not report.winners:
        raise Error(f"{path} has no design that was trained yet; go on with: {command('resume', path)}")
    return report


def _winners_of(report: RunReport, top: int, max_parameters: int | None, output: Path | None) -> list[Winner]:
    path = report.folder.path
    limit = math.inf if max_parameters is None else max_parameters
    found = [winner for winner in report.winners if (winner.design.evaluation.parameters or 0) <= limit]
    if not found:
        raise Error(f"{path} has no design of at most {max_parameters:,} parameters")
    winners = []
    for design in found[:top]:
        note = f"reward {design.design.reward:.4f} in its run, found by {report.found_by(design)}"
        file = ArchitectureFile(design.design.architecture, note=note)
        winners.append(Winner(file, output or path / DEFAULT_PARENT, str(path)))
    return winners


def _on_same_data(run: RunFolder, other: RunFolder) -> bool:
    """By content where both know it: the same data may have lain in two places."""
    same = same_content(run.summary.get(DATA_CONTENT), other.summary.get(DATA_CONTENT))
    where_it_lies = {"data_folder", *(("data",) if same else ())}
    compared = [name for name in DATA if name not in where_it_lies | {"space"}]
    ours, theirs = run.config.subject, other.config.subject
    return same is not False and all(getattr(ours, name) == getattr(theirs, name) for name in compared)


def _axes(run: RunFolder) -> int:
    """Of an example, as the run read its data."""
    return len(run.summary.get("setting", {}).get("input_shape", ()))


def _space_of(winners: Sequence[Winner]) -> str | None:
    """The built-in space whose reading of the data suits the files; None for the data's own."""
    for winner in winners:
        if takes_features(winner.architecture):
            continue
        shape = winner.file.input_shape
        space = winner.architecture.space if shape is None else _SPACE_OF_RANK.get(len(shape) - 1)
        if space in _SPACE_OF_RANK.values():
            return space
    return None


def retrain(
    winners: Sequence[Winner],
    dataset: Dataset,
    plan: Plan,
    observer: JobObserver | None = None,
    told: Callable[[str], None] = lambda line: None,
    deadline: float | None = None,
) -> list[dict[str, Any]]:
    """Trains each winner with each seed on training and validation part together, and writes its folder.

    Trainings whose weights are there are not repeated, and those that were stopped go on from their last
    checkpoint. Once all have ended the test split is opened, and each new network scored, and the plan's
    rivals trained and scored; a figure that `results.json` has is never made again.

    Args:
        observer: told of the trainings, see `output.shown`.
        told: of each rival that was trained.
        deadline: when to give up, by `time.monotonic`; None for never.

    Returns:
        The content of each winner's `results.json`, and its `folder` and `origin`, in their order; without
        those whose trainings hadn't all ended by the deadline.

    Raises:
        WrongUsage: for a device that isn't there, or a folder that holds something else.
        ValueError: for a network that doesn't fit the data, data without a test split, a damaged folder, and
            where every training failed (AllFailed).
        Interrupted: on Ctrl-C; its text says how to go on.
    """
    with usage_errors():
        # What an engine of other machines has may not be here to score on.
        device = device_name(plan.device if plan.engine is None else "auto")
    if dataset.sealed_test is None and not plan.on_validation:
        raise Error(f"{dataset.name} has no test split to score on; --on-validation needs none")
    made = (Retraining(winner, dataset, plan) for winner in winners)
    # One a folder: two winners may be the same network.
    retrainings = list({retraining.folder.path: retraining for retraining in made}.values())
    with ExitStack() as locks:
        for retraining in retrainings:
            retraining.check_scored()
            retraining.folder.begin(retraining.file, retraining.training)
            locks.enter_context(retraining.folder.locked())
        engine = plan.engine or _local(plan, device, len(retrainings))
        failures = _train(retrainings, dataset, plan, engine, observer or JobObserver(), deadline)
        ended = [retraining for retraining in retrainings if failures.keys() >= set(retraining.keys)]
        results = {retraining.folder.path: retraining.finish(failures, device) for retraining in ended}
        if ended and all(figures["failures"] == len(figures["seeds"]) for figures in results.values()):
            raise AllFailed(f"every training failed; the first: {next(filter(None, failures.values()))}")
        if plan.rivals is not False:
            examples = _training_examples(dataset, plan.on_validation)
            results = compete(Contest.of(dataset, plan, **examples), results, told)
    places = [(winner, folder_of(winner, plan).path) for winner in winners]
    return [{**results[path], "origin": winner.origin} for winner, path in places if path in results]


def _local(plan: Plan, device: str, winners: int) -> LocalEngine:
    """One worker a core, or one on a GPU, unless told, and no more than trainings."""
    workers = LocalEngine().at_once("cpu") if device == "cpu" else 1
    return LocalEngine(min(workers if plan.workers is None else plan.workers, winners * plan.seeds))


def _train(
    retrainings: Sequence[Retraining],
    dataset: Dataset,
    plan: Plan,
    engine: Engine,
    observer: JobObserver,
    deadline: float | None,
) -> Results:
    """Failures, or None, by the jobs' keys."""
    from rl_designer.retraining.training import prepare_worker

    # The longest first, so that no worker starts a long one when the others are done; where there may not be
    # time for all, as they come.
    ordered = list(retrainings)
    if deadline is None:
        ordered.sort(key=lambda retraining: -retraining.costs.macs)
    jobs = [job for retraining in ordered for job in retraining.jobs()]
    with closing(engine):
        with usage_errors():
            device = engine.device(plan.device)
        examples = _training_examples(dataset, plan.on_validation)
        workload = Workload(prepare_worker, examples, (device,), device)
        with closing(engine.pool(workload)) as pool:
            return run_jobs(jobs, pool, _Folders(), observer, deadline)


class _Folders:
    """The journal: a training is known whose weights lie in its folder; what was lost is tried anew."""

    def known(self, jobs: Sequence[Job]) -> dict[Any, None]:
        places = {job.key: _place(job) for job in jobs}
        return {key: None for key, (folder, number) in places.items() if folder.weights(number).exists()}

    def keep(self, job: Job, result: Any) -> str | None:
        """The failure; None where there is none."""
        folder, number = _place(job)
        checkpoint = folder.checkpoint(number)
        if isinstance(result, Lost):
            return result.failure
        if isinstance(result, Unfinished):
            _write(checkpoint, result.state)
        else:
            _write(folder.weights(number), result)
            checkpoint.unlink(missing_ok=True)
        return None

    def how_to_go_on(self, done: int, total: int) -> str:
        return (
            f"stopped; {done:,} of {total:,} trainings have ended, the others go on from their last "
            "checkpoint: give the same command again"
        )


def _place(job: Job) -> tuple[RetrainedFolder, int]:
    path, number = cast(tuple[Path, int], job.key)
    return RetrainedFolder(path), number


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as free:
        free.write_bytes(content)


def _training_examples(dataset: Dataset, on_validation: bool) -> dict[str, NDArray[Any]]:
    if on_validation:
        return {"x": dataset.x_train, "y": dataset.y_train}
    return {
        "x": np.concatenate([dataset.x_train, dataset.x_val]),
        "y": np.concatenate([dataset.y_train, dataset.y_val]),
    }
