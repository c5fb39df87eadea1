"""Where trainings run: devices by name, and how many at a time on each."""

from collections.abc import Iterator

import pytest
import torch

from rl_designer.envs.evaluators.training import TrainingEvaluator
from rl_designer.envs.workers import local as local_engine
from rl_designer.envs.workers.local import LocalEngine
from tests.helpers.training_candidates import blobs


@pytest.fixture
def two_cuda_devices(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    yield


@pytest.mark.parametrize(
    ("name", "device"),
    [("auto", "cuda:0"), ("cuda", "cuda:0"), ("cuda:1", "cuda:1"), ("cpu", "cpu")],
)
@pytest.mark.usefixtures("two_cuda_devices")
def test_device_names_where_there_is_cuda(name: str, device: str) -> None:
    assert TrainingEvaluator(blobs(), device=name).device == device


@pytest.mark.parametrize(
    ("workers", "cores", "device", "at_once"),
    [(None, 64, "cpu", 64), (None, 64, "cuda:1", 8), (None, 4, "cuda:0", 4), (12, 4, "cuda:0", 12)],
)
def test_unless_asked_for_there_is_one_worker_a_core_and_on_a_gpu_at_most_eight(
    workers: int | None, cores: int, device: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_engine, "cores", lambda: cores)
    assert LocalEngine(workers).at_once(device) == at_once


@pytest.mark.usefixtures("two_cuda_devices")
def test_a_device_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"'cuda:2'.*Legal: auto, cpu, cuda, cuda:0, cuda:1"):
        TrainingEvaluator(blobs(), device="cuda:2")


def test_without_cuda_auto_is_the_cpu_and_cuda_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert TrainingEvaluator(blobs(), device="auto").device == "cpu"
    with pytest.raises(ValueError, match="PyTorch finds no CUDA device"):
        TrainingEvaluator(blobs(), device="cuda")
