"""The training evaluator: it learns, it repeats itself to the bit, and a failure is a result."""

import pickle
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.datasets import Dataset, SealedTest, load_dataset
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.evaluators import training, training_digest
from rl_designer.envs.evaluators.training import TrainingEvaluator, TrainingSettings
from rl_designer.envs.search_spaces.costs import costs
from rl_designer.envs.workers.failures import is_transient
from tests.helpers import training_candidates as candidates
from tests.helpers.training_candidates import blobs, build_or, dense, without_times

QUICK = TrainingSettings(epochs=2, batch_size=8)

# Every source of randomness is in it: weights, batches, dropout, and augmentation by the settings.
SMALL_CNN = Architecture(
    "convnet1d",
    (
        Layer.of("conv", kernel=5, width=16, stride=1),
        Layer.of("pool", operation="max"),
        Layer.of("conv", kernel=5, width=24, stride=1),
        Layer.of("dropout", rate=0.1),
        Layer.of("global-pool", operation="average"),
    ),
    True,
)


@pytest.fixture(scope="module")
def mnist1d() -> Dataset:
    return load_dataset("mnist1d")


@pytest.fixture(scope="module")
def signals(mnist1d: Dataset) -> Dataset:
    """A part of mnist1d that is quick to train on."""
    parts = {name: getattr(mnist1d, name)[:160] for name in ("x_train", "y_train", "x_val", "y_val")}
    return replace(mnist1d, **parts)


def evaluated(dataset: Dataset, *architectures: Architecture, **options: Any) -> list[Evaluation]:
    with TrainingEvaluator(dataset, **options) as evaluator:
        return evaluator.evaluate(architectures)


# -- learning --------------------------------------------------------------------------------------


def test_a_small_network_learns_mnist1d_far_beyond_chance_in_two_epochs(mnist1d: Dataset) -> None:
    chance = 0.1
    [evaluation] = evaluated(mnist1d, SMALL_CNN, settings=TrainingSettings(epochs=2))
    assert evaluation.failure is None
    assert evaluation.val_accuracy is not None
    assert evaluation.val_accuracy > chance + 0.3


def test_an_evaluation_has_everything_that_was_measured(signals: Dataset) -> None:
    evaluator = TrainingEvaluator(signals, settings=QUICK, device="cpu")
    [evaluation] = evaluator.evaluate([SMALL_CNN])
    cost = costs(SMALL_CNN, signals.input_shape, signals.num_classes)
    assert (evaluation.parameters, evaluation.macs) == (cost.parameters, cost.macs)
    assert (evaluation.epochs, len(evaluation.learning_curve)) == (2, 2)
    assert evaluation.val_accuracy == evaluation.learning_curve[-1]
    assert evaluation.val_loss is not None
    assert evaluation.val_loss > 0
    assert evaluation.device == "cpu"
    assert evaluation.training_seconds is not None
    assert evaluation.latency_seconds is not None
    assert evaluation.training_seconds > evaluation.latency_seconds > 0


@pytest.mark.parametrize(
    ("shape", "architecture"),
    [
        ((6,), dense(16)),
        ((2, 12), SMALL_CNN),
        ((3, 12, 10), replace(SMALL_CNN, space="convnet")),
    ],
    ids=["features", "signals", "images"],
)
def test_features_signals_and_images_are_learned(shape: tuple[int, ...], architecture: Architecture) -> None:
    generator = np.random.default_rng(0)
    y = np.arange(200, dtype=np.int64) % 2
    x = generator.normal(size=(200, *shape)).astype(np.float32) + y.reshape(-1, *[1] * len(shape))
    x = x.astype(np.float32)
    dataset = Dataset("two classes", x[:120], y[:120], x[120:], y[120:], ("a", "b"), None)
    [evaluation] = evaluated(dataset, architecture, settings=TrainingSettings(epochs=6))
    assert evaluation.failure is None
    assert evaluation.val_accuracy is not None
    assert evaluation.val_accuracy > 0.8  # chance is 0.5


@pytest.mark.parametrize("examples", [2, 3, 9])
def test_the_smallest_data_sets_are_trained_on(examples: int) -> None:
    batch_normed = Architecture("mlp", (Layer.of("dense", width=4, normalisation="batch"),), True)
    [evaluation] = evaluated(blobs(examples), batch_normed, settings=QUICK)
    assert evaluation.failure is None


# -- determinism -----------------------------------------------------------------------------------


def test_results_are_equal_to_the_bit_for_any_workers_and_any_order(signals: Dataset) -> None:
    batch = [SMALL_CNN, *(replace(SMALL_CNN, layers=SMALL_CNN.layers[skip:]) for skip in (1, 2))]
    settings = TrainingSettings(epochs=2, augment="shift")
    here = without_times(evaluated(signals, *batch, settings=settings))
    assert all(evaluation.failure is None for evaluation in here)
    for workers in (1, 2):
        with TrainingEvaluator(signals, settings=settings, workers=workers) as evaluator:
            assert without_times(evaluator.evaluate(batch)) == here
            assert without_times(evaluator.evaluate(batch[::-1])) == here[::-1]
    assert without_times(evaluated(signals, *batch[::-1], settings=settings)) == here[::-1]


def test_another_repeat_gives_another_training(signals: Dataset) -> None:
    [first], [second] = (evaluated(signals, SMALL_CNN, settings=QUICK, repeat=repeat) for repeat in (0, 1))
    assert first.seed != second.seed
    assert first.val_loss != second.val_loss


def test_global_randomness_and_threads_are_neither_read_nor_changed(signals: Dataset) -> None:
    def training_under(seed: int) -> list[Evaluation]:
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 (the global state is what this is about)
        random.seed(seed)
        return without_times(evaluated(signals, SMALL_CNN, settings=replace(QUICK, augment="shift")))

    def global_states() -> tuple[Any, ...]:
        return torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate()  # noqa: NPY002

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    first = training_under(1)
    before = global_states()
    assert evaluated(signals, SMALL_CNN, settings=QUICK)[0].failure is None
    assert global_states() == before
    assert torch.get_num_threads() == 2
    assert training_under(2) == first
    torch.set_num_threads(threads)


# -- the digest ------------------------------------------------------------------------------------


def test_the_digest_changes_with_data_settings_and_repeat_and_is_else_the_same() -> None:
    other_settings: dict[str, Any] = {
        "epochs": 13,
        "batch_size": 65,
        "learning_rate": 0.03,
        "warmup": 0.3,
        "weight_decay": 0.1,
        "label_smoothing": 0.0,
        "precision": "bfloat16",
        "optimizer": "muon",
    }
    plain = TrainingEvaluator(blobs()).digest
    assert len(plain) == 20
    others = [
        TrainingEvaluator(blobs(seed=1)).digest,
        TrainingEvaluator(blobs(), repeat=1).digest,
        *(
            TrainingEvaluator(blobs(), settings=TrainingSettings(**{name: value})).digest
            for name, value in other_settings.items()
        ),
    ]
    assert len({plain, *others}) == len(others) + 1
    limits: dict[str, Any] = {"time_limit": 60.0, "memory_limit": 10**10}
    same = TrainingEvaluator(blobs(), workers=2, device="cpu", **limits)
    assert same.digest == plain


def test_the_digest_changes_with_the_augmentation(signals: Dataset) -> None:
    digests = {
        TrainingEvaluator(signals, settings=TrainingSettings(augment=augment)).digest
        for augment in (False, "shift")
    }
    assert len(digests) == 2


def test_the_digest_changes_with_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    before = TrainingEvaluator(blobs()).digest
    monkeypatch.setattr(training_digest, "RECIPE_VERSION", training_digest.RECIPE_VERSION + 1)
    assert TrainingEvaluator(blobs()).digest != before


# -- failures --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "failure", "transient"),
    [
        (candidates.raise_two_lines, "error: ValueError: the first line the second line", False),
        (candidates.raise_memory_error, "out of memory: MemoryError:", True),
        (candidates.ask_for_a_petabyte, "out of memory: RuntimeError: ", True),
        (candidates.make_one_that_fails_later, "diverged: the training loss is nan in epoch 2", False),
    ],
)
def test_what_a_candidate_raises_is_its_failure(action: Any, failure: str, transient: bool) -> None:
    builder = build_or({1: action})
    bad, good = evaluated(blobs(), dense(1), dense(2), settings=QUICK, _build=builder)
    assert bad.failure is not None
    assert bad.failure.startswith(failure)
    assert "\n" not in bad.failure
    assert is_transient(bad) is transient
    assert (bad.val_accuracy, bad.val_loss, bad.latency_seconds) == (None, None, None)
    assert bad.parameters == costs(dense(1), (4,), 2).parameters
    assert bad.epochs == len(bad.learning_curve) == (1 if "diverged" in failure else 0)
    assert good.failure is None
    assert not is_transient(good)


def test_a_learning_rate_that_explodes_is_a_failure(signals: Dataset) -> None:
    [evaluation] = evaluated(signals, SMALL_CNN, settings=TrainingSettings(epochs=3, learning_rate=1e30))
    assert evaluation.failure is not None
    assert evaluation.failure.startswith("diverged: ")


def test_an_architecture_that_does_not_fit_the_data_is_a_failure() -> None:
    misfit = Architecture("convnet1d", (Layer.of("conv", kernel=3, width=8, stride=1),), True)
    for workers in (0, 1):
        [evaluation] = evaluated(blobs(), misfit, workers=workers)
        assert evaluation.failure is not None
        assert evaluation.failure.startswith("error: conv(")


def test_a_training_that_takes_too_long_is_a_failure() -> None:
    [evaluation] = evaluated(blobs(), dense(4), time_limit=1e-9)
    assert evaluation.failure == "time limit: not done after 1e-09 s"
    assert is_transient(evaluation)


def test_ctrl_c_in_a_candidate_is_not_a_failure() -> None:
    with pytest.raises(KeyboardInterrupt):
        evaluated(blobs(), dense(1), _build=build_or({1: candidates.interrupt}))


def test_a_worker_that_hangs_or_dies_costs_its_own_candidate_only() -> None:
    builder = build_or({1: candidates.hang, 2: candidates.leave_at_once, 3: candidates.raise_two_lines})
    batch = [dense(1), dense(4), dense(2), dense(5), dense(3), dense(6)]
    # The limit is far above what a good candidate takes, on a busy machine too.
    with TrainingEvaluator(blobs(), settings=QUICK, workers=2, time_limit=6, _build=builder) as evaluator:
        evaluations = evaluator.evaluate(batch)
        assert [evaluation.failure for evaluation in evaluations] == [
            "time limit: not done after 6 s",
            None,
            "worker process died: exit status 3",
            None,
            "error: ValueError: the first line the second line",
            None,
        ]
        hung, _, dead = evaluations[:3]
        assert all(is_transient(evaluation) for evaluation in (hung, dead))
        assert dead.parameters == costs(dense(2), (4,), 2).parameters
        assert dead.device == evaluator.device
        assert dead.seed is not None
        assert evaluator.evaluate([dense(7)])[0].failure is None


def test_a_candidate_that_fills_the_memory_costs_itself_only() -> None:
    builder = build_or({1: candidates.fill_memory})
    batch = [dense(2), dense(1), dense(3), dense(4)]
    evaluations = evaluated(
        blobs(), *batch, settings=QUICK, workers=2, memory_limit=10**9, _build=builder, device="cpu"
    )
    assert [evaluation.failure for evaluation in evaluations] == [
        None,
        "out of memory: more than 1 GB",
        None,
        None,
    ]
    filled = evaluations[1]
    assert is_transient(filled)
    assert filled.parameters == costs(dense(1), (4,), 2).parameters
    plain = evaluated(blobs(), *batch[2:], settings=QUICK, device="cpu")
    assert without_times(evaluations[2:]) == without_times(plain)


def test_a_memory_limit_that_cannot_be_kept_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "peak_memory", lambda: None)
    with pytest.raises(ValueError, match="can't be kept on this system: leave it out"):
        TrainingEvaluator(blobs(), workers=1, memory_limit=10**9)


# -- results as they come, and closing -------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 2])
def test_each_result_is_announced_once_with_its_index(workers: int) -> None:
    heard: dict[int, Evaluation] = {}

    def hear(index: int, evaluation: Evaluation) -> None:
        assert index not in heard
        heard[index] = evaluation

    batch = [dense(2), dense(30), dense(3)]
    with TrainingEvaluator(blobs(), settings=QUICK, workers=workers) as evaluator:
        evaluations = evaluator.evaluate(batch, observer=hear)
    assert [heard[index] for index in range(3)] == evaluations
    assert [evaluation.parameters for evaluation in evaluations] == [
        costs(architecture, (4,), 2).parameters for architecture in batch
    ]


@pytest.mark.parametrize("workers", [0, 1])
def test_an_empty_batch_has_no_results(workers: int) -> None:
    assert evaluated(blobs(), workers=workers) == []


def test_closing_removes_the_workers_files_and_a_later_batch_starts_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with TrainingEvaluator(blobs(), settings=QUICK, workers=1) as evaluator:
        first = without_times(evaluator.evaluate([dense(4)]))
        [folder] = tmp_path.glob("rl-designer-*")
        evaluator.close()
        assert not folder.exists()
        assert without_times(evaluator.evaluate([dense(4)])) == first
    assert list(tmp_path.glob("rl-designer-*")) == []


def test_workers_get_no_sealed_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Untouchable(SealedTest):
        def open(self) -> Any:
            raise AssertionError("the sealed test was opened")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dataset = blobs(sealed_test=Untouchable(np.zeros((1, 4), np.float32), np.zeros(1, np.int64)))
    with TrainingEvaluator(dataset, settings=QUICK, workers=1) as evaluator:
        assert evaluator.evaluate([dense(4)])[0].failure is None
        [folder] = tmp_path.glob("rl-designer-*")
        files = sorted(path.name for path in folder.iterdir())
        assert files == ["folds.npy", "x_train.npy", "x_val.npy", "y_train.npy", "y_val.npy"]


def test_arrays_that_cannot_be_written_to_are_taken_without_a_warning(
    recwarn: pytest.WarningsRecorder,
) -> None:
    dataset = blobs()
    dataset.x_train.flags.writeable = False
    assert evaluated(dataset, dense(4), settings=QUICK)[0].failure is None
    assert [str(warning.message) for warning in recwarn if "writable" in str(warning.message)] == []


def test_a_copy_has_no_sealed_test_and_the_same_results() -> None:
    sealed = SealedTest(np.zeros((1, 4), np.float32), np.zeros(1, np.int64))
    evaluator = TrainingEvaluator(blobs(sealed_test=sealed), settings=QUICK, device="cpu")
    copy = pickle.loads(pickle.dumps(evaluator))
    assert copy.digest == evaluator.digest
    assert without_times(copy.evaluate([dense(4)])) == without_times(evaluator.evaluate([dense(4)]))


# -- wrong arguments -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": -1}, "workers must be 0 .* got -1"),
        ({"time_limit": 0}, "more than 0 seconds, got 0"),
        ({"time_limit": float("nan")}, "more than 0 seconds, got nan"),
        ({"memory_limit": 0, "workers": 1}, "at least 1 byte, got 0"),
        ({"memory_limit": 10**9}, "needs worker processes: set workers to 1 or more, got 0"),
        ({"device": "gpu"}, "unknown device 'gpu'.* Legal: auto, cpu"),
        (
            {"settings": TrainingSettings(augment="shift")},
            "'shift' needs signals or images; .* shape \\(4,\\)",
        ),
        ({"settings": TrainingSettings(augment="flip-shift")}, "'flip-shift' needs images"),
    ],
)
def test_wrong_arguments_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainingEvaluator(blobs(), **options)
