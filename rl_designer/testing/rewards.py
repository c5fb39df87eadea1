"""What rewards promise, as checks of one; each raises AssertionError where it is broken."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.rewards import History, Reward, RewardFunction, as_reward

ACCURACIES = (0.0, 1e-9, 0.1, 0.5, 0.5 + 1e-9, 0.9, 1.0)
LOSSES = (100.0, 2.3, 0.7, 0.01, 0.0)
COUNTS = (0, 1, 100, 999, 1_000, 1_001, 50_000, 10**9)
SECONDS = (0.0, 1e-6, 9e-4, 1e-3, 0.1, 60.0)
TYPICAL = replace(
    Evaluation(0.5, 0.7, (0.3, 0.5), 1_000, 8_000, 1e-3, 2.0, 2, 1, "cpu"),
    val_examples=800,
    val_recalls=(0.4, 0.6),
)
HISTORIES: tuple[tuple[Evaluation, ...], ...] = (
    (),
    (TYPICAL,),
    tuple(replace(TYPICAL, val_accuracy=a, parameters=n) for a, n in ((0.2, 900), (0.6, 2_000), (0.4, 50))),
)


def better(evaluation: Evaluation = TYPICAL) -> list[Evaluation]:
    """The same design, ever more accurate and with ever less loss."""
    accurate = [replace(evaluation, val_accuracy=a, val_recalls=(a, a)) for a in ACCURACIES]
    return [replace(e, val_loss=loss) for e, loss in zip(accurate[:5], LOSSES, strict=True)]


def dearer(evaluation: Evaluation = TYPICAL) -> list[list[Evaluation]]:
    """The same design with ever higher costs: of each of the three kinds."""
    return [
        [replace(evaluation, parameters=count) for count in COUNTS],
        [replace(evaluation, macs=count) for count in COUNTS],
        [replace(evaluation, latency_seconds=seconds) for seconds in SECONDS],
    ]


def check_it_is_pure_and_finite(reward: Reward) -> None:
    """The same arguments give the same finite number, whatever it was asked in between."""
    asked = [*better(), *(e for row in dearer() for e in row)]
    for history in HISTORIES:
        first = [reward(evaluation, history) for evaluation in asked]
        again = [reward(evaluation, History(history)) for evaluation in reversed(asked)]
        assert first == again[::-1], "asked again it pays something else"
        assert all(abs(value) < 1e12 for value in first)


def check_accuracy_never_harms(reward: Reward) -> None:
    """Of two designs that differ in accuracy and loss alone the better one is never paid less, and the best
    is paid more than the worst: whatever the history, though without one all may be equal."""
    for history in HISTORIES:
        values = [reward(evaluation, history) for evaluation in better()]
        assert all(low <= high for low, high in pairwise(values)), "a better design is paid less"
        assert values[0] < values[-1] or not history, "it doesn't care for accuracy"


def check_costs_never_help(reward: Reward) -> None:
    """Of two designs that differ in one cost alone the dearer one is never paid more."""
    for history in HISTORIES:
        for row in dearer():
            values = [reward(evaluation, history) for evaluation in row]
            assert all(cheap >= dear for cheap, dear in pairwise(values)), "a dearer design is paid more"


def check_a_run_gives_what_replay_gives(reward: Reward, run: Sequence[Evaluation]) -> None:
    """Paid as the run goes on, or each design anew with the evaluations before it: the same."""
    before: list[Evaluation] = []
    history, paid = History(before), []
    for evaluation in run:
        paid.append(reward(evaluation, history))
        before.append(evaluation)
    assert paid == [reward(evaluation, tuple(run[:index])) for index, evaluation in enumerate(run)]


def check_reward(function: RewardFunction) -> None:
    """What a search relies on: it is pure, finite, and pays a resumed run what it paid at first.

    Most rewards promise besides that accuracy never harms and costs never help: see the checks of those.
    """
    reward = as_reward(function)
    check_it_is_pure_and_finite(reward)
    check_a_run_gives_what_replay_gives(reward, [*better(), *dearer()[0]])
