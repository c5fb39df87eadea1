"""`LatencyEvaluator`: how long one example takes through a network, measured when nothing is in training."""

import hashlib
import platform
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation, ResultObserver
from rl_designer.envs.workers.failures import failure_of

if TYPE_CHECKING:
    from torch import Tensor, nn

ROUNDS = 5
_PASSES = 9
_WARMING_UP = 2
_AT_ONCE = 64  # networks in memory

HOW = f"one example, one thread, after all trainings: the least of {ROUNDS} medians of {_PASSES} passes"


def how(rounds: int) -> str:
    """How networks are measured where nothing was trained before."""
    return f"one example, one thread: the least of {rounds} medians of {_PASSES} passes"


class LatencyEvaluator:
    """Measures `latency_seconds` and nothing else, of untrained networks, in this process.

    A round measures every network of a group once, so that a moment in which the machine has something else
    to do spoils one round of few networks, and the least of the rounds is taken.

    Args:
        input_shape: of one example.
        device: `cpu` or `cuda:N`.
        rounds: the least of so many counts.
    """

    def __init__(
        self, input_shape: Sequence[int], num_classes: int, device: str, rounds: int = ROUNDS
    ) -> None:
        self._rounds = rounds
        self._shape = tuple(input_shape)
        self._num_classes = num_classes
        self._device = device

    @property
    def digest(self) -> str:
        """Changes with the shape, the classes, the device and the machine's processor."""
        parts = (self._shape, self._num_classes, self._device, processor(), self._rounds, _PASSES)
        return f"latency:{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}"

    def evaluate(
        self,
        architectures: Sequence[Architecture],
        observer: ResultObserver = lambda index, evaluation: None,
    ) -> list[Evaluation]:
        """Evaluations in order; what can't be run is one with a `failure`. `observer` is told of each."""
        from rl_designer.envs.workers.devices import one_thread

        results: list[Evaluation] = []
        with one_thread():
            for start in range(0, len(architectures), _AT_ONCE):
                for evaluation in self._group(architectures[start : start + _AT_ONCE]):
                    results.append(evaluation)
                    observer(len(results) - 1, evaluation)
        return results

    def _group(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        import torch

        from rl_designer.envs.networks.network import drawn_inputs

        generator = torch.Generator().manual_seed(0)
        example = drawn_inputs(architectures[0], self._shape, 1, generator).to(self._device)
        networks = [self._network(architecture, example) for architecture in architectures]
        least = [float("inf")] * len(networks)
        for _ in range(self._rounds):
            for position, network in enumerate(networks):
                if not isinstance(network, str):
                    least[position] = min(least[position], _median(network, example))
        return [
            Evaluation.failed(network, device=self._device)
            if isinstance(network, str)
            else Evaluation(latency_seconds=seconds, device=self._device)
            for network, seconds in zip(networks, least, strict=True)
        ]

    def _network(self, architecture: Architecture, example: "Tensor") -> "nn.Module | str":
        """Ready to run, or why it can't be."""
        import torch

        from rl_designer.envs.networks.network import build_network
        from rl_designer.envs.training.steps import placed

        try:
            weights = torch.Generator().manual_seed(0)
            network = build_network(architecture, self._shape, self._num_classes, generator=weights)
            return placed(network, example).eval()
        except Exception as error:
            return failure_of(error)


def _median(network: "nn.Module", example: "Tensor") -> float:
    """Seconds of a forward pass."""
    import torch

    from rl_designer.envs.training.steps import laid_out

    example, seconds = laid_out(example), []
    with torch.inference_mode():
        for _ in range(_WARMING_UP + _PASSES):
            started = time.perf_counter()
            network(example)
            if example.device.type == "cuda":
                torch.cuda.synchronize(example.device)
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[_WARMING_UP:])


def processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
