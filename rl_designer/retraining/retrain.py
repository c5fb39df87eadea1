"""`retrain`: the winners of runs, and architectures of files, trained in full over several seeds, then
scored, once, on the sealed test split.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets import Dataset
from rl_designer.envs.limits import Rules, in_force, kept_rules
from rl_designer.envs.workers.devices import device_name
from rl_designer.envs.workers.engines import Engine, Workload, engine_name
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.envs.workers.pool import Lost
from rl_designer.errors import Error, usage_errors
from rl_designer.files import replacing
from rl_designer.jobs.jobs import Job, JobObserver, Results, Unfinished, run_jobs
from rl_designer.oversight.admission import check_possible
from rl_designer.oversight.approval import waiting
from rl_designer.oversight.audit import RETRAINED, digests_of, verify
from rl_designer.oversight.work import USED, Watched, Work, working
from rl_designer.retraining.contest import Contest, compete
from rl_designer.retraining.folder import RESULTS, TRAINING, RetrainedFolder
from rl_designer.retraining.job import Retraining, Winner, folder_of
from rl_designer.retraining.settings import Plan
from rl_designer.runs.folder import CONFIG, LIMITS, RunFolder


class AllFailed(Error):
    """No training has brought weights."""


def retrain(
    winners: Sequence[Winner],
    dataset: Dataset,
    plan: Plan,
    observer: JobObserver | None = None,
    told: Callable[[str], None] = lambda line: None,
    deadline: float | None = None,
    logs: bool = True,
) -> list[dict[str, Any]]:
    """Trains each winner with each seed on training and validation part together, or on the plan's number of
    their examples, and writes its folder.

    Trainings whose weights are there are not repeated, and those that were stopped go on from their last
    checkpoint. Once all have ended the test split is opened, and each new network scored, and the plan's
    rivals trained and scored; a figure that `results.json` has is never made again.

    Args:
        observer: told of the trainings, see `output.shown`.
        told: of each rival that was trained.
        deadline: when to give up, by `time.monotonic`; None for never.
        logs: whether the runs' logs say so.

    Returns:
        The content of each winner's `results.json`, and its `folder` and `origin`, in their order; without
        those whose trainings hadn't all ended by the deadline.

    Raises:
        WrongUsage: for a device that isn't there, or a folder that holds something else.
        OverLimit: for more trainings or larger networks than an organisation allows, and where its hours or
            energy are used up; what has ended is kept.
        ValueError: for a network that doesn't fit the data, data without a test split or with fewer examples,
            a damaged folder, and where every training failed (AllFailed).
        Interrupted: on Ctrl-C; its text says how to go on.
    """
    with usage_errors():
        # What an engine of other machines has may not be here to score on.
        device = device_name(plan.device if plan.engine is None else "auto")
    if dataset.sealed_test is None and not plan.on_validation:
        raise Error(f"{dataset.name} has no test split to score on; --on-validation needs none")
    part = plan.part_of(dataset)
    made = (Retraining(winner, dataset, plan) for winner in winners)
    # One a folder: two winners may be the same network.
    retrainings = list({retraining.folder.path: retraining for retraining in made}.values())
    rules, trainings, where = _rules(retrainings), len(retrainings) * plan.seeds, engine_name(plan.engine)
    _check_rules(rules, retrainings, trainings)
    with ExitStack() as locks:
        for retraining in retrainings:
            retraining.check_scored()
            retraining.folder.begin(retraining.file, retraining.training)
            locks.enter_context(retraining.folder.locked())
        engine = plan.engine or _local(plan, device, len(retrainings))
        used = retrainings[0].folder.path / USED if retrainings else None
        with working(used, rules, "the retraining", trainings=trainings, engine=where) as work:
            failures = _train(retrainings, part, plan, engine, observer or JobObserver(), deadline, work)
        ended = [retraining for retraining in retrainings if failures.keys() >= set(retraining.keys)]
        results = {retraining.folder.path: retraining.finish(failures, device) for retraining in ended}
        if ended and all(figures["failures"] == len(figures["seeds"]) for figures in results.values()):
            raise AllFailed(f"every training failed; the first: {next(filter(None, failures.values()))}")
        if plan.rivals is not False:
            examples = _training_examples(part, plan.on_validation)
            results = compete(Contest.of(part, plan, **examples), results, told)
        for retraining in ended if logs else []:
            _log(retraining, told)
    places = [(winner, folder_of(winner, plan).path) for winner in winners]
    return [{**results[path], "origin": winner.origin} for winner, path in places if path in results]


def _rules(retrainings: Sequence[Retraining]) -> Rules:
    """Those in force, and those under which the networks' runs were begun."""
    rules = in_force()
    for origin in dict.fromkeys(retraining.winner.origin for retraining in retrainings):
        if (Path(origin) / CONFIG).is_file():
            rules |= kept_rules(RunFolder.open(Path(origin)).summary.get(LIMITS))
    return rules


def _log(retraining: Retraining, told: Callable[[str], None]) -> None:
    """In the log of the run whose network it is, once for the same weights and figures; `told` what a person
    must approve of it.
    """
    run, folder = Path(retraining.winner.origin), retraining.folder
    if not (run / CONFIG).is_file():
        return
    files = [folder.path / TRAINING, folder.path / RESULTS, *map(folder.weights, folder.seeds())]
    opened = RunFolder.open(run)
    digests = digests_of(run, files)
    known = verify(run, opened.summary).entries
    if not any(entry.action == RETRAINED and entry.facts.get("files") == digests for entry in known):
        opened.log(RETRAINED, design=retraining.winner.architecture.digest, files=digests)
    if missing := waiting(opened, retraining.winner.architecture.digest):
        told(missing)


def _check_rules(rules: Rules, retrainings: Sequence[Retraining], trainings: int) -> None:
    """Before anything is written."""
    check_possible(rules)
    rules.check("trainings", trainings, "trainings of the retraining")
    for retraining in retrainings:
        rules.check("max_parameters", retraining.costs.parameters, f"parameters of {retraining.winner.name}")


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
    work: Work,
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
            ended = run_jobs(jobs, pool, Watched(_Folders(), work), observer, work.sooner(deadline))
        if len(ended) < len(jobs):
            work.check()
        return ended


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
