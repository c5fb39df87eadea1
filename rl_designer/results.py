"""What the verbs of Python give: `Run` of a search, `Networks` of `retrain`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rl_designer.agents.base import Sample
from rl_designer.config import SearchConfig
from rl_designer.envs.problem import Design
from rl_designer.oversight.approval import check_folder_approved
from rl_designer.reports.page import REPORT, picture, write_report
from rl_designer.runs.finalists import Finalist
from rl_designer.runs.fronts import FrontDesign
from rl_designer.runs.reading import RunReport, public_summary, report_to_dict
from rl_designer.searches.sampling import Draw, sample_designs

if TYPE_CHECKING:
    from torch import nn


class Run:
    """A search, as its folder and its store had it when it was read.

    Attributes:
        folder: holds all that is left of it; `rl-designer report FOLDER` and the other commands take it.
        config: its settings.
        summary: its figures, as `train --json` prints them.
        designs: the agent's, then those of the control, each in the order of its evaluation.
        best: of all designs that were trained in full, or None.
        front: with several objectives the designs that no other beats, each with its figures, the best by the
            leading objective first; else empty.
        finalists: the designs that were trained longer before one of them was `best`, the best first.
        verdict: whether the agent was better than random search, in a sentence; empty before the end.
    """

    def __init__(self, report: RunReport) -> None:
        self._report = report
        self.folder: Path = report.folder.path
        self.config: SearchConfig = report.folder.config
        self.summary: dict[str, Any] = public_summary(report.folder)
        self.designs: list[Design] = [found.design for found in report.designs]
        self.best: Design | None = report.winners[0].design if report.winners else None
        self.front: list[FrontDesign] = report.front
        self.finalists: list[Finalist] = report.finalists
        self.verdict = str(self.summary.get("verdict", ""))

    def __repr__(self) -> str:
        best = "no design yet" if self.best is None else f"best reward {self.best.reward:.4f}"
        front = f", {len(self.front):,} on the front" if self.front else ""
        return f"<Run {self.folder}: {len(self.designs):,} designs, {best}{front}>"

    def _repr_html_(self) -> str:
        """What a notebook shows of it: verdict, learning curve, best design."""
        return picture(self._report)

    def sample(self, n: int = 10, **draw: Any) -> list[Sample]:
        """`n` designs from its policy. `draw`: see `rl_designer.sample`."""
        return sample_designs(self._report.folder, Draw.of(n=n, **draw)).samples

    def report(self, output: str | Path | None = None) -> Path:
        """Writes the page for the browser, None for `report.html` in the folder; its path."""
        path = self.folder / REPORT if output is None else Path(output)
        write_report([self._report], path)
        return path

    def to_frame(self) -> Any:
        """The designs as a pandas DataFrame, a row each. Raises ImportError where pandas isn't installed."""
        try:
            import pandas
        except ImportError as error:
            raise ImportError("a table of designs needs pandas: pip install pandas") from error
        return pandas.DataFrame(report_to_dict([self._report])["designs"])


@dataclass(frozen=True)
class Network:
    """A network that was trained in full.

    Attributes:
        folder: holds its weights.
        results: its figures, as `results.json` has them.
    """

    folder: Path
    results: Mapping[str, Any]

    def network(self, seed: int | None = None) -> "nn.Module":
        """The torch module on the CPU, for use: float32 [n, *input_shape], standardised, to logits.

        Args:
            seed: the number of the training; None for the first. One that was chosen by its test accuracy
                would make that figure too good.

        Raises:
            OverLimit: where an organisation's limits ask for a person's approval, as `predict`.
        """
        from rl_designer.retraining.folder import RetrainedFolder, load_retrained

        trained = [line["seed"] for line in self.results["seeds"] if line["failure"] is None]
        number, folder = trained[0] if seed is None else seed, RetrainedFolder(self.folder)
        digest = folder.architecture().digest
        check_folder_approved("predict", self.folder, digest, folder.weights(number))
        return load_retrained(self.folder, number).network


class Networks(tuple[Network, ...]):
    """What `retrain` trained, in the order of the winners."""

    __slots__ = ()

    @property
    def best(self) -> Network:
        """The one that was best in its search: a choice by the test would make the test's figure too good."""
        return self[0]
