"""What both benchmarks share: the trials that no log knows are run; then it is said what the records say."""

import hashlib
import inspect
import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from rl_designer.comparisons.records import Record
from rl_designer.comparisons.trial import Trial, common_of, reward_of, run_trial, setting_of
from rl_designer.config import SearchConfig, make_config, needs_training
from rl_designer.declared import option_name
from rl_designer.envs.rewards import RewardFunction
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.source import source_digest
from rl_designer.envs.tables.catalogue import DEFAULT_TABLE
from rl_designer.envs.workers.engines import Engine
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.errors import WrongUsage
from rl_designer.jobs.jobs import Job, JobObserver, run_jobs, trials
from rl_designer.jobs.log import BenchmarkLog, RunJournal
from rl_designer.runs.folder import DEFAULT_PARENT, DEFAULT_STORE
from rl_designer.searches.sources import agent_and_sources, digest_of_sources

RUNS = "runs.jsonl"


def run_trials(
    planned: Sequence[Trial],
    record: type[Record],
    log: BenchmarkLog | None = None,
    engine: Engine | None = None,
    observer: JobObserver | None = None,
) -> dict[str, list[Any]]:
    """Runs the trials that aren't in the log yet.

    Args:
        record: what each of them leaves.
        log: of finished runs; None keeps nothing. Only what the same code did on the same problem is taken
            from it.
        engine: where runs are, one thread each; None for one a core of this machine. It is closed afterwards.

    Returns:
        By name, the records in the order of the trials.

    Raises:
        ValueError: where a run failed; the finished ones are in the log.
        KeyboardInterrupt: with a text that says how to go on.
    """
    names = [(getattr(trial.config, record.compared), trial.seed) for trial in planned]
    keys: dict[Hashable, str] = {name: key_of(trial) for name, trial in zip(names, planned, strict=True)}
    journal = RunJournal(log, keys, record.from_dict, lambda run: (run.name, run.seed))
    jobs = [
        Job((name, seed), f"{name} with seed {seed}", run_trial, (trial,))
        for (name, seed), trial in zip(names, planned, strict=True)
    ]
    device = "cpu" if setting_of(planned[0].config).on_table else "auto"
    with trials(engine or LocalEngine(), device) as pool:
        records = run_jobs(jobs, pool, journal, observer or JobObserver())
    by_name: dict[str, list[Any]] = {}
    for name, seed in names:
        by_name.setdefault(name, []).append(records[name, seed])
    return by_name


@dataclass(frozen=True)
class BenchmarkResult:
    """The runs and what they say.

    Attributes:
        runs: agent or reward → its runs in the order of the seeds.
        summary: for what is drawn.
        data: what `benchmark … --json` prints.
    """

    runs: dict[str, list[Any]]
    summary: Any
    data: dict[str, Any]


def config_of_runs(settings: Mapping[str, Any], output: Path | None) -> SearchConfig:
    """The config of all runs, without `data` on the embedded table. Real trainings run one a process, and are
    kept so that none is done twice.

    Args:
        settings: by their names alone, None where not given.
        output: the benchmark's folder.

    Raises:
        WrongUsage: as `make_config`, and for settings of trainings without data to train on.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    if "table" in given:
        return make_config(given)
    if "data" in given:
        return make_config({"store": str((output or DEFAULT_PARENT) / DEFAULT_STORE), **given, "workers": 1})
    for name in given:
        if name in SearchConfig.declared() and needs_training(name):
            raise WrongUsage(f"{option_name(name)} needs --data, what is to be trained on")
    return make_config({"table": DEFAULT_TABLE, **given})


def check_budget(config: SearchConfig) -> int:
    """The evaluations of each run. Raises WrongUsage for a budget in seconds."""
    evaluations, time_limit = config.budget.evaluations, config.budget.time_limit
    if evaluations is None or time_limit is not None:
        raise WrongUsage("a benchmark counts evaluations: give a number of them, and no time limit")
    return evaluations


def task_name(config: SearchConfig) -> str:
    """`<table>/<task>`, or `<data set>/<space>`."""
    setting = setting_of(config)
    if isinstance(setting.space, TableSpace):
        table = setting.space.table
        return f"{table.name}/{config.subject.task or next(iter(table.tasks))}"
    return f"{setting.title}/{setting.space.name}"


def key_of(trial: Trial) -> str:
    """Changes with everything that a run's figures depend on besides its seed."""
    config, reward = trial.config, reward_of(trial.config)
    _, sources = agent_and_sources(config.agent, trial.seed)
    what = [*_problem_digests(common_of(config)), config.agent, digest_of_sources(sources)]
    what += [config.reward, reward.text, _source_digest(reward.function)]
    what += [trial.ends_at, trial.at_least, trial.fidelity, trial.energy]
    what.append(trial.record.keywords if isinstance(trial.record, partial) else {})
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:20]


@lru_cache(maxsize=1)
def _problem_digests(common: SearchConfig) -> list[Any]:
    setting = setting_of(common)
    with setting.open_evaluator() as evaluator:
        what = [setting.space_key, evaluator.digest]
    return [
        *what,
        common.failure_reward,
        common.budget.evaluations,
        source_digest("rl_designer.agents", "rl_designer.envs"),
    ]


@lru_cache(maxsize=64)
def _source_digest(function: RewardFunction) -> str | None:
    """Of the file that a reward is written in; None where that isn't known."""
    try:
        path = inspect.getsourcefile(inspect.unwrap(function))
        return None if path is None else hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except (TypeError, OSError):
        return None
