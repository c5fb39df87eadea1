"""What `fit` does with a data set at hand: a search on it, and its winner's full training."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rl_designer.config import make_config
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.datasets.dataset import Dataset
from rl_designer.envs.limits import MEMORY, in_force
from rl_designer.envs.rewards import RewardFunction
from rl_designer.envs.workers.devices import cores
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.errors import OverLimit
from rl_designer.oversight.admission import admitted
from rl_designer.results import Run
from rl_designer.retraining.folder import load_retrained
from rl_designer.retraining.job import Winner
from rl_designer.retraining.recipes import best_recipe
from rl_designer.retraining.retrain import retrain
from rl_designer.retraining.settings import Plan
from rl_designer.runs.architecture_files import ArchitectureFile
from rl_designer.runs.reading import read_run
from rl_designer.searches.search import run_search
from rl_designer.setting import setting_on
from rl_designer.spaces import space_on

if TYPE_CHECKING:
    from torch import nn


def search_on(
    dataset: Dataset,
    given: Mapping[str, Any],
    folder: Path,
    *,
    reward: RewardFunction | None,
    jobs: int | None,
    asker: str,
) -> Run:
    """A search on a data set, in a folder that may be removed then.

    Args:
        given: settings of the search, by their names in `SearchConfig`.
        reward: the reward where it is a function; None where `given` names it.
        jobs: trainings at the same time, in processes; None or 1 trains in this one, -1 is one a core.
        asker: who speaks in errors.
    """
    rules = in_force()
    rules.check_data(MEMORY, known=True)
    if (needed := rules.approval_for("retrain")) is not None:
        raise OverLimit(
            f"{asker} trains its winner in full at once, and {needed} asks for a person's approval before; "
            "use rl_designer.search, approve its run, and rl_designer.retrain"
        )
    config = admitted(make_config({}, given, asker), rules)
    device = config.where.device or "auto"
    trained = bool(config.training.hyperparameters)
    space = space_on(dataset, config.subject_counted, trained, measured_on=device)
    engine = None if jobs in (None, 1) else LocalEngine(cores() if jobs == -1 else jobs)
    setting = setting_on(config, dataset, space, engine)
    result = run_search(config, folder / "run", reward=reward, setting=setting)
    return Run(read_run(result.folder.path))


def trained_in_full(
    architecture: Architecture,
    dataset: Dataset,
    settings: Mapping[str, Any],
    folder: Path,
    *,
    device: str,
    metric: str | None,
    asker: str,
) -> "nn.Module":
    """A design's network, trained on training and validation part together; as `retrain` does, by the recipe
    that is best on validation where that may be chosen.

    Args:
        settings: of `FullSettings`; what is None is left to it.
    """
    x = np.concatenate([dataset.x_train, dataset.x_val])
    y = np.concatenate([dataset.y_train, dataset.y_val])
    whole = replace(dataset, x_train=x, y_train=y)  # so that its score on validation says nothing
    plan = Plan.of(whole, settings, seeds=1, on_validation=True, workers=0, device=device, metric=metric)
    winners = [Winner(ArchitectureFile(architecture), folder, asker)]
    results = retrain(winners, whole, best_recipe(winners, dataset, plan).plan)
    return load_retrained(results[0]["folder"]).network


def array_checks(X: Any) -> dict[str, Any]:
    """How scikit-learn checks inputs: two axes are a table; three and four are signals and images."""
    plain = (X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim) <= 2
    return {"ensure_2d": plain, "allow_nd": not plain, "dtype": "numeric"}
