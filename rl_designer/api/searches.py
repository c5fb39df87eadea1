"""`search`, `resume`, `load_run`, `sample`: a search, its run, and designs of what it learned."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rl_designer.agents.base import Sample
from rl_designer.api.given import check_names, folder_of, interruptible, plain
from rl_designer.config import SearchConfig, Subject, make_config
from rl_designer.envs.metrics import MetricFunction, metric_name
from rl_designer.envs.rewards import RewardFunction, name_of
from rl_designer.errors import usage_errors
from rl_designer.reports.page import leave_report
from rl_designer.results import Run
from rl_designer.runs.data import keep_data, with_categories
from rl_designer.runs.folder import CONFIG, DEFAULT_PARENT, RunFolder
from rl_designer.runs.reading import read_run
from rl_designer.searches.observers import Progress, observers_of
from rl_designer.searches.sampling import Draw, sample_designs
from rl_designer.searches.search import resume_search, run_search


def search(
    data: Any = None,
    *,
    reward: str | RewardFunction | None = None,
    objectives: Sequence[str | RewardFunction] = (),
    metric: str | MetricFunction | None = None,
    run: str | Path | None = None,
    progress: Progress = True,
    **settings: Any,
) -> Run:
    """Searches for good networks, and trains the policy that designs them, as `rl-designer train`.

    Args:
        data: a name, a path, `file.py:function`, a DataFrame (with `target=`), a pair `(X, y)` of arrays or
            tensors, or a mapping with `x_train`, `y_train` and perhaps `x_val`, `y_val`, `x_test`, `y_test`.
            Data in memory are kept as a file in `data` beside the run's folder. None for `mnist1d`, and where
            there is a `table`.
        reward: a name, `file.py:function`, or a function of an `Evaluation` (and of the run's history). A run
            with a function goes on only where `resume` gets it again.
        objectives: two or three, for a whole front in place of one best design (`Run.front`): `val_accuracy`
            (by the metric), less of a cost (`parameters`, `macs`, `latency`), or what `reward` takes, but for
            those that see the history.
        metric: what is good: a name, `file.py:function`, or a function of (outputs, y) at the top level of a
            file, which runs in every process; see `rl_designer.envs.metrics.MetricFunction`.
        run: the folder to make. None for `runs/DATA-AGENT-SEED`.
        progress: whether to show it; or an `Observer`, or several, to be told instead.
        settings: see `rl_designer.config.SearchConfig`, such as `max_parameters`, `evaluations`, `seed`.
    """
    folder = None if run is None else Path(run)
    if data is not None and not isinstance(data, str | os.PathLike):
        settings = with_categories(data, settings)
        data = keep_data(data, DEFAULT_PARENT if folder is None else folder.parent)
    function = None if reward is None or isinstance(reward, str) else reward
    settings |= {"metric": metric_name(metric)}
    functions = [objective for objective in objectives if not isinstance(objective, str)]
    settings |= {"objectives": tuple(o if isinstance(o, str) else name_of(o) for o in objectives) or None}
    config = _config({"data": data, **settings, "reward": reward if function is None else name_of(function)})
    with interruptible():
        observers = observers_of(progress, config.tensorboard)
        result = run_search(config, folder, observers, function, objectives=functions)
    return _finished(result.folder, config.store)


def resume(
    run: Run | str | Path,
    *,
    reward: RewardFunction | None = None,
    objectives: Sequence[RewardFunction] = (),
    store: str | None = None,
    data: str | Path | None = None,
    data_folder: str | Path | None = None,
    trust: bool = False,
    progress: Progress = True,
    **engine: Any,
) -> Run:
    """Goes on with a run after any stop, as if it had never stopped; a finished one is read.

    Args:
        reward: the function that the run was begun with, where it was given as a function.
        objectives: the functions among the objectives that it was begun with.
        store: where its store is now; None for where it was.
        data, data_folder: where its data lie now; None for where they were. Their content must be the same.
        trust: go on with a run that was copied from elsewhere and names code, which is run.
        engine: where its designs are trained now: `engine`, `ray_address`, `gpus_per_candidate`.
    """
    folder = RunFolder.open(folder_of(run))
    if not trust:
        folder.check_code()
    observers = observers_of(progress, folder.config.tensorboard)
    where = plain({"data": data, "data_folder": data_folder})
    with interruptible():
        resume_search(folder, observers, store, engine, reward, where, objectives)
    return _finished(folder, store)


def load_run(folder: str | Path, *, store: str | None = None) -> Run:
    """A run as it is now, also one that is still going on. `store`: where its store is now."""
    return Run(read_run(Path(folder), store))


def sample(run: Any, n: int = 10, **draw: Any) -> list[Sample]:
    """Designs from a run's policy, whose data aren't needed; or for new data from what was learned on other
    tasks, the most promising first: nothing is trained.

    Args:
        run: a run, or its folder; or data as `search` takes them.
        draw: of a run `temperature`, `deterministic`, `unique`, limits such as `max_parameters`, `seed`,
            `prefer`, `policy_file`, `trust`, as `rl_designer.searches.sampling.Draw` has them; of data
            `target`, `max_parameters` and the other settings of data (`rl_designer.config.Subject`),
            `experience` and `seed`.
    """
    if isinstance(run, Run) or (isinstance(run, str | Path) and (Path(run) / CONFIG).is_file()):
        return sample_designs(RunFolder.open(folder_of(run)), Draw.of(n=n, **draw)).samples
    from rl_designer.experience.proposing import propose
    from rl_designer.experience.shipped import SHIPPED

    experience, seed = draw.pop("experience", SHIPPED), draw.pop("seed", 0)
    if not isinstance(run, str | os.PathLike):
        draw = with_categories(run, draw)
        run = keep_data(run, DEFAULT_PARENT)
    check_names("sample", draw, list(Subject.model_fields))
    with usage_errors():
        subject = Subject.of(plain({"data": run, **draw}))
    return propose(subject, n, experience, seed)[0]


def _config(settings: Mapping[str, Any]) -> SearchConfig:
    given = {name: value for name, value in plain(settings).items() if value is not None}
    return make_config({}, given, "search()")


def _finished(folder: RunFolder, store: str | None) -> Run:
    """The run, and its page in its folder, as the command line leaves it."""
    report = read_run(folder, store)
    leave_report(report)
    return Run(report)
