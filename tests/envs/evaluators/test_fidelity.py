"""Early stopping: who is stopped and when, what that is worth, and that a run can be done again."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl_designer.config import make_config
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Bars, Evaluation, ResultObserver
from rl_designer.envs.evaluators.early_stopping import (
    FEWEST_KNOWN,
    FIDELITIES,
    EarlyStopping,
    Rung,
    accuracy_needed,
    cut_short,
    expected_at_end,
    rungs_of,
)
from rl_designer.envs.evaluators.training import TrainingEvaluator, TrainingSettings
from rl_designer.envs.problem import Budget, Design, Problem, best_of
from rl_designer.envs.rewards import Reward, RewardContext, accuracy, as_reward, load_reward
from rl_designer.envs.rewards.reward import stopping_misfit
from rl_designer.errors import WrongUsage
from rl_designer.searches.search import settled_fidelity
from rl_designer.store.evaluator import StoredEvaluator
from rl_designer.store.store import Store
from tests.helpers.training_candidates import blobs, dense

EPOCHS = 8
STOPPING = [name for name in FIDELITIES if name != "full"]


class Curves:
    """Trains nothing: a wider design is better, in a straight line from the first epoch to the last."""

    digest = "curves"
    epochs = EPOCHS

    def __init__(self) -> None:
        self.trained: dict[str, int] = {}

    def costs(self, architecture: Architecture) -> dict[str, int]:
        return {"parameters": width_of(architecture), "macs": 1}

    def evaluate(
        self,
        architectures: Sequence[Architecture],
        bars: Sequence[Bars] | None = None,
        observer: ResultObserver = lambda index, result: None,
    ) -> list[Evaluation]:
        bars = bars or [{}] * len(architectures)
        results = [self._trained(a, bar) for a, bar in zip(architectures, bars, strict=True)]
        for index, result in enumerate(results):
            self.trained[architectures[index].digest] = len(result.learning_curve)
            observer(index, result)
        return results

    def _trained(self, architecture: Architecture, bars: Bars) -> Evaluation:
        result = cut_short(whole(architecture), bars)
        assert result is not None
        return result


def width_of(architecture: Architecture) -> int:
    return int(architecture.layers[0]["width"])


def whole(architecture: Architecture) -> Evaluation:
    last = width_of(architecture) / 1000
    curve = tuple(last * (epoch + 1) / EPOCHS for epoch in range(EPOCHS))
    costs = {"parameters": width_of(architecture), "macs": 1}
    return Evaluation(
        last, 1.0, curve, **costs, latency_seconds=1e-3, training_seconds=8.0, epochs=EPOCHS, device="cpu"
    )


def stopping(
    fidelity: str = "quarters", reward: Any = accuracy, evaluator: Any = None
) -> tuple[EarlyStopping, Curves]:
    curves = Curves()
    stops = EarlyStopping(evaluator or curves, fidelity, reward, epochs=EPOCHS, costs=curves.costs)
    return stops, curves


def in_batches(evaluator: Any, widths: Sequence[int], size: int) -> list[Evaluation]:
    designs = [dense(width) for width in widths]
    parts = [designs[start : start + size] for start in range(0, len(designs), size)]
    return [evaluation for part in parts for evaluation in evaluator.evaluate(part)]


WIDTHS = tuple(int(width) for width in np.random.default_rng(0).permutation(np.arange(100, 900, 10)))


# -- the rule --------------------------------------------------------------------------------------


@pytest.mark.parametrize("fidelity", FIDELITIES)
@pytest.mark.parametrize("epochs", [1, 2, 3, 4, 5, 12, 100])
def test_rungs_lie_within_the_training_and_let_fewer_and_fewer_go_on(fidelity: str, epochs: int) -> None:
    rungs = rungs_of(fidelity, epochs)
    assert [rung.epoch for rung in rungs] == sorted({rung.epoch for rung in rungs})
    assert all(1 <= rung.epoch < epochs and 0 < rung.share < 1 for rung in rungs)
    assert [rung.share for rung in rungs] == sorted((rung.share for rung in rungs), reverse=True)
    assert bool(rungs) == (fidelity != "full" and epochs > 1)


def test_of_two_rungs_on_one_epoch_the_gentler_holds() -> None:
    assert rungs_of("halving", 2) == [Rung(1, 1 / 2)]


@pytest.mark.parametrize("fidelity", STOPPING)
def test_the_first_designs_are_trained_in_full_and_of_later_ones_the_best_as_they_always_are(
    fidelity: str,
) -> None:
    evaluator, curves = stopping(fidelity)
    found = in_batches(evaluator, WIDTHS, 4)
    assert all(evaluation.in_full for evaluation in found[:FEWEST_KNOWN])
    stopped = [evaluation for evaluation in found if evaluation.stopped_at is not None]
    assert len(found) / 4 < len(stopped) < len(found)
    best = sorted(WIDTHS)[-len(WIDTHS) // 10 :]
    for width, evaluation in zip(WIDTHS, found, strict=True):
        if evaluation.in_full:
            assert evaluation == whole(dense(width))
        if width in best:
            assert evaluation.in_full
        assert curves.trained[dense(width).digest] == (evaluation.stopped_at or EPOCHS)


def test_a_stopped_evaluation_says_so_and_has_only_what_was_trained() -> None:
    found = in_batches(stopping()[0], [*range(500, 600, 10), 10], 8)[-1]
    assert (found.stopped_at, found.epochs, len(found.learning_curve)) == (2, 2, 2)
    assert (found.failure, found.val_loss, found.training_seconds) == (None, None, 2.0)
    assert not found.in_full
    assert Evaluation.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@pytest.mark.parametrize("fidelity", STOPPING)
def test_the_same_designs_in_the_same_order_are_stopped_alike_however_large_a_batch_is_compared_with(
    fidelity: str,
) -> None:
    first, second = (in_batches(stopping(fidelity)[0], WIDTHS, 4) for _ in range(2))
    assert first == second
    at_once = in_batches(stopping(fidelity)[0], WIDTHS, len(WIDTHS))
    assert sum(not evaluation.in_full for evaluation in at_once) > len(WIDTHS) / 4


def test_failed_designs_are_no_measure() -> None:
    class Failing(Curves):
        def _trained(self, architecture: Architecture, bars: Bars) -> Evaluation:
            return Evaluation(failure="diverged: nan") if bars else super()._trained(architecture, bars)

    evaluator, _ = stopping(evaluator=Failing())
    found = in_batches(evaluator, WIDTHS[:20], 4)
    assert sum(evaluation.failure is not None for evaluation in found) == 12
    assert all(evaluation.stopped_at is None for evaluation in found)


# -- what a stopped design is worth ----------------------------------------------------------------

fractions = st.floats(0, 1, allow_subnormal=False)


@given(st.lists(st.tuples(fractions, fractions), min_size=1, max_size=30), fractions, fractions)
def test_what_is_expected_rises_with_the_rung_and_is_never_above_the_best(
    pairs: list[tuple[float, float]], one: float, other: float
) -> None:
    at_rung, at_end = np.array(pairs).T
    low, high = sorted((one, other))
    expected = [expected_at_end(at_rung, at_end, accuracy) for accuracy in (low, high)]
    assert expected[0] <= expected[1] + 1e-12
    assert expected[0] >= 0 and expected[1] <= at_end.max() + 1e-12


def test_what_is_expected_follows_the_designs_that_were_trained_in_full() -> None:
    at_rung, at_end = np.array([0.2, 0.4, 0.6]), np.array([0.5, 0.7, 0.9])
    assert expected_at_end(at_rung, at_end, 0.5) == pytest.approx(0.8)
    assert expected_at_end(at_rung, at_end, 0.1) == pytest.approx(0.25)  # halfway to nothing
    assert expected_at_end(at_rung, at_end, 0.9) == pytest.approx(0.9)
    assert expected_at_end(at_rung, at_end[::-1], 0.4) == pytest.approx(0.7)  # no order: the mean


def test_a_stopped_design_is_worth_less_than_those_that_it_fell_behind() -> None:
    found = dict(zip(WIDTHS, in_batches(stopping()[0], WIDTHS, 4), strict=True))
    stopped = [width for width in WIDTHS if not found[width].in_full]
    for width in stopped:
        assert found[width].val_accuracy == pytest.approx(width / 1000, abs=0.05)
    ranked = sorted(stopped, key=lambda width: found[width].val_accuracy or 0.0)
    assert np.corrcoef(ranked, np.arange(len(ranked)))[0, 1] > 0.95


def test_a_stopped_design_is_never_the_best() -> None:
    full, stopped = Evaluation(0.5), Evaluation(0.9, stopped_at=2)
    designs = [Design(dense(1), full, 0.5, 0), Design(dense(2), stopped, 0.9, 1)]
    assert best_of(designs) == designs[0]
    assert best_of(designs[1:]) is None


def test_a_design_with_which_no_accuracy_would_be_good_enough_is_stopped_at_the_first_rung() -> None:
    def small_ones(evaluation: Evaluation) -> float:
        assert evaluation.parameters is not None and evaluation.val_accuracy is not None
        return evaluation.val_accuracy - (2.0 if evaluation.parameters > 600 else 0.0)

    found = in_batches(stopping(reward=small_ones)[0], [*range(500, 600, 10), 900], 8)
    assert [evaluation.stopped_at for evaluation in found[-3:]] == [None, None, 2]


@given(st.floats(-1, 2), st.floats(0.1, 5))
def test_the_accuracy_that_a_reward_asks_for(reward: float, slope: float) -> None:
    needed = accuracy_needed(lambda accuracy: slope * accuracy, reward)
    if reward <= 0:
        assert needed == 0
    elif reward > slope:
        assert needed > 1
    else:
        assert slope * needed == pytest.approx(reward, abs=1e-7)
        assert slope * needed <= reward  # so that the one that sets the bar is at it


# -- rewards that need whole trainings -------------------------------------------------------------


def of_loss(evaluation: Evaluation) -> float:
    return -(evaluation.val_loss or 0.0)


def of_everything(evaluation: Evaluation) -> float:
    return float(evaluation.to_dict()["val_accuracy"])


@pytest.mark.parametrize(
    ("reward", "why"),
    [
        (as_reward(accuracy), None),
        (load_reward("mnasnet:target=1000", RewardContext(None)), None),  # type: ignore[arg-type]
        (as_reward(of_loss), "`val_loss`"),
        (as_reward(of_everything), "`learning_curve`"),
        (as_reward(lambda evaluation, history: 0.0, "mine"), "found before"),
    ],
    ids=["accuracy", "mnasnet", "loss", "everything", "history"],
)
def test_trainings_are_stopped_only_for_rewards_that_can_be_paid_for_it(
    reward: Reward, why: str | None
) -> None:
    misfit = stopping_misfit(reward)
    assert misfit is None if why is None else misfit is not None and why in misfit
    assert settled_fidelity(make_config({}), reward) == ("quarters" if why is None else "full")
    assert settled_fidelity(make_config({"fidelity": "full"}), reward) == "full"
    assert settled_fidelity(make_config({"table": "t.npz"}), reward) is None
    if why is not None:
        with pytest.raises(WrongUsage, match=r"--fidelity halving .* use --fidelity full"):
            settled_fidelity(make_config({"fidelity": "halving"}), reward)


def test_the_setting_is_checked() -> None:
    with pytest.raises(WrongUsage, match="--fidelity must be 'full', 'quarters' or 'halving', got 'none'"):
        make_config({"fidelity": "none"})
    with pytest.raises(WrongUsage, match="--table and --fidelity exclude each other"):
        make_config({"table": "t.npz", "fidelity": "full"})


# -- trainings -------------------------------------------------------------------------------------


def without_times(evaluation: Evaluation) -> Evaluation:
    return replace(evaluation, training_seconds=None, latency_seconds=None)


def test_a_training_that_goes_on_is_bit_for_bit_the_one_that_nobody_watched() -> None:
    settings = TrainingSettings(epochs=4, batch_size=8)
    evaluator = TrainingEvaluator(blobs(), settings=settings, device="cpu")
    [plain] = evaluator.evaluate([dense(8)])
    passed, stopped = evaluator.evaluate([dense(8)] * 2, [{1: 0.0, 2: 0.01}, {1: 0.0, 3: 1.5}])
    assert without_times(passed) == without_times(plain)
    assert stopped.stopped_at == 3
    assert without_times(stopped) == without_times(cut_short(plain, {3: 1.5}) or plain)


def test_workers_stop_trainings_as_this_process_does() -> None:
    settings, bars = TrainingSettings(epochs=3, batch_size=8), [{1: 2.0}, {}, {2: 2.0}]
    designs = [dense(4), dense(8), dense(16)]
    here = TrainingEvaluator(blobs(), settings=settings, device="cpu").evaluate(designs, bars)
    with TrainingEvaluator(blobs(), settings=settings, device="cpu", workers=2) as evaluator:
        there = evaluator.evaluate(designs, bars)
    assert [evaluation.stopped_at for evaluation in there] == [1, None, 2]
    assert [*map(without_times, there)] == [*map(without_times, here)]


def test_what_was_reached_once_counts_even_where_a_later_epoch_is_worse() -> None:
    curve = (0.5, 0.9, 0.2, 0.6)
    evaluation = Evaluation(0.6, learning_curve=curve, epochs=4)
    assert cut_short(evaluation, {3: 0.9}) == evaluation
    assert cut_short(evaluation, {1: 0.5, 3: 0.91}).stopped_at == 3  # type: ignore[union-attr]


def test_a_stopped_training_says_nothing_of_a_longer_one() -> None:
    stopped = cut_short(whole(dense(500)), {4: 2.0})
    assert stopped is not None
    assert cut_short(stopped, {}) is None
    assert cut_short(stopped, {6: 2.0}) is None
    assert cut_short(stopped, {2: 2.0}) == cut_short(whole(dense(500)), {2: 2.0})


# -- the store -------------------------------------------------------------------------------------


def test_what_is_stored_makes_no_difference_to_what_is_stopped(tmp_path: Path) -> None:
    def searched(store: Store, run: str) -> list[Evaluation]:
        curves = Curves()
        stored = StoredEvaluator(store, curves, run)
        evaluator, _ = stopping(evaluator=stored)
        return [replace(e, training_seconds=None) for e in in_batches(evaluator, WIDTHS[:40], 4)]

    with Store(tmp_path / "a.sqlite") as store:
        alone = searched(store, "one")
        assert searched(store, "one") == alone
        assert searched(store, "two") == alone
    with Store(tmp_path / "b.sqlite") as store:
        StoredEvaluator(store, Curves(), "full").evaluate([dense(width) for width in WIDTHS[:40:2]])
        assert searched(store, "one") == alone


def test_a_search_that_wants_the_whole_training_of_a_stopped_design_trains_it(tmp_path: Path) -> None:
    with Store(tmp_path / "a.sqlite") as store:
        first = Curves()
        in_batches(stopping(evaluator=StoredEvaluator(store, first, "one"))[0], WIDTHS[:40], 4)
        again = Curves()
        in_full = StoredEvaluator(store, again, "two").evaluate([dense(width) for width in WIDTHS[:40]])
    assert in_full == [whole(dense(width)) for width in WIDTHS[:40]]
    assert set(again.trained) == {digest for digest, epochs in first.trained.items() if epochs < EPOCHS}


# -- a problem -------------------------------------------------------------------------------------


def test_a_problem_counts_a_stopped_design_like_any_other() -> None:
    from rl_designer.agents.registry import agent_class
    from rl_designer.envs.search_spaces.registry import make_space

    space = make_space("mlp", (4,), 2, max_parameters=2_000)

    class OfLayers(Curves):
        def _trained(self, architecture: Architecture, bars: Bars) -> Evaluation:
            found = cut_short(replace(whole(dense(int(architecture.digest[:2], 16) + 1))), bars)
            assert found is not None
            return found

    evaluator, _ = stopping(evaluator=OfLayers())
    problem = Problem(space, evaluator, accuracy, Budget(40))
    agent_class("regularized-evolution")(seed=0).search(problem)
    assert len(problem.designs) == 40
    assert any(not design.evaluation.in_full for design in problem.designs)
    assert problem.best is not None and problem.best.evaluation.in_full


def test_of_a_part_that_was_given_up_nothing_is_returned_from_the_first_stopped_on() -> None:
    """What a stopped one lets expect depends on those after it, which a longer search would know."""

    class InTime(Curves):
        def evaluate(self, architectures: Sequence[Architecture], *more: Any, **options: Any) -> Any:
            deadline = options.pop("deadline", None)
            return super().evaluate(architectures, *more, **options)[: None if deadline is None else 6]

    batch = [*range(500, 600, 10)][:FEWEST_KNOWN]
    later = [900, 901, 10, 902, 903, 904, 905, 906]  # the third is stopped
    whole_run, cut = stopping(evaluator=InTime())[0], stopping(evaluator=InTime())[0]
    for evaluator in (whole_run, cut):
        evaluator.evaluate([dense(width) for width in batch])
    longer = whole_run.evaluate([dense(width) for width in later])
    assert [e.in_full for e in longer[:4]] == [True, True, False, True]
    assert cut.evaluate([dense(width) for width in later], deadline=1.0) == longer[:2]
