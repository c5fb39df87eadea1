"""Where trainings run: devices by name, how many at a time on each, and with how many threads."""

import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from rl_designer.envs.evaluators.training import TrainingEvaluator
from rl_designer.envs.workers import devices
from rl_designer.envs.workers import local as local_engine
from rl_designer.envs.workers.devices import one_thread
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


def blas_threads() -> set[int]:
    np.ones((2, 2)) @ np.ones((2, 2))
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_blas_has_one_thread_where_torch_has_and_its_own_afterwards() -> None:
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        for _ in range(2):
            with pytest.raises(ZeroDivisionError), one_thread():
                assert (blas_threads(), torch.get_num_threads()) == ({1}, 1)
                with one_thread():
                    assert blas_threads() == {1}
                assert blas_threads() == {1}
                raise ZeroDivisionError
            assert blas_threads() == before


def test_libraries_are_looked_for_again_only_where_more_was_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    with one_thread():
        found = devices._libraries.cache_info().misses
    for _ in range(3):
        with one_thread():
            pass
    assert devices._libraries.cache_info().misses == found
    monkeypatch.setitem(sys.modules, "no such module", sys)
    with one_thread():
        assert devices._libraries.cache_info().misses == found + 1
