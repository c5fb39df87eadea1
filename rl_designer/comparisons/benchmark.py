"""What both benchmarks share: the log of finished runs, and the trials that it doesn't know are run."""

import hashlib
import inspect
import json
import os
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeVar

from rl_designer.agents.registry import expanded
from rl_designer.comparisons.contender import Contender
from rl_designer.comparisons.records import Record
from rl_designer.comparisons.trial import Trial, common_of, objectives_in, reward_of, run_trial, setting_of
from rl_designer.config import SearchConfig, make_config, needs_training
from rl_designer.declared import option_name
from rl_designer.envs.files.untrusted import bounded_bytes, json_of
from rl_designer.envs.rewards import RewardFunction
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.source import source_digest
from rl_designer.envs.tables.catalogue import DEFAULT_TABLE
from rl_designer.envs.workers.engines import Engine, Pool, engine_name
from rl_designer.envs.workers.failures import ERROR, WORKER_DIED
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.envs.workers.pool import Lost
from rl_designer.errors import Error, WrongUsage
from rl_designer.interruption import uninterrupted
from rl_designer.jobs.jobs import OF_SEARCHES, Job, JobObserver, run_jobs, trials
from rl_designer.oversight.admission import rules_for, within_size
from rl_designer.oversight.work import USED, Watched, Work, working
from rl_designer.runs.folder import DEFAULT_PARENT, DEFAULT_STORE

RUNS = "runs.jsonl"
_MOST_BYTES = 2**28

Run = TypeVar("Run")


class BenchmarkLog:
    """Keeps finished runs, so that a benchmark that was stopped goes on with the rest.

    A last line without its end is what a crash leaves behind: it is dropped. Other damage is an error.

    Args:
        path: of the file; it is made with the first line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Iterator[dict[str, Any]]:
        """The whole lines, in order. Raises ValueError where one of them is damaged."""
        if not self.path.exists():
            return
        try:
            *lines, _unfinished = bounded_bytes(self.path, _MOST_BYTES).split(b"\n")
        except ValueError as error:
            raise Error(f"{self.path} can't be read: {error}") from error
        for number, line in enumerate(lines, start=1):
            try:
                data = json_of(line)
            except ValueError:
                data = None
            if not isinstance(data, dict):
                raise Error(
                    f"{self.path} is damaged in line {number}; take that line out, or choose another folder"
                )
            yield data

    def append(self, data: dict[str, Any]) -> None:
        """Adds a line, on the disk when this returns."""
        line = json.dumps(data, allow_nan=False, separators=(",", ":")).encode() + b"\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with uninterrupted(), self.path.open("ab+") as file:
            file.seek(0)
            content = file.read()
            if not content.endswith(b"\n"):
                file.truncate(content.rfind(b"\n") + 1)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


def finished_runs(
    log: BenchmarkLog, keys: Collection[str], read: Callable[[dict[str, Any]], Run]
) -> Iterator[tuple[str, Run]]:
    """The log's runs of some keys. Raises ValueError for a line of such a key that `read` can't read."""
    for data in log.read():
        key = data.get("key")
        if not isinstance(key, str) or key not in keys:
            continue
        try:
            yield key, read(data)
        except (KeyError, TypeError, ValueError) as error:
            reason = " ".join(repr(error).split())[:200]
            raise Error(f"{log.path} holds a run that isn't one: {reason}") from error


def run_trials(
    planned: Sequence[Trial],
    record: type[Record],
    log: BenchmarkLog | None = None,
    engine: Engine | None = None,
    observer: JobObserver | None = None,
    more: Callable[[Mapping[str, list[Any]]], Sequence[Trial]] = lambda runs: (),
    most: int | None = None,
) -> dict[str, list[Any]]:
    """Runs the trials that aren't in the log yet.

    Args:
        record: what each of them leaves.
        log: of finished runs; None keeps nothing. Only what the same code did on the same problem is taken
            from it.
        engine: where runs are, one thread each; None for one a core of this machine. It is closed afterwards.
        more: asked with the records so far which trials come next; none ends it.
        most: trials in all, by which limits on trainings go; None for those of `planned`.

    Returns:
        By name, the records in the order of the trials.

    Raises:
        OverLimit: where an organisation's limits don't allow it, or its hours or energy are used up.
        ValueError: where a run failed; the finished ones are in the log.
        KeyboardInterrupt: with a text that says how to go on.
    """
    by_name: dict[str, list[Any]] = {}
    on_table = setting_of(planned[0].config).on_table
    each = 0 if on_table else planned[0].config.budget.evaluations or 0
    asked = each * (len(planned) if most is None else most)
    rules, used = rules_for(planned[0].config), None if log is None else log.path.with_name(USED)
    engine, where = engine or LocalEngine(), engine_name(engine)
    with (
        working(used, rules, "the benchmark", trainings=asked, engine=where) as work,
        trials(engine, "cpu" if on_table else "auto", OF_SEARCHES) as pool,
    ):
        while planned:
            _run_in(pool, work, planned, record, log, observer or JobObserver(), by_name)
            planned = more(by_name)
    return by_name


def _run_in(
    pool: Pool,
    work: Work,
    planned: Sequence[Trial],
    record: type[Record],
    log: BenchmarkLog | None,
    observer: JobObserver,
    by_name: dict[str, list[Any]],
) -> None:
    """Adds the records of some trials to those of `by_name`."""
    names = [(getattr(trial.config, record.compared), trial.seed) for trial in planned]
    keys: dict[Hashable, str] = {name: key_of(trial) for name, trial in zip(names, planned, strict=True)}
    jobs = [
        Job((name, seed), f"{name} with seed {seed}", run_trial, (trial,))
        for (name, seed), trial in zip(names, planned, strict=True)
    ]
    journal = Watched(_Journal(log, keys, record), work)
    records = run_jobs(jobs, pool, journal, observer, work.deadline)
    if len(records) < len(jobs):
        work.check()
    for name, seed in names:
        by_name.setdefault(name, []).append(records[name, seed])


class _Journal:
    """Keeps a benchmark's runs. A run that fails ends the benchmark.

    Args:
        keys: of the log's lines, by the jobs' keys: digests of all that figures depend on besides what a
            record says, so that only what the same code did on the same problem is taken from the log.
    """

    def __init__(self, log: BenchmarkLog | None, keys: Mapping[Hashable, str], record: type[Record]) -> None:
        self._log = log
        self._keys = keys
        self._record = record

    def known(self, jobs: Sequence[Job]) -> dict[Hashable, Any]:
        """Raises as `finished_runs`."""
        if self._log is None:
            return {}
        kept = finished_runs(self._log, set(self._keys.values()), self._record.from_dict)
        runs = [(key, (run.name, run.seed), run) for key, run in kept]
        return {name: run for key, name, run in runs if self._keys.get(name) == key}

    def keep(self, job: Job, result: Any) -> Any:
        """Raises ValueError for a run that was lost."""
        if isinstance(result, Lost):
            raise Error(_failure(job, result.failure))
        if self._log is not None:
            self._log.append({**result.to_dict(), "key": self._keys[job.key]})
        return result

    def how_to_go_on(self, done: int, total: int) -> str:
        if self._log is None:
            return f"{done:,} of {total:,} runs were finished; name a folder for the output to keep them"
        return f"{done:,} of {total:,} runs are finished and kept; the same command goes on with the rest"


def _failure(job: Job, failure: str) -> str:
    if failure.startswith(WORKER_DIED):
        return f"{job.title}: a {failure}, perhaps for want of memory; fewer workers may do"
    return f"{job.title} failed: {failure.removeprefix(f'{ERROR}: ')}"


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
        store = str((output or DEFAULT_PARENT) / DEFAULT_STORE)
        config = make_config({"store": store, **given, "workers": 1})
        return within_size(config, rules_for(config))
    for name in given:
        if name in SearchConfig.declared() and needs_training(name):
            raise WrongUsage(f"{option_name(name)} needs --data, what is to be trained on")
    return make_config({"table": DEFAULT_TABLE, **given})


def check_budget(config: SearchConfig) -> int:
    """The evaluations of each run. Raises WrongUsage for a budget in seconds."""
    evaluations, time_limit = config.budget.evaluations, config.budget.time_limit
    if evaluations is None or time_limit is not None:
        raise WrongUsage("a benchmark counts evaluations: give a number of them, and no time limit")
    if config.budget.finalists:
        raise WrongUsage(
            "a benchmark compares searches, whose designs are trained once; leave finalists away"
        )
    return evaluations


def task_name(config: SearchConfig) -> str:
    """`<table>/<task>`, or `<data set>/<space>`."""
    setting = setting_of(config)
    if isinstance(setting.space, TableSpace):
        table = setting.space.table
        return f"{table.name}/{config.subject.task or next(iter(table.tasks))}"
    return f"{setting.title}/{setting.space.name}"


def key_of(trial: Trial) -> str:
    """Changes with everything that a run's figures depend on besides its seed, also with the content of an
    agent's file.
    """
    config, reward = trial.config, reward_of(trial.config)
    starts_with = Contender.of(config.agent, trial.seed).starts_with(setting_of(config))
    what = [*_problem_digests(common_of(config)), expanded(config.agent), *starts_with]
    what += [config.reward, reward.text, _source_digest(reward.function)]
    what += [trial.ends_at, trial.at_least, trial.fidelity, trial.energy]
    what.append(trial.record.keywords if isinstance(trial.record, partial) else {})
    if (objectives := objectives_in(config)) is not None:
        what += [[objective.text, _source_digest(objective.function)] for objective in objectives.each]
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
