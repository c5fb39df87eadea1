"""Candidates and tasks that misbehave, importable by workers; a data set that is quick to train on."""

import ctypes
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.datasets import Dataset, SealedTest
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.networks.network import build_network


def blobs(examples: int = 64, *, seed: int = 0, sealed_test: SealedTest | None = None) -> Dataset:
    """Two classes in four dimensions, far apart."""
    generator = np.random.default_rng(seed)
    y = np.arange(2 * examples, dtype=np.int64) % 2
    x = (generator.normal(size=(2 * examples, 4)) + 3 * y[:, None]).astype(np.float32)
    return Dataset("blobs", x[:examples], y[:examples], x[examples:], y[examples:], ("a", "b"), sealed_test)


def dense(*widths: int) -> Architecture:
    return Architecture("mlp", tuple(Layer.of("dense", width=width) for width in widths), True)


def without_times(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """What must be the same of the same trainings."""
    return [replace(evaluation, training_seconds=None, latency_seconds=None) for evaluation in evaluations]


def build_or(misbehave: dict[int, Any]) -> Any:
    """A builder of networks that does something else for first layers of some widths."""
    return Builder({width: action.__name__ for width, action in misbehave.items()})


class Builder:
    def __init__(self, actions: dict[int, str]) -> None:
        self.actions = actions

    def __call__(self, architecture: Architecture, *shape: Any, **options: Any) -> nn.Module:
        name = self.actions.get(int(architecture.layers[0]["width"]))
        network = None if name is None else globals()[name]()
        return build_network(architecture, *shape, **options) if network is None else network


# -- what a candidate or a task does ---------------------------------------------------------------


def leave_at_once() -> None:
    os._exit(3)


def die_of_a_signal() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def read_forbidden_memory() -> None:
    ctypes.string_at(0)


def hang() -> None:
    while True:
        time.sleep(60)


def raise_two_lines() -> None:
    raise ValueError("the first line\nthe second line")


def raise_memory_error() -> None:
    raise MemoryError


def exit_politely() -> None:
    raise SystemExit(4)


def interrupt() -> None:
    raise KeyboardInterrupt


def ask_for_a_petabyte() -> None:
    torch.empty(2**50, dtype=torch.uint8)


def fill_memory() -> None:
    """Takes 64 MB a time, for ever."""
    taken = []
    while True:
        taken.append(torch.ones(2**24))


def take_half_a_gigabyte() -> int:
    torch.ones(2**27)
    return os.getpid()


def ask_for_a_long_list() -> None:
    """4 GB in one step of the interpreter, which lets no other thread run meanwhile."""
    [0] * 2**29


def make_one_that_fails_later() -> nn.Module:
    return FailsLater()


class FailsLater(nn.Module):
    """Learns nothing; its second epoch on 64 examples in batches of 8 gives NaN."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2)
        self.batches = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.batches += self.training
        return self.linear(x) * (float("nan") if self.batches > 8 else 1.0)


# -- tasks of a pool -------------------------------------------------------------------------------

prepared_with: tuple[Any, ...] = ()


def prepare(*arguments: Any) -> None:
    global prepared_with
    prepared_with = arguments


def fail_to_prepare() -> None:
    raise OSError("no such data")


def double(number: int) -> int:
    return 2 * number


def what_was_prepared() -> tuple[Any, ...]:
    return prepared_with


def own_process() -> int:
    return os.getpid()


def misbehave(name: str) -> Any:
    return globals()[name]()
