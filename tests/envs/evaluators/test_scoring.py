"""How a candidate is scored: by any metric, on one validation part or several folds, classes or numbers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rl_designer.envs.datasets.preparation import RawData, prepare
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.evaluators.early_stopping import cut_short, rungs_of
from rl_designer.envs.evaluators.training import TrainingEvaluator, TrainingSettings
from rl_designer.envs.metrics import metric_of
from tests.helpers.training_candidates import dense, without_times

QUICK = TrainingSettings(epochs=3, learning_rate=0.05)
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(200, 4))
RARE = (X[:, 0] + 0.5 * GENERATOR.normal(size=200) > 1.2).astype(int)  # some 14 %
CLASSES = prepare(RawData("rare", {"train": X}, {"train": RARE}, "rare"), None, 0)
NUMBERS = prepare(RawData("numbers", {"train": X}, {"train": 40 + 9 * X[:, 0]}, "numbers"), None, 0)


def one(dataset: object = CLASSES, settings: TrainingSettings = QUICK, **options: object) -> Evaluation:
    with TrainingEvaluator(dataset, settings=settings, **options) as evaluator:
        return evaluator.evaluate([dense(8)])[0]


def test_a_metric_scores_the_same_training() -> None:
    by_accuracy, balanced = one(), one(metric="balanced-accuracy")
    assert by_accuracy.metric is None and by_accuracy.score == by_accuracy.val_accuracy
    assert balanced.score == balanced.learning_curve[-1] == pytest.approx(np.mean(balanced.val_recalls))
    # The seed, and so the training, depends on the metric; what was right is known by either.
    examples = np.bincount(CLASSES.y_val)
    assert balanced.val_accuracy == pytest.approx(np.dot(balanced.val_recalls, examples) / examples.sum())


@pytest.mark.parametrize("metric", ["f1-macro", "auroc", "log-loss"])
def test_metrics_of_classes_are_told_in_full(metric: str) -> None:
    found = one(metric=metric)
    assert found.failure is None and found.metric == metric and found.val_score is not None
    assert Evaluation.from_dict(found.to_dict()) == found


@pytest.mark.parametrize("metric", [None, "rmse", "mae"])
def test_a_number_is_learned_and_guessing_scores_0(metric: str | None) -> None:
    found = one(NUMBERS, replace(QUICK, epochs=20), metric=metric)
    assert found.val_accuracy is None and found.val_recalls == ()
    assert found.val_score is not None and 0.5 < found.val_score < 1.0


def test_workers_score_by_an_own_metric_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def recall(outputs, y):\n    return float(outputs.argmax(1)[y == 1].mean())\n")
    found = one(metric=f"{path}:recall", workers=1)
    assert found.failure is None and found.score == pytest.approx(found.val_recalls[1])


def test_an_own_metric_sees_numbers_in_the_target_s_own_unit(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "def least(outputs, y):\n    return y.min()\ndef said(outputs, y):\n    return outputs.mean()\n"
    )
    raw = RawData("counts", {"train": X}, {"train": np.arange(200) % 50 * 12.3}, "counts")
    counts = prepare(raw, None, 0)
    assert one(counts, metric=f"{path}:least").score == 0.0  # not nearly: a share of the target divides by it
    assert one(counts, metric=f"{path}:said").score == pytest.approx(300, rel=0.3)
    guess = counts.objective(metric_of(f"{path}:said", "number")).guess
    assert guess == pytest.approx(counts.target_scale.mean)
    other = replace(counts, target_scale=replace(counts.target_scale, mean=0.0))
    digests = [TrainingEvaluator(data, metric=f"{path}:said").digest for data in (counts, other)]
    assert digests[0] != digests[1]
    assert len({TrainingEvaluator(data, metric="mae").digest for data in (counts, other)}) == 1


def test_an_own_metric_that_gives_no_number_fails_the_design_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def broken(outputs, y):\n    return float('nan')\n")
    assert "the score by broken is nan in epoch 1" in str(one(metric=f"{path}:broken").failure)


def test_balanced_class_weights_find_more_of_a_rare_class_and_label_smoothing_stays_what_it_is() -> None:
    x = GENERATOR.normal(size=(1_000, 4))
    rare = (x[:, 0] + 0.3 * GENERATOR.normal(size=1_000) > 2.0).astype(int)  # some 3 %
    dataset = prepare(RawData("rare", {"train": x}, {"train": rare}, "rare"), None, 0)
    settings = replace(QUICK, epochs=8)
    plain = one(dataset, settings)
    balanced = one(dataset, replace(settings, class_weights="balanced"))
    assert balanced.val_recalls[1] > plain.val_recalls[1] and min(balanced.val_recalls) > 0.7


def test_the_first_fold_is_the_validation_part_and_the_figures_are_means_over_all() -> None:
    single, five = one(), one(folds=5)
    assert five.folds == 5 and five.epochs == 15 and len(five.learning_curve) == 15
    assert (single.val_examples, five.val_examples) == (len(CLASSES.y_val), len(CLASSES.y_val) * 5)
    right = np.dot(five.val_recalls, np.bincount(np.concatenate([CLASSES.y_train, CLASSES.y_val])))
    assert five.val_accuracy == pytest.approx(right / 160)
    assert without_times([one(folds=5, workers=1)]) == without_times([five])


def test_only_promising_designs_go_on_to_further_folds() -> None:
    assert [(rung.epoch, rung.share) for rung in rungs_of("quarters", 15, 5)] == [
        (6, 0.75),
        (9, 0.5),
        (12, 0.25),
    ]
    whole = one(folds=5)
    with TrainingEvaluator(CLASSES, settings=QUICK, folds=5) as evaluator:
        [stopped] = evaluator.evaluate([dense(8)], bars=[{6: 1.1}])
        [goes_on] = evaluator.evaluate([dense(8)], bars=[{6: 0.0}])
    assert stopped.stopped_at == 6 and stopped.learning_curve == whole.learning_curve[:6]
    assert stopped.val_accuracy == whole.learning_curve[5] == whole.standing(6)
    assert goes_on.learning_curve == whole.learning_curve
    cut = cut_short(whole, {6: 1.1})
    assert cut is not None and without_times([cut]) == without_times([stopped])


def test_more_folds_than_there_are_are_refused() -> None:
    with pytest.raises(ValueError, match="folds must be from 1 to 5 on these data, got 6"):
        one(folds=6)
    own = replace(CLASSES, folds=np.empty(0, dtype=np.int8))
    with pytest.raises(ValueError, match="folds must be from 1 to 1 on these data, got 2"):
        one(own, folds=2)


def test_class_weights_are_refused_where_a_number_is_predicted() -> None:
    with pytest.raises(ValueError, match="class weights are for classes, and a number is predicted"):
        one(NUMBERS, replace(QUICK, class_weights="balanced"))
