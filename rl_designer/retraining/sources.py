"""What is retrained: the winners of runs and architectures of files, and the data that they were found on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rl_designer.config import SearchConfig, Subject, make_config
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.datasets import Dataset
from rl_designer.envs.datasets.content import same_content
from rl_designer.envs.datasets.dataset import SPACES, TEXT
from rl_designer.envs.search_spaces.costs import costs_within
from rl_designer.envs.search_spaces.limits import NO_LIMITS, Limits
from rl_designer.errors import Error, WrongUsage
from rl_designer.oversight.approval import check_approved, check_folder_approved
from rl_designer.retraining.folder import DEFAULT_PARENT
from rl_designer.retraining.job import Winner
from rl_designer.retraining.settings import Plan, takes_features
from rl_designer.runs.architecture_files import ArchitectureFile, read_architecture
from rl_designer.runs.choosing import BEST, Choice
from rl_designer.runs.folder import DATA_CONTENT, RunFolder
from rl_designer.runs.reading import RunReport, read_run
from rl_designer.runs.same_data import check_same_data, data_of_run
from rl_designer.setting import training_data
from rl_designer.text import command

DATA = Subject.of_data()
_SPACE_OF_RANK = {1: "convnet1d", 2: "convnet"}


@dataclass(frozen=True)
class Sources:
    """What was named to be retrained.

    Attributes:
        runs: those among it; all are on the same data, which the first reads as what has most axes.
        told: what was taken of each run, where that isn't the best, a line each.
    """

    winners: list[Winner]
    runs: tuple[RunFolder, ...] = ()
    told: tuple[str, ...] = ()

    @property
    def config(self) -> SearchConfig | None:
        """Of the data; None where only files were named."""
        return self.runs[0].config if self.runs else None

    def plan(self, dataset: Dataset, settings: Mapping[str, Any], **plan: Any) -> Plan:
        """As `Plan.of`; metric and class weights are the runs' where nothing else is given."""
        if self.config is not None:
            training = self.config.training
            settings = {**settings, "class_weights": settings.get("class_weights") or training.class_weights}
            plan["metric"] = plan.get("metric") or training.metric
        return Plan.of(dataset, settings, **plan)


def find_winners(
    sources: Sequence[Path],
    *,
    top: int = 1,
    choice: Choice = BEST,
    limits: Limits = NO_LIMITS,
    output: Path | None = None,
    store: str | None = None,
    trust: bool = False,
) -> Sources:
    """The `top` best designs of each run among `sources`, and the architecture files.

    Args:
        choice: what is best of a run, or that all of its front is taken.
        limits: passes over a run's designs beyond them.
        output: where their folders are made; None for `retrained` in a run's folder, or here for a file.
        store: where the runs' store is now; None for where it was.
        trust: whether `load_data` may run code that copies from elsewhere name.

    Raises:
        WrongUsage: for runs on different data, and such copies without `trust`.
        OverLimit: for networks that nobody approved, where an organisation's limits ask for that.
        ValueError: for a run that can't be read, has no design, or was on a table, and for a damaged file.
    """
    winners: list[Winner] = []
    runs: list[RunFolder] = []
    told: list[str] = []
    for source in sources:
        if source.is_dir():
            report = _read(source, store)
            if not trust:
                report.folder.check_code("data", "space", "metric")
            taken = _winners_of(report, top, choice, limits, output)
            for winner in taken:
                check_approved("retrain", report.folder, winner.architecture.digest)
            winners += taken
            runs.append(report.folder)
            told += [f"{source}: {winner.file.note}" for winner in taken if choice.is_made]
        else:
            choice.check_for_runs(source)
            file = read_architecture(source)
            check_folder_approved("retrain", source, file.architecture.digest)
            winners.append(Winner(file, output or Path(DEFAULT_PARENT), str(source)))
    for run in runs[1:]:
        if not _on_same_data(run, runs[0]):
            raise WrongUsage("the runs are on different data; retrain those of one data set at a time")
    # Signals and images can be flattened for networks on features, but not the other way.
    return Sources(winners, tuple(sorted(runs, key=_axes, reverse=True)), tuple(told))


def load_data(sources: Sources, options: Mapping[str, Any]) -> Dataset:
    """The data that runs were on, or that `options` name.

    Args:
        options: those of `DATA`, as `SearchConfig` has them; None where not given. Runs bring theirs;
            `data` and `data_folder` say where they lie now.

    Raises:
        WrongUsage: where they are missing, or contradict the runs.
        ValueError: for data that can't be used, or that isn't what the runs were on.
    """
    given = {name: options[name] for name in DATA if options.get(name) is not None}
    if not sources.runs:
        if "data" not in given:
            raise WrongUsage("an architecture file needs --data, the name or path of what to train on")
        given.setdefault("space", _space_of(sources.winners))
        return training_data(make_config(given).subject)[0]
    dataset = data_of_run(sources.runs[0], given)
    for run in sources.runs[1:]:
        check_same_data(run, dataset, str(given.get("data", run.config.subject.data)))
    return dataset


def _read(path: Path, store: str | None) -> RunReport:
    report = read_run(path, store)
    if no_data := report.folder.config.subject.no_data:
        raise Error(f"{path} searched on {no_data}; there is nothing to train on")
    if not report.winners:
        raise Error(f"{path} has no design that was trained yet; go on with: {command('resume', path)}")
    return report


def _winners_of(
    report: RunReport, top: int, choice: Choice, limits: Limits, output: Path | None
) -> list[Winner]:
    path = report.folder.path
    keeps = partial(_keeps, limits=limits, setting=report.folder.summary.get("setting", {}))
    found = [winner for winner in choice.of(report) if keeps(winner.design.architecture)]
    if not found:
        raise Error(f"{path} has no design of {limits.told}")
    winners, why = [], choice.told(report)
    for design in found if choice.front else found[:top]:
        note = f"reward {design.design.reward:.4f} in its run, found by {report.found_by(design)}"
        note = f"{why}; {note}" if why else note
        file = ArchitectureFile(design.design.architecture, note=note)
        winners.append(Winner(file, output or path / DEFAULT_PARENT, str(path)))
    return winners


def _keeps(design: Architecture, limits: Limits, setting: Mapping[str, Any]) -> bool:
    if not limits.limited:
        return True
    spent = costs_within(design, setting["input_shape"], setting["num_classes"], limits)
    return all(spent[cost] <= limits.of(cost) for cost in limits.limited)


def _on_same_data(run: RunFolder, other: RunFolder) -> bool:
    """By content where both know it: the same data may have lain in two places."""
    same = same_content(run.summary.get(DATA_CONTENT), other.summary.get(DATA_CONTENT))
    where_it_lies = {"data_folder", *(("data",) if same else ())}
    compared = [name for name in DATA if name not in where_it_lies | {"space"}]
    ours, theirs = run.config.subject, other.config.subject
    return same is not False and all(getattr(ours, name) == getattr(theirs, name) for name in compared)


def _axes(run: RunFolder) -> int:
    """Of an example, as the run read its data."""
    return len(run.summary.get("setting", {}).get("input_shape", ()))


def _space_of(winners: Sequence[Winner]) -> str | None:
    """The built-in space whose reading of the data suits the files; None for the data's own."""
    for winner in winners:
        if takes_features(winner.architecture):
            continue
        shape = winner.file.input_shape
        if winner.architecture.of_texts:
            return SPACES[TEXT]
        space = winner.architecture.space if shape is None else _SPACE_OF_RANK.get(len(shape) - 1)
        if space in _SPACE_OF_RANK.values():
            return space
    return None
