"""What is shown of a search as it goes."""

from rl_designer.agents.memory import Review
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.jobs.progress import Display, EvaluationProgress
from rl_designer.quantities import show_seconds
from rl_designer.runs.verdict import CONTROL_AGENT
from rl_designer.searches.observers import Observer, Start

_LINES = 10  # plain lines over a whole search, besides the first


class SearchProgress(Observer):
    """Evaluations, the best so far, failures, the time left, and the design that came last.

    Args:
        display: None for the one that suits stderr.
    """

    def __init__(self, display: Display | None = None) -> None:
        self._display = display or Display(lines=_LINES)
        self._evaluations = EvaluationProgress(self._display)
        self._best: float | None = None
        self._what = "best"

    def started(self, start: Start) -> None:
        self._evaluations.begin(_opening(start), start.evaluations, "evaluations")

    def evaluated(
        self, architecture: Architecture, evaluation: Evaluation, reward: float | None, stored: bool
    ) -> None:
        if evaluation.in_full:
            # A reward that sees the history is paid later, and is no measure of what is best.
            merit = (evaluation.val_accuracy or 0.0) if reward is None else reward
            self._what = "best" if reward is not None else "best accuracy"
            self._best = merit if self._best is None else max(self._best, merit)
        best = "–" if self._best is None else f"{self._best:.4f}"
        self._evaluations.add(architecture, evaluation, stored, f"{self._what} {best}")

    def reviewed(self, review: Review) -> None:
        self._display.say(str(review))

    def closed(self) -> None:
        self._display.close()


def _opening(start: Start) -> str:
    """What is about to happen, in one line."""
    limits = [] if start.evaluations is None else [f"{start.evaluations:,} evaluations"]
    if start.seconds is not None:
        limits.append(show_seconds(start.seconds))
    share = f", {start.paid:,} of them for the control ({CONTROL_AGENT})" if start.paid else ""
    again = f", {start.done:,} already done" if start.done else ""
    begin = f", starting from {', '.join(start.sources)}" if start.sources else ""
    what = f"{start.agent} on {start.title}, space {start.space}{begin}: at most {' or '.join(limits)}"
    return f"{what}{share}{again}; run folder {start.folder}"
