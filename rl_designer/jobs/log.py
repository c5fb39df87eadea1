"""The finished runs of a benchmark in an append-only file: one JSON object a line."""

import json
import os
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rl_designer.envs.files.untrusted import bounded_bytes, json_of
from rl_designer.envs.workers.failures import ERROR, WORKER_DIED
from rl_designer.envs.workers.pool import Lost
from rl_designer.interruption import uninterrupted
from rl_designer.jobs.jobs import Job

Record = TypeVar("Record")

_MOST_BYTES = 2**28


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
            raise ValueError(f"{self.path} can't be read: {error}") from error
        for number, line in enumerate(lines, start=1):
            try:
                data = json_of(line)
            except ValueError:
                data = None
            if not isinstance(data, dict):
                raise ValueError(
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
    log: BenchmarkLog, keys: Collection[str], read: Callable[[dict[str, Any]], Record]
) -> Iterator[tuple[str, Record]]:
    """The log's runs of some keys. Raises ValueError for a line of such a key that `read` can't read."""
    for data in log.read():
        key = data.get("key")
        if not isinstance(key, str) or key not in keys:
            continue
        try:
            yield key, read(data)
        except (KeyError, TypeError, ValueError) as error:
            reason = " ".join(repr(error).split())[:200]
            raise ValueError(f"{log.path} holds a run that isn't one: {reason}") from error


class RunJournal:
    """The journal of a benchmark's runs, whose records have a `to_dict`.

    A line's key is a digest of all that its figures depend on besides what its record says, so that only what
    the same code did on the same problem is taken from the log. A run that fails ends the benchmark.

    Args:
        log: None keeps nothing.
        keys: of lines, by the jobs' keys.
        read: makes a record of a line.
        job_key: the job's key that a record belongs to.
    """

    def __init__(
        self,
        log: BenchmarkLog | None,
        keys: Mapping[Hashable, str],
        read: Callable[[dict[str, Any]], Any],
        job_key: Callable[[Any], Hashable],
    ) -> None:
        self._log = log
        self._keys = keys
        self._read = read
        self._job_key = job_key

    def known(self, jobs: Sequence[Job]) -> dict[Hashable, Any]:
        """Raises as `finished_runs`."""
        if self._log is None:
            return {}
        wanted = {job.key: self._keys[job.key] for job in jobs}
        kept = finished_runs(self._log, set(wanted.values()), self._read)
        runs = [(key, self._job_key(run), run) for key, run in kept]
        return {name: run for key, name, run in runs if wanted.get(name) == key}

    def keep(self, job: Job, result: Any) -> Any:
        """Raises ValueError for a run that was lost."""
        if isinstance(result, Lost):
            raise ValueError(_failure(job, result.failure))
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
