"""What the command line does, in Python: `rl_designer.search("mnist1d", max_parameters=20_000)` and the rest.

Settings have the names of a run's `config.toml`: the options of `rl-designer train` with `_` for `-`, and
`sources` for `--from`. What is wrong is an `rl_designer.Error` (a ValueError, too), an OSError or an
ImportError of one line.
"""

import os
import sys
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rl_designer.agents.base import Sample
from rl_designer.config import SearchConfig, Subject, make_config
from rl_designer.envs.metrics import MetricFunction, metric_name
from rl_designer.envs.rewards import RewardFunction, file_and_name, name_of
from rl_designer.errors import WrongUsage, unknown_name, usage_errors
from rl_designer.interruption import clean_interruption
from rl_designer.reports.page import leave_report
from rl_designer.results import Network, Networks, Run
from rl_designer.runs.data import keep_data, with_categories
from rl_designer.runs.folder import CONFIG, DEFAULT_PARENT, RunFolder
from rl_designer.runs.reading import read_run
from rl_designer.searches.observers import Progress, observers_of
from rl_designer.searches.sampling import Draw, sample_designs
from rl_designer.searches.search import resume_search, run_search

if TYPE_CHECKING:
    from rl_designer.comparisons.benchmark import BenchmarkResult
    from rl_designer.exporting.export import Exported


def search(
    data: Any = None,
    *,
    reward: str | RewardFunction | None = None,
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
    config = _config({"data": data, **settings, "reward": reward if function is None else name_of(function)})
    with _interruptible():
        result = run_search(config, folder, observers_of(progress, config.tensorboard), function)
    return _finished(result.folder, config.store)


def resume(
    run: Run | str | Path,
    *,
    reward: RewardFunction | None = None,
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
        store: where its store is now; None for where it was.
        data, data_folder: where its data lie now; None for where they were. Their content must be the same.
        trust: go on with a run that was copied from elsewhere and names code, which is run.
        engine: where its designs are trained now: `engine`, `ray_address`, `gpus_per_candidate`.
    """
    folder = RunFolder.open(_folder(run))
    if not trust:
        folder.check_code()
    observers = observers_of(progress, folder.config.tensorboard)
    where = _plain({"data": data, "data_folder": data_folder})
    with _interruptible():
        resume_search(folder, observers, store, engine, reward, where)
    return _finished(folder, store)


def load_run(folder: str | Path, *, store: str | None = None) -> Run:
    """A run as it is now, also one that is still going on. `store`: where its store is now."""
    return Run(read_run(Path(folder), store))


def sample(run: Any, n: int = 10, **draw: Any) -> list[Sample]:
    """Designs from a run's policy, whose data aren't needed; or for new data from what was learned on other
    tasks, the most promising first: nothing is trained.

    Args:
        run: a run, or its folder; or data as `search` takes them.
        draw: of a run `temperature`, `deterministic`, `unique`, `max_parameters`, `max_macs`, `seed`,
            `policy_file`, `trust`, as `rl_designer.searches.sampling.Draw` has them; of data `target`,
            `max_parameters` and the other settings of data (`rl_designer.config.Subject`), `experience` and
            `seed`.
    """
    if isinstance(run, Run) or (isinstance(run, str | Path) and (Path(run) / CONFIG).is_file()):
        return sample_designs(RunFolder.open(_folder(run)), Draw(n=n, **draw)).samples
    from rl_designer.experience.proposing import propose
    from rl_designer.experience.shipped import SHIPPED

    experience, seed = draw.pop("experience", SHIPPED), draw.pop("seed", 0)
    if not isinstance(run, str | os.PathLike):
        draw = with_categories(run, draw)
        run = keep_data(run, DEFAULT_PARENT)
    _check_names("sample", draw, list(Subject.model_fields))
    with usage_errors():
        subject = Subject.of(_plain({"data": run, **draw}))
    return propose(subject, n, experience, seed)[0]


def retrain(
    *runs: Run | str | Path,
    top: int = 1,
    seeds: int = 3,
    on_validation: bool = False,
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
        seeds: trainings of each network.
        on_validation: train on the training part alone and score on validation; the test stays sealed.
        rivals: train what people would use instead (a linear model, gradient boosting, a random forest, an
            RBF machine, random kernels) on the same: True all, False none, None on rows and signals what
            takes at most about a minute. See `results["rivals"]`.
        output: where each network's folder is made; None for `retrained` in the run's.
        trust: run the code by which runs that were copied from elsewhere name their data.
        settings: `metric`, a name or a function, and those of the trainings
            (`rl_designer.retraining.settings.FullSettings`); for architectures of files their `data`,
            `target` and the other settings of data (`rl_designer.config.Subject`); for runs `data`, where
            they lie now.
    """
    from rl_designer.jobs.progress import Display, JobProgress
    from rl_designer.retraining.output import shown
    from rl_designer.retraining.recipes import best_recipe
    from rl_designer.retraining.retrain import DATA, find_winners, load_data
    from rl_designer.retraining.retrain import retrain as train
    from rl_designer.retraining.settings import FullSettings

    known = [field.name for field in fields(FullSettings)]
    metric = metric_name(settings.pop("metric", None))
    data = {name: value for name, value in _plain(settings).items() if name not in known}
    _check_names("retrain", data, [*known, "metric", *DATA])
    where = None if output is None else Path(output)
    found = find_winners([_folder(run) for run in runs], top=top, output=where, store=store, trust=trust)
    dataset = load_data(found, data)
    given = {name: value for name, value in settings.items() if name in known}
    how = {
        "seeds": seeds,
        "on_validation": on_validation,
        "workers": workers,
        "device": device,
        "metric": metric,
    }
    with _interruptible():
        chosen = best_recipe(found.winners, dataset, found.plan(dataset, given, **how, rivals=rivals))
    plan, display = chosen.plan, Display(not progress, lines=0)
    if chosen.told:
        display.say(chosen.told)
    observer = JobProgress(display, shown(plan.settings.epochs))
    with _interruptible():
        results = train(found.winners, dataset, plan, observer)
    return Networks([Network(Path(result["folder"]), result) for result in results])


def export(
    run: Run | str | Path,
    output: str | Path | None = None,
    *,
    formats: Sequence[str] | None = None,
    weights_of: int | None = None,
    licence: str | None = None,
    overwrite: bool = False,
    store: str | None = None,
    **data: Any,
) -> list["Exported"]:
    """Writes a network as plain Python, ONNX, a `torch.export` program, and a model card; the files.

    Args:
        run: of a run its best design, with the weights that `retrain` gave it; a folder that `retrain` wrote;
            or an architecture's file.
        output: the folder; None for `exported` in the run's, or here.
        formats: `python`, `onnx`, `torch-export`, `card`; None for all that the installed packages allow.
        weights_of: the training whose weights to take; None for the first.
        licence: for the model card.
        data: `data`, `target` and the other settings of data, for an architecture whose file has none;
            `data` of a run, where they lie now.
    """
    from rl_designer.exporting.export import export as write
    from rl_designer.exporting.find import find_subject
    from rl_designer.retraining.retrain import DATA

    _check_names("export", data, DATA)
    source = _folder(run)
    subject = find_subject(source, _plain(data), seed=weights_of, store=store)
    folder = source / "exported" if source.is_dir() else Path("exported")
    folder = folder if output is None else Path(output)
    return write(subject, folder, formats, licence=licence, overwrite=overwrite)


def predict(
    run: Run | str | Path,
    data: Any,
    *,
    probabilities: bool = False,
    weights_of: int | None = None,
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

    Returns:
        The class of each example, text [n], or float64 [n], numbers in the target's unit; or probabilities,
        float64 [n, classes], in the order of the classes' names.
    """
    from rl_designer.predicting.predict import predict_file
    from rl_designer.predicting.source import find_network

    network, notes = find_network(_folder(run), weights_of, store)
    if isinstance(data, str | os.PathLike):
        found = predict_file(network, Path(data)).predictions
    else:
        found = network.predict(data)
    for note in (*notes, *found.notes):
        warnings.warn(note, stacklevel=2)
    if probabilities and not found.class_names:
        raise WrongUsage("predict(): a number has no probabilities; leave probabilities away")
    return found.outputs if probabilities else found.predicted


def compare_agents(
    *agents: str,
    seeds: int = 10,
    samples: int = 100,
    sample_after: int = 100,
    output: str | Path | None = None,
    progress: bool = True,
    **settings: Any,
) -> "BenchmarkResult":
    """Runs every agent with every seed, as `rl-designer benchmark agents`: is one better, how sure is that?

    Args:
        agents: names, with options where wanted; the others are compared with the first. Without any:
            `ppo`, `regularized-evolution`, `local-search`, `random`.
        seeds: runs of each.
        samples, sample_after: as `rl_designer.comparisons.agents.Benchmark` takes them.
        output: a folder for the runs, JSON and CSV; the same again goes on with the rest.
        settings: as `search` takes them; without `data` on the table that the package carries.
    """
    from rl_designer.comparisons.agents import DEFAULT_AGENTS, Benchmark, run_benchmark

    def make(config: SearchConfig) -> Benchmark:
        return Benchmark(config, agents or DEFAULT_AGENTS, seeds, samples, sample_after)

    return _compared(make, run_benchmark, settings, output, progress)


def compare_rewards(
    *rewards: str | RewardFunction,
    seeds: int = 20,
    yardstick: str | None = None,
    energy: bool = False,
    output: str | Path | None = None,
    progress: bool = True,
    **settings: Any,
) -> "BenchmarkResult":
    """Searches with every reward and every seed, as `rl-designer benchmark rewards`: is one better?

    Args:
        rewards: names, or functions at the top level of a file, which runs in every process; the others are
            compared with the first.
        yardstick: what they are judged by; None for one that suits them.
        energy: whether to estimate it.
        seeds, output, settings: as `compare_agents` takes them.
    """
    from rl_designer.comparisons.rewards import RewardBenchmark, run_reward_benchmark

    texts = tuple(reward if isinstance(reward, str) else file_and_name(reward) for reward in rewards)

    def make(config: SearchConfig) -> RewardBenchmark:
        return RewardBenchmark(config, texts, seeds, yardstick, energy)

    return _compared(make, run_reward_benchmark, settings, output, progress)


def _compared(
    make: Callable[[SearchConfig], Any],
    run: Callable[..., "BenchmarkResult"],
    settings: Mapping[str, Any],
    output: str | Path | None,
    progress: bool,
) -> "BenchmarkResult":
    from rl_designer.comparisons.output import compared
    from rl_designer.jobs.progress import Display

    with _interruptible():
        folder = None if output is None else Path(output)
        return compared(make, run, _plain({"evaluations": 100, **settings}), folder, Display(not progress))[0]


def _config(settings: Mapping[str, Any]) -> SearchConfig:
    given = {name: value for name, value in _plain(settings).items() if value is not None}
    return make_config({}, given, "search()")


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Paths may be paths, and runs to start from `Run`s."""
    plain = {name: str(v) if isinstance(v, os.PathLike) else v for name, v in settings.items()}
    if (sources := settings.get("sources")) is not None:
        several = [sources] if isinstance(sources, str | Path | Run) else sources
        plain["sources"] = tuple(str(_folder(run)) for run in several)
    return plain


def _check_names(verb: str, given: Iterable[str], legal: Collection[str]) -> None:
    for name in given:
        if name not in legal:
            raise WrongUsage(f"{verb}(): {unknown_name('setting', name, legal)}")


def _folder(run: Run | str | Path) -> Path:
    return run.folder if isinstance(run, Run) else Path(run)


def _finished(folder: RunFolder, store: str | None) -> Run:
    """The run, and its page in its folder, as the command line leaves it."""
    report = read_run(folder, store)
    leave_report(report)
    return Run(report)


def _interruptible() -> AbstractContextManager[None]:
    """As in the command line, but for a session, which a second Ctrl-C must not end."""
    return nullcontext() if hasattr(sys, "ps1") else clean_interruption()
