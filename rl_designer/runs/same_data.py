"""Whether data are still what a run was searched on: by their content, wherever they lie."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rl_designer.config import Subject
from rl_designer.envs.datasets import DATASETS, Dataset
from rl_designer.envs.datasets.catalogue import is_function
from rl_designer.envs.datasets.content import same_content
from rl_designer.envs.evaluators.training_digest import is_digest_of
from rl_designer.errors import Error, WrongUsage
from rl_designer.runs.folder import CONFIG, DATA_CONTENT, RunFolder
from rl_designer.setting import dataset_of
from rl_designer.text import command

_WHERE_IT_LIES = ("data", "data_folder")


class ChangedData(Error):
    """Data that aren't what a run was searched on."""


def data_of_run(folder: RunFolder, options: Mapping[str, Any]) -> Dataset:
    """The data that a run was on, from where they lie now.

    Args:
        options: `data` and `data_folder` go before the run's; other settings of `Subject` must be its own;
            None where not given.

    Raises:
        WrongUsage: where another setting is given.
        ChangedData: where the content differs, or a file of that name can't be read any more.
        ValueError, OSError: where they aren't there.
    """
    check_own(folder, options)
    given = {name: value for name, value in options.items() if value is not None}
    subject = folder.config.subject.changed(**given)
    dataset = _read(folder, subject)
    check_same_data(folder, dataset, str(subject.data))
    return dataset


def check_own(folder: RunFolder, options: Mapping[str, Any]) -> None:
    """Raises WrongUsage where options say anything else than a run's config, but where its data lie."""
    for name, value in options.items():
        its = getattr(folder.config.subject, name)
        if value not in (None, its) and name not in _WHERE_IT_LIES:
            raise WrongUsage(
                f"the run brings its own data ({name} {its}); leave --{name.replace('_', '-')} away"
            )


def check_same_data(folder: RunFolder, dataset: Dataset, name: str) -> None:
    """Raises ChangedData where data differ from a run's in any example, label, or name of a column or class.

    A run of a version that kept no content is compared by its training and validation part.

    Args:
        name: of the data, or where they lie, for the error.
    """
    same = same_content(folder.summary.get(DATA_CONTENT), dataset.content)
    if same is None:
        same = _same_parts(folder, dataset)
    if not same:
        raise ChangedData(
            f"{name} differs in its content from what the run {folder.path} was searched on; "
            f"{_remedy(folder)}"
        )


def _read(folder: RunFolder, subject: Subject) -> Dataset:
    name = str(subject.data)
    try:
        return dataset_of(subject)
    except ValueError as error:
        if name in DATASETS or is_function(name) or isinstance(error.__cause__, ImportError):
            raise
        if Path(name).exists():
            raise ChangedData(
                f"{name} can't be read as it was when the run {folder.path} was searched on it "
                f"({str(error).rstrip('.')}); {_remedy(folder)}"
            ) from error
        if name == folder.config.subject.data and Path(name).is_absolute():
            raise Error(
                f"{name}, which the run {folder.path} was searched on, is no longer there; "
                "name with --data where it lies now"
            ) from error
        raise


def _remedy(folder: RunFolder) -> str:
    anew = command("train", "--config", folder.path / CONFIG, "--run", "NEW")
    return f"put it back as it was, name with --data where it lies now, or begin another run with `{anew}`"


def _same_parts(folder: RunFolder, dataset: Dataset) -> bool:
    """By the digest of the run's evaluator; where that can't tell, the data are taken as they are."""
    shape = folder.summary.get("setting", {}).get("input_shape")
    kept, training = folder.summary.get("evaluator"), folder.config.training
    if shape is None or kept is None:
        return True
    if shape != list(dataset.input_shape):  # the same, perhaps, read as features for one run and not another
        return math.prod(shape) == math.prod(dataset.input_shape)
    if training.examples is not None:
        if training.examples > len(dataset.y_train):
            return False
        dataset = dataset.with_examples(training.examples)
    scoring = {"metric": training.metric, "folds": training.folds or 1}
    return is_digest_of(kept, dataset, training.settings(), **scoring)
