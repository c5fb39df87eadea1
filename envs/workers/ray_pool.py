"""`RayPool`: workers on a cluster's nodes; what a lost node was working on is done elsewhere."""

import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from rl_designer.envs.evaluation import passed
from rl_designer.envs.workers.engines import Workload
from rl_designer.envs.workers.failures import WORKER_DIED, failure_text
from rl_designer.envs.workers.pool import Finished, Lost

# A task whose node is lost so often is taken for the reason.
_MOST_LOSSES = 4
_MOST_FRUITLESS_STARTS = 2  # of all slots

_LOOK_SECONDS = 2.0  # between two looks at who has joined the cluster
_END_SECONDS = 10.0


class Cluster(Protocol):
    """What a pool needs of `RayEngine`."""

    def pool_opened(self) -> None: ...
    def pool_closed(self) -> None: ...
    def at_once(self, device: str) -> int: ...
    def resources(self, device: str) -> dict[str, float]: ...


class RayPool:
    """Slots on a cluster's nodes, each an actor of Ray with one local worker process (see `Slot`).

    Started at the first `run`, as many as there are tasks and room for, and when nodes join or are lost. Ray
    decides where they are. Tasks fail as in a `WorkerPool`, with the same texts.

    Args:
        cluster: joined at the first `run`.
        workload: its arrays are given to Ray once, and reach each node once.
    """

    def __init__(self, cluster: Cluster, workload: Workload) -> None:
        self._cluster = cluster
        self._workload = workload
        self._open = False
        self._starting: dict[Any, Any] = {}  # actors by the reference that says when they are there
        self._free: list[Any] = []
        self._running: dict[Any, tuple[Any, int]] = {}  # actors and tasks by the reference of the result
        self._new_slot: Callable[[], Any] | None = None
        self._software: dict[str, str] = {}
        self._fruitless = 0  # starts, since the last slot that began

    def run(
        self,
        function: Callable[..., Any],
        tasks: Sequence[tuple[Any, ...]],
        finished: Finished,
        *,
        time_limit: float | None = None,
        deadline: float | None = None,
    ) -> None:
        """As `WorkerPool.run`. A task whose node or actor is lost is done again, at most three times."""
        if not tasks:
            return
        try:
            self._opened()
            if not self._run(function, tasks, finished, time_limit, deadline):
                self.close()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends all slots and what they do. A later `run` starts others."""
        if not self._open:
            return
        self._open = False
        import ray

        begun = [*self._free, *(actor for actor, _ in self._running.values())]
        actors = [*begun, *self._starting.values()]
        self._starting, self._free, self._running, self._new_slot = {}, [], {}, None
        if ray.is_initialized():
            ends = [actor.end.remote() for actor in begun]
            if ends:
                ray.wait(ends, num_returns=len(ends), timeout=_END_SECONDS + self._workload.grace)
            for actor in actors:
                ray.kill(actor)
        self._cluster.pool_closed()

    def _opened(self) -> None:
        if self._open:
            # Any node may have been lost since the last run.
            self._ask_all()
            return
        import ray

        from rl_designer.envs.workers.ray_slot import Slot, software

        self._cluster.pool_opened()
        self._open = True
        arrays: dict[str, Any] = {name: ray.put(array) for name, array in self._workload.arrays.items()}
        resources = self._cluster.resources(self._workload.device)
        # A second thread, so that a slot hears of the end while it works.
        options = {"num_cpus": resources["CPU"], "num_gpus": resources.get("GPU", 0.0), "max_concurrency": 2}
        workload = replace(self._workload, arrays=arrays)
        self._new_slot = partial(
            ray.remote(Slot).options(**options).remote, uuid.uuid4().hex, workload, ray.get
        )
        self._software, self._fruitless = software(), 0

    def _run(
        self,
        function: Callable[..., Any],
        tasks: Sequence[tuple[Any, ...]],
        finished: Finished,
        time_limit: float | None,
        deadline: float | None,
    ) -> bool:
        """Whether all was done by the deadline."""
        import ray

        waiting, losses, looked = deque(range(len(tasks))), Counter[int](), -_LOOK_SECONDS
        todo = list(tasks)
        while (waiting or self._running) and not passed(deadline):
            if time.monotonic() - looked >= _LOOK_SECONDS:
                self._start_slots(len(waiting))
                looked = time.monotonic()
            while waiting and self._free:
                actor, index = self._free.pop(), waiting.popleft()
                self._running[actor.call.remote(function, todo[index], time_limit)] = actor, index
            references = [*self._starting, *self._running]
            if not references:  # every slot was lost just now
                time.sleep(_look_seconds(deadline))
                continue
            for reference in ray.wait(references, timeout=_look_seconds(deadline))[0]:
                if reference in self._starting:
                    self._started(reference)
                    continue
                index, outcome = self._outcome(reference)
                if outcome is None:
                    losses[index] += 1
                    if losses[index] < _MOST_LOSSES:
                        waiting.appendleft(index)
                        continue
                    often = f"the cluster lost it {_MOST_LOSSES} times, with its node or alone"
                    outcome = (Lost(failure_text(WORKER_DIED, often)),)
                if (again := finished(index, outcome[0])) is not None:
                    todo[index] = again
                    losses.pop(index, None)
                    waiting.appendleft(index)
        return not (waiting or self._running)

    def _start_slots(self, waiting: int) -> None:
        """As many as there is room for, but not more than tasks; one waits for room where there is none."""
        slots = len(self._starting) + len(self._free) + len(self._running)
        room = max(1, self._cluster.at_once(self._workload.device))
        wanted = min(room, waiting + len(self._running))
        for _ in range(wanted - slots):
            assert self._new_slot is not None  # the pool is open
            self._ask(self._new_slot())

    def _ask(self, actor: Any) -> None:
        self._starting[actor.begin.remote(self._software)] = actor

    def _ask_all(self) -> None:
        """No task is given to a free slot before it has said once more that it is there."""
        free, self._free = self._free, []
        for actor in free:
            self._ask(actor)

    def _started(self, reference: Any) -> None:
        import ray

        actor = self._starting.pop(reference)
        answer = _answer(reference)
        if isinstance(answer, Exception):
            ray.kill(actor)  # it may be out of reach only, and go on
            self._fruitless += 1
            if self._fruitless > _MOST_FRUITLESS_STARTS * (1 + len(self._starting)):
                line = " ".join(str(answer).split())[:300]
                raise RuntimeError(f"the cluster's nodes can't start workers: {line}")
            return
        self._fruitless = 0
        self._check_fit(answer)
        self._free.append(actor)

    def _outcome(self, reference: Any) -> tuple[int, tuple[Any] | None]:
        """The task, and its result or what was `Lost`, in a tuple; None where its slot is gone."""
        import ray

        actor, index = self._running.pop(reference)
        answer = _answer(reference)
        if isinstance(answer, Exception):
            ray.kill(actor)
            self._ask_all()
            return index, None
        self._check_fit(answer)
        self._free.append(actor)
        return index, (answer,)

    def _check_fit(self, answer: Any) -> None:
        from rl_designer.envs.workers.ray_slot import Unfit

        if isinstance(answer, Unfit):
            raise RuntimeError(answer.reason)


def _look_seconds(deadline: float | None) -> float:
    return _LOOK_SECONDS if deadline is None else min(max(deadline - time.monotonic(), 0.0), _LOOK_SECONDS)


def _answer(reference: Any) -> Any:
    """What a slot answered, or how Ray lost it."""
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayError as error:
        return error
