"""What is to be retrained, and on which data: the winners of runs, and architecture files."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rl_designer.config import SearchConfig, make_config
from rl_designer.errors import Error, WrongUsage
from rl_designer.retraining.folder import DEFAULT_PARENT
from rl_designer.retraining.job import Winner
from rl_designer.retraining.settings import takes_features
from rl_designer.runs.architecture_files import ArchitectureFile, read_architecture
from rl_designer.runs.reading import RunReport, read_run
from rl_designer.setting import training_data

if TYPE_CHECKING:
    from rl_designer.envs.datasets import Dataset

DATA = ("data", "target", "data_folder", "image_size", "space")
_SPACE_OF_RANK = {1: "convnet1d", 2: "convnet"}


@dataclass(frozen=True)
class Sources:
    """What was named to be retrained.

    Attributes:
        config: of the data, which all of them share; None where only files were named.
    """

    winners: list[Winner]
    config: SearchConfig | None


def find_winners(
    sources: Sequence[Path],
    *,
    top: int = 1,
    max_parameters: int | None = None,
    output: Path | None = None,
    store: str | None = None,
    trust: bool = False,
) -> Sources:
    """The `top` best designs by reward of each run among `sources`, and the architecture files.

    Args:
        max_parameters: passes over a run's designs with more; None is without limit.
        output: where their folders are made; None for `retrained` in a run's folder, or here for a file.
        store: where the runs' store is now; None for where it was.
        trust: whether `load_data` may run code that copies from elsewhere name.

    Raises:
        WrongUsage: for runs on different data, and such copies without `trust`.
        ValueError: for a run that can't be read, has no design, or was on a table, and for a damaged file.
    """
    winners: list[Winner] = []
    configs: list[SearchConfig] = []
    ranks: list[int] = []
    for source in sources:
        if source.is_dir():
            report = _read(source, store)
            if not trust:
                report.folder.check_code("data", "space")
            winners += _winners_of(report, top, max_parameters, output)
            configs.append(report.folder.config)
            ranks.append(len(report.folder.summary.get("setting", {}).get("input_shape", ())))
        else:
            file = read_architecture(source)
            winners.append(Winner(file, output or Path(DEFAULT_PARENT), str(source)))
    for config in configs[1:]:
        if _data_of(config) != _data_of(configs[0]):
            raise WrongUsage("the runs are on different data; retrain those of one data set at a time")
    # Signals and images can be flattened for networks on features, but not the other way.
    return Sources(winners, configs[ranks.index(max(ranks))] if configs else None)


def load_data(sources: Sources, options: Mapping[str, Any]) -> "Dataset":
    """The data that runs were on, or that `options` name.

    Args:
        options: `data`, `target`, `data_folder`, `image_size`, `space`, as `SearchConfig` has them; None
            where not given. Runs bring theirs; only `data_folder` goes before it.

    Raises:
        WrongUsage: where they are missing, or contradict the runs.
        ValueError: for data that can't be used, or that isn't what the runs were on.
    """
    given = {name: options.get(name) for name in DATA if options.get(name) is not None}
    if sources.config is None:
        if "data" not in given:
            raise WrongUsage("an architecture file needs --data, the name or path of what to train on")
        given.setdefault("space", _space_of(sources.winners))
        return training_data(make_config(given).subject)[0]
    config = sources.config
    for name, value in given.items():
        if name != "data_folder" and value != getattr(config.subject, name):
            raise WrongUsage(
                f"the run brings its own data ({name} {getattr(config.subject, name)}); leave "
                f"--{name.replace('_', '-')} away"
            )
    return training_data(config.subject.changed(**given))[0]


def _read(path: Path, store: str | None) -> RunReport:
    report = read_run(path, store)
    if report.folder.config.subject.table is not None:
        raise Error(f"{path} searched on an architecture table; there is nothing to train on")
    if not report.winners:
        raise Error(f"{path} has no design that was trained yet; go on with: rl-designer resume {path}")
    return report


def _winners_of(report: RunReport, top: int, max_parameters: int | None, output: Path | None) -> list[Winner]:
    path = report.folder.path
    limit = math.inf if max_parameters is None else max_parameters
    found = [winner for winner in report.winners if (winner.design.evaluation.parameters or 0) <= limit]
    if not found:
        raise Error(f"{path} has no design of at most {max_parameters:,} parameters")
    winners = []
    for design in found[:top]:
        note = f"reward {design.design.reward:.4f} in its run, found by {report.found_by(design)}"
        file = ArchitectureFile(design.design.architecture, note=note)
        winners.append(Winner(file, output or path / DEFAULT_PARENT, str(path)))
    return winners


def _data_of(config: SearchConfig) -> dict[str, Any]:
    return {name: getattr(config.subject, name) for name in DATA if name not in ("data_folder", "space")}


def _space_of(winners: Sequence[Winner]) -> str | None:
    """The built-in space whose reading of the data suits the files; None for the data's own."""
    for winner in winners:
        if takes_features(winner.architecture):
            continue
        shape = winner.file.input_shape
        space = winner.architecture.space if shape is None else _SPACE_OF_RANK.get(len(shape) - 1)
        if space in _SPACE_OF_RANK.values():
            return space
    return None
