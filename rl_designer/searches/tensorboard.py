"""TensorBoard's scalars of a search, under the tags that users of Stable-Baselines3 know."""

import os
import shutil
import socket
import time
from collections import deque
from typing import Any

from rl_designer.envs.problem import Design
from rl_designer.runs.folder import TENSORBOARD
from rl_designer.searches.observers import Observer, Start

WINDOW = 100  # designs that `rollout/…` averages over, as many episodes as in Stable-Baselines3


class TensorBoardLog(Observer):
    """Writes `tensorboard/` in the run folder, one step a design.

    `rollout/ep_rew_mean` and `rollout/ep_len_mean` (layers) are means over the last 100 designs; `search/…`
    has reward, best reward, validation accuracy, parameters, multiply-adds, and failures so far;
    `control/reward` is of the random designs.
    """

    def __init__(self) -> None:
        self._writer: Any = None
        self._rewards: deque[float] = deque(maxlen=WINDOW)
        self._lengths: deque[int] = deque(maxlen=WINDOW)
        self._best: float | None = None
        self._failures = 0

    def started(self, start: Start) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter  # type: ignore[import-untyped]

        folder = start.folder / TENSORBOARD
        shutil.rmtree(folder, ignore_errors=True)  # a resumed run writes all of them again
        folder.mkdir(parents=True)
        name = f"events.out.tfevents.{time.time():010.0f}.{socket.gethostname()}.{os.getpid()}.0"
        # Not `EventFileWriter`: Ctrl-C can leave its thread's queue locked for good, and its buffer makes
        # curves minutes late.
        self._writer = RecordWriter((folder / name).open("wb", buffering=0))
        self._write(file_version="brain.Event:2")

    def designed(self, design: Design, source: str) -> None:
        if source == "control":
            self._write_scalars({"control/reward": design.reward}, design.index)
            return
        self._rewards.append(design.reward)
        self._lengths.append(len(design.architecture.layers))
        self._failures += design.evaluation.failure is not None
        if design.evaluation.in_full:
            self._best = design.reward if self._best is None else max(self._best, design.reward)
        scalars: dict[str, float | None] = {
            "rollout/ep_rew_mean": sum(self._rewards) / len(self._rewards),
            "rollout/ep_len_mean": sum(self._lengths) / len(self._lengths),
            "search/reward": design.reward,
            "search/best_reward": self._best,
            "search/val_accuracy": design.evaluation.val_accuracy,
            "search/parameters": design.evaluation.parameters,
            "search/macs": design.evaluation.macs,
            "search/failures": self._failures,
        }
        self._write_scalars({tag: value for tag, value in scalars.items() if value is not None}, design.index)

    def closed(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _write_scalars(self, scalars: dict[str, float], step: int) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]

        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        self._write(step=step, summary=Summary(value=values))

    def _write(self, **content: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event  # type: ignore[import-untyped]

        self._writer.write(Event(wall_time=time.time(), **content).SerializeToString())
