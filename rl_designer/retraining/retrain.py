"""`retrain`: networks trained in full over several seeds, then scored, once, on the sealed test split."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets import Dataset
from rl_designer.envs.workers.devices import device_name
from rl_designer.errors import Interrupted, usage_errors
from rl_designer.jobs.retrain_progress import Progress, silent_progress
from rl_designer.retraining.job import Job, Plan, Winner, folder_of
from rl_designer.retraining.workers import train_all
from rl_designer.setting import cores


def retrain(
    winners: Sequence[Winner], dataset: Dataset, plan: Plan, progress: Progress | None = None
) -> list[dict[str, Any]]:
    """Trains each winner with each seed on training and validation part together, and writes its folder.

    Trainings whose weights are there are not repeated, and those that were stopped go on from their last
    checkpoint. Once all have ended the test split is opened, and each new network scored; a figure that
    `results.json` has is never made again.

    Returns:
        The content of each winner's `results.json`, and its `folder` and `origin`, in their order.

    Raises:
        WrongUsage: for a device that isn't there, or a folder that holds something else.
        ValueError: for a network that doesn't fit the data, data without a test split, a damaged folder, and
            where every training failed.
        Interrupted: on Ctrl-C; its text says how to go on.
    """
    with usage_errors():
        device = device_name(plan.device)
    if dataset.sealed_test is None and not plan.on_validation:
        raise ValueError(f"{dataset.name} has no test split to score on; --on-validation needs none")
    jobs = _distinct([Job(winner, dataset, plan) for winner in winners])
    with ExitStack() as locks:
        for job in jobs:
            job.folder.begin(job.file, job.training)
            locks.enter_context(job.folder.locked())
        failures = _train(jobs, dataset, plan, device, progress or silent_progress())
        results = {job.folder.path: job.finish(failures, device) for job in jobs}
    if all(figures[_score_name(plan)]["mean"] is None for figures in results.values()):
        raise ValueError(f"every training failed; the first: {next(iter(failures.values()))}")
    return [{**results[folder_of(winner, plan).path], "origin": winner.origin} for winner in winners]


def _distinct(jobs: Sequence[Job]) -> list[Job]:
    """One a folder: two winners may be the same network."""
    return list({job.folder.path: job for job in jobs}.values())


def _score_name(plan: Plan) -> str:
    return "val_accuracy" if plan.on_validation else "test_accuracy"


def _train(
    jobs: Sequence[Job], dataset: Dataset, plan: Plan, device: str, progress: Progress
) -> dict[tuple[Path, int], str]:
    """Failures by folder and seed's number."""
    wanted = [
        (job, number, task)
        # The longest first, so that no worker starts a long one when the others are done.
        for job in sorted(jobs, key=lambda job: -job.costs.macs)
        for number, task in job.tasks().items()
    ]
    if not wanted:
        return {}
    outcomes: dict[tuple[Path, int], str | None] = {}

    def ended(index: int, failure: str | None) -> None:
        job, number, _ = wanted[index]
        outcomes[job.folder.path, number] = failure
        progress.ended(index, f"{job.winner.name}, seed {number}", failure)

    tasks = [task for _, _, task in wanted]
    examples = _training_examples(dataset, plan.on_validation)
    workers = _workers(plan, device, len(wanted))
    try:
        progress.started(len(wanted), plan.settings.epochs, len(jobs) * plan.seeds - len(wanted))
        train_all(tasks, *examples, workers=workers, device=device, advanced=progress.advanced, ended=ended)
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped; {len(outcomes):,} of {len(wanted):,} trainings have ended, the others go on from "
            "their last checkpoint: give the same command again"
        ) from None
    finally:
        progress.closed()
    return {key: failure for key, failure in outcomes.items() if failure is not None}


def _workers(plan: Plan, device: str, trainings: int) -> int:
    if plan.workers is not None:
        return min(plan.workers, trainings)
    return 1 if device != "cpu" else min(cores(), trainings)


def _training_examples(
    dataset: Dataset, on_validation: bool
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    if on_validation:
        return dataset.x_train, dataset.y_train
    return np.concatenate([dataset.x_train, dataset.x_val]), np.concatenate([dataset.y_train, dataset.y_val])
