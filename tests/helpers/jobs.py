"""Observers and journals of jobs, for tests."""

from collections.abc import Hashable, Sequence
from typing import Any

from rl_designer.jobs.jobs import Job, JobObserver


class Noted(JobObserver):
    """Notes what it is told: `known` and `total` jobs, then each `result`; may `stop` after so many."""

    def __init__(self, stop: int | None = None) -> None:
        self.stop = stop
        self.results: list[Any] = []
        self.events: list[str] = []

    def started(self, jobs: Sequence[Job], known: int) -> None:
        self.known, self.total = known, len(jobs)
        self.events.append(f"{known} of {len(jobs)}")
        self._stop_if_due()

    def advanced(self, job: Job, progress: Any) -> None:
        self.events.append(f"{job.title}: {progress}")

    def finished(self, job: Job, result: Any) -> None:
        self.results.append(result)
        self.events.append(job.title)
        self._stop_if_due()

    def closed(self) -> None:
        self.events.append("closed")

    def _stop_if_due(self) -> None:
        if self.stop == len(self.results):
            raise KeyboardInterrupt


class Kept(dict[Hashable, Any]):
    """A journal in memory; `order` has what was kept."""

    def __init__(self, *known: tuple[Hashable, Any]) -> None:
        super().__init__(known)
        self.order: list[Any] = []

    def known(self, jobs: Sequence[Job]) -> dict[Hashable, Any]:
        return dict(self)

    def keep(self, job: Job, result: Any) -> Any:
        self.order.append(result)
        return result

    def how_to_go_on(self, done: int, total: int) -> str:
        return f"{done} of {total}"
