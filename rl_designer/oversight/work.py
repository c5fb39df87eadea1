"""`Work`: what a piece of work has used of its hours, energy and trainings, over all its starts."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from rl_designer.envs.files.untrusted import bounded_bytes, damage_told
from rl_designer.envs.limits import Rule, Rules, holding
from rl_designer.errors import OverLimit
from rl_designer.files import write_json
from rl_designer.jobs.heartbeat import beating
from rl_designer.jobs.jobs import Job, Journal
from rl_designer.searches.energy import Energy, measured_energy

USED = "used.json"
HOUR = 3_600.0
BEAT_SECONDS = 5.0  # how much a kill can hide
_MOST_BYTES = 4_096


class Used(BaseModel):
    """By all earlier starts."""

    model_config = ConfigDict(strict=True, frozen=True)

    seconds: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    energy_kwh: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    trainings: int = Field(default=0, ge=0)

    def at_least(self, other: "Used") -> "Used":
        """Of each figure the larger one."""
        return Used(**{name: max(value, getattr(other, name)) for name, value in self.model_dump().items()})


class Work:
    """One start of it.

    Args:
        file: where it is kept; None for work that leaves nothing.
        before: what is known of earlier starts elsewhere; the file may say more.

    Raises:
        ValueError: for a damaged file.
    """

    def __init__(self, file: Path | None, rules: Rules, what: str, before: Used) -> None:
        self.rules, self.what = rules, what
        self._file = file
        self._before = before.at_least(read_used(file))
        self._started = time.monotonic()
        self._energy: Energy | None = None
        self._trained = 0

    @property
    def used(self) -> Used:
        """Until now."""
        before, energy = self._before, self._energy
        return Used(
            seconds=before.seconds + time.monotonic() - self._started,
            energy_kwh=before.energy_kwh + (0.0 if energy is None else energy.so_far()),
            trainings=before.trainings + self._trained,
        )

    @property
    def deadline(self) -> float | None:
        """When its hours are over, by `time.monotonic`; None without such a rule."""
        rule = self.rules.strictest("hours")
        return None if rule is None else self._started + rule.value * HOUR - self._before.seconds

    def sooner(self, deadline: float | None) -> float | None:
        """The deadline that comes first; None where there is none."""
        return min((end for end in (deadline, self.deadline) if end is not None), default=None)

    def trained(self) -> None:
        """One more training has ended."""
        self._trained += 1

    def over(self) -> Rule | None:
        """The rule that it has come to the end of."""
        hours, energy = (self.rules.strictest(key) for key in ("hours", "energy_kwh"))
        if hours is not None and self.used.seconds >= hours.value * HOUR:
            return hours
        return energy if energy is not None and self.used.energy_kwh >= energy.value else None

    def check(self) -> None:
        """Raises OverLimit where there is such a rule."""
        if (rule := self.over()) is not None:
            raise OverLimit(f"{self.what} is stopped: {rule} allows {rule.value:,g}; what has ended is kept")

    def keep(self) -> None:
        """Raises OSError where that can't be written."""
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_json(self._file, self.used.model_dump())

    @contextmanager
    def _going_on(self) -> Iterator[None]:
        """Within it the energy is measured, and what is used is kept every few seconds."""
        with ExitStack() as stack:
            if self.rules.strictest("energy_kwh") is not None:
                self._energy = stack.enter_context(measured_energy())

            def keep() -> None:
                with suppress(OSError):  # at the end it is told
                    self.keep()

            try:
                with beating(keep, BEAT_SECONDS):
                    yield
            finally:
                self.keep()


_WITHIN: ContextVar[Work | None] = ContextVar("work", default=None)


@contextmanager
def working(
    file: Path | None,
    rules: Rules,
    what: str,
    *,
    trainings: int = 0,
    engine: str | None = None,
    before: Used | None = None,
) -> Iterator[Work]:
    """The door of everything that trains. Work within other work is a part of that.

    Args:
        trainings: that are asked for.
        engine: where; None for in no worker.
        before: as `Work` takes it.

    Raises:
        OverLimit: where the rules don't allow it, or earlier starts have used up what they allow.
        ValueError: for a damaged file.
    """
    if (outer := _WITHIN.get()) is not None:
        yield outer
        return
    rules.check("trainings", trainings, f"trainings of {what}")
    rules.check_engine(engine or "local")
    work = Work(file, rules, what, before or Used())
    work.check()
    limited = any(rules.strictest(key) for key in ("hours", "energy_kwh", "trainings"))
    token = _WITHIN.set(work)
    try:
        with holding(rules), ExitStack() as stack:
            if limited:
                stack.enter_context(work._going_on())
            yield work
    finally:
        _WITHIN.reset(token)


def read_used(file: Path | None) -> Used:
    """What a file says; nothing where there is none. Raises ValueError for a damaged one."""
    if file is None or not file.is_file():
        return Used()
    with damage_told(file):
        return Used.model_validate_json(bounded_bytes(file, _MOST_BYTES))


@dataclass(frozen=True)
class Watched:
    """A journal of jobs, which are ended where their work has come to the end of a rule."""

    journal: Journal
    work: Work

    def known(self, jobs: Sequence[Job]) -> Mapping[Any, Any]:
        return self.journal.known(jobs)

    def keep(self, job: Job, result: Any) -> Any:
        """Raises OverLimit once the result is kept."""
        kept = self.journal.keep(job, result)
        self.work.check()
        return kept

    def how_to_go_on(self, done: int, total: int) -> str:
        return self.journal.how_to_go_on(done, total)
