"""How full trainings are told of while they go on."""

from io import StringIO

from rich.console import Console

from rl_designer.jobs.jobs import Job
from rl_designer.jobs.progress import Display, JobProgress
from rl_designer.retraining.output import shown as shown_trainings


def test_progress_tells_epochs_and_the_time_left_once_a_minute() -> None:
    text, now = StringIO(), [0.0]
    display = Display(console=Console(file=text, width=200), lines=0, clock=lambda: now[0])
    progress = JobProgress(display, shown_trainings(100))
    jobs = [Job(number, f"abc, seed {number}", print, state=b"") for number in range(3)]
    progress.started(jobs, 1)
    for epoch in range(1, 51):
        now[0] += 3
        progress.advanced(jobs[0], (epoch + 20, 0.5))  # the first 20 epochs are an earlier start's
    progress.finished(jobs[0], None)
    lines = text.getvalue().splitlines()
    assert lines[0] == "2 trainings of 100 epochs, 1 already done"
    assert lines[1] == "140/300 epochs, loss 0.5000, about 8:25 min left"
    assert len(lines) == 4 and lines[-1] == "abc, seed 0: trained, after 2:30 min"
