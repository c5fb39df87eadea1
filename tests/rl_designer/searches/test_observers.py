"""What is shown of a search as it goes: a live line, a few plain lines, TensorBoard's scalars."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.problem import Design
from rl_designer.jobs.progress import Display
from rl_designer.searches.observers import Observer, Observers, SearchProgress, Start, TensorBoardLog


def architecture(number: int) -> Architecture:
    return Architecture("x", (Layer.of("dense", width=number), Layer.of("stop")), True)


def plain(text: StringIO, clock: Callable[[], float] = lambda: 0.0) -> SearchProgress:
    return SearchProgress(Display(console=Console(file=text, width=200), lines=10, clock=clock))


def live(text: StringIO, width: int) -> SearchProgress:
    return SearchProgress(Display(console=Console(file=text, force_terminal=True, width=width)))


def start(folder: Path = Path("runs/a"), evaluations: int | None = 50, **more: float) -> Start:
    return Start(
        folder, "mnist1d", "convnet1d", "ppo", evaluations, int(more.get("paid", 0)), more.get("seconds"), 0
    )


def search(observer: Observer, count: int = 50, failing: int = 3, start_with: Start | None = None) -> None:
    observer.started(start_with or start())
    for n in range(count):
        failure = "diverged: nan" if n < failing else None
        observer.evaluated(architecture(n), Evaluation(n / 100, failure=failure), n / 100, n < 5)
    observer.closed()


# -- plain lines -----------------------------------------------------------------------------------


def test_elsewhere_than_on_a_terminal_about_ten_lines_are_written() -> None:
    text = StringIO()
    search(plain(text))
    lines = text.getvalue().splitlines()
    assert lines[0] == "ppo on mnist1d, space convnet1d: at most 50 evaluations; run folder runs/a"
    assert len(lines) == 11
    assert lines[1] == "5/50 evaluations, best 0.0400, 3 failed, 5 from the store"
    assert lines[-1] == "50/50 evaluations, best 0.4900, 3 failed, 5 from the store"


def test_the_last_evaluation_is_always_told() -> None:
    text = StringIO()
    search(plain(text), count=47, start_with=start(evaluations=47))
    lines = text.getvalue().splitlines()
    assert [line.split()[0] for line in lines[-2:]] == ["44/47", "47/47"]


def test_a_slow_search_says_something_each_minute_and_how_long_it_will_take() -> None:
    text = StringIO()
    seconds = iter(range(0, 100_000, 61))
    search(plain(text, lambda: next(seconds)), count=12)
    lines = text.getvalue().splitlines()
    assert len(lines) == 13
    assert lines[12] == "12/50 evaluations, best 0.1100, 3 failed, 5 from the store, about 1:06 h left"


def test_a_search_by_time_has_no_total() -> None:
    text = StringIO()
    display = plain(text)
    search(display, count=10, start_with=start(evaluations=None, seconds=90.0, paid=0))
    lines = text.getvalue().splitlines()
    assert lines[0].startswith("ppo on mnist1d, space convnet1d: at most 1:30 min;")
    assert lines[1].startswith("10 evaluations, ")


def test_the_controls_share_and_what_was_done_before_are_told() -> None:
    text = StringIO()
    opening = Start(Path("a"), "x\x1b[1m", "mlp", "ppo", 64, 16, 60.0, 12)
    plain(text).started(opening)
    assert text.getvalue().splitlines() == [
        "ppo on x\\x1b[1m, space mlp: at most 64 evaluations or 1:00 min, 16 of them for the control "
        "(random), 12 already done; run folder a"
    ]


def test_where_stderr_is_no_terminal_lines_are_plain(capsys: pytest.CaptureFixture[str]) -> None:
    display = SearchProgress()
    display.started(start())
    display.closed()
    assert capsys.readouterr().err.startswith("ppo on mnist1d")


def test_where_the_reward_is_not_known_yet_the_best_accuracy_is_shown() -> None:
    text = StringIO()
    display = plain(text)
    display.started(start(evaluations=2))
    display.evaluated(architecture(0), Evaluation(0.7), None, False)
    display.evaluated(architecture(1), Evaluation(0.6), None, False)
    assert text.getvalue().splitlines()[-1] == "2/2 evaluations, best accuracy 0.7000"


# -- the live line ---------------------------------------------------------------------------------


def test_on_a_terminal_a_line_shows_counts_best_failures_and_the_current_design() -> None:
    output = StringIO()
    search(live(output, 140))
    text = output.getvalue()
    for shown in ("50/50", "best 0.4900", "3 failed", "5 from the store", "dense(49)"):
        assert shown in text


def test_the_live_line_needs_no_total() -> None:
    output = StringIO()
    search(live(output, 80), start_with=start(evaluations=None))
    assert "best 0.4900" in output.getvalue()


def test_a_display_that_never_started_can_be_closed() -> None:
    live(StringIO(), 80).closed()
    SearchProgress().closed()
    TensorBoardLog().closed()


# -- TensorBoard -----------------------------------------------------------------------------------


def test_scalars_have_the_tags_that_users_of_stable_baselines3_know(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

    log = TensorBoardLog()
    log.started(start(tmp_path))
    for n, accuracy in enumerate([0.5, None, 0.7]):
        evaluation = Evaluation(accuracy, failure=None if accuracy else "diverged: nan", parameters=100 + n)
        log.designed(Design(architecture(n), evaluation, accuracy or -1.0, n), "agent")
    log.designed(Design(architecture(9), Evaluation(0.9), 0.9, 0), "control")
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()  # all is there before the log is closed
    log.closed()
    scalars = {
        tag: [(e.step, round(e.value, 4)) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }
    assert scalars == {
        "rollout/ep_rew_mean": [(0, 0.5), (1, -0.25), (2, 0.0667)],
        "rollout/ep_len_mean": [(0, 2), (1, 2), (2, 2)],
        "search/reward": [(0, 0.5), (1, -1), (2, 0.7)],
        "search/best_reward": [(0, 0.5), (1, 0.5), (2, 0.7)],
        "search/val_accuracy": [(0, 0.5), (2, 0.7)],
        "search/parameters": [(0, 100), (1, 101), (2, 102)],
        "search/failures": [(0, 0), (1, 1), (2, 1)],
        "control/reward": [(0, 0.9)],
    }


def test_a_run_that_goes_on_writes_its_scalars_anew(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for reward in (0.1, 0.2):
        log = TensorBoardLog()
        log.started(start(tmp_path))
        log.designed(Design(architecture(0), Evaluation(reward), reward, 0), "agent")
        log.closed()
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [round(e.value, 4) for e in events.Scalars("search/reward")] == [0.2]


# -- several ---------------------------------------------------------------------------------------


def test_several_observers_hear_the_same() -> None:
    texts = [StringIO(), StringIO()]
    search(Observers([plain(text) for text in texts] + [Observer()]))
    first, second = (text.getvalue().splitlines() for text in texts)
    assert first == second and len(first) == 11
    observers = Observers([Observer()])
    observers.designed(Design(architecture(0), Evaluation(0.5), 0.5, 0), "agent")
