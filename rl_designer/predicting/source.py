"""Which network is used: the best retrained one of a run, a retrained folder's, or an exported folder's."""

from pathlib import Path

from rl_designer.errors import Error, WrongUsage
from rl_designer.exporting.description import DESCRIPTION, WEIGHTS, load_exported
from rl_designer.oversight.approval import check_approved, check_folder_approved
from rl_designer.retraining.folder import DEFAULT_PARENT, TRAINING, RetrainedFolder, load_retrained
from rl_designer.retraining.job import Winner, folder_of
from rl_designer.retraining.retrained import Retrained
from rl_designer.retraining.settings import FullSettings, Plan
from rl_designer.runs.architecture_files import ArchitectureFile
from rl_designer.runs.choosing import BEST, Choice
from rl_designer.runs.folder import CONFIG
from rl_designer.runs.reading import read_run
from rl_designer.text import command


def find_network(
    path: Path, seed: int | None = None, store: str | None = None, choice: Choice = BEST
) -> tuple[Retrained, list[str]]:
    """A trained network, and what is said of the choice.

    Args:
        path: a run's folder, one that `retrain` wrote, or one that `export` wrote as `python`; nothing in it
            is run.
        seed: the number of the full training whose weights are taken; None for the first there is.
        store: where a run's store is now; None for where it was.
        choice: which design of a run, in place of the best that was trained in full.

    Raises:
        OverLimit: for a network that nobody approved, where an organisation's limits ask for that.
        WrongUsage: for `seed` of an exported network, which has one.
        ValueError: for a folder that is none of them, and where nothing was trained in full.
    """
    if (path / TRAINING).exists() or (path / DESCRIPTION).exists():
        choice.check_for_runs(path)
    if (path / TRAINING).exists():
        retrained = RetrainedFolder(path)
        weights = retrained.weights(retrained.trained(seed))
        check_folder_approved("predict", path, retrained.architecture().digest, weights)
        return _retrained(retrained, seed), []
    if (path / DESCRIPTION).exists():
        if seed is not None:
            raise WrongUsage(f"--weights-of chooses among retrained weights, and {path} is exported")
        exported, weights = load_exported(path), path / WEIGHTS
        digest = exported.architecture.digest
        check_folder_approved("predict", path, digest, weights if weights.is_file() else None)
        return exported, []
    if not (path / CONFIG).exists():
        raise Error(
            f"{path} holds no run, no retrained network (no {TRAINING}) and no exported one (no "
            f"{DESCRIPTION}, which the format `python` writes)"
        )
    return _of_run(path, seed, store, choice)


def _of_run(path: Path, seed: int | None, store: str | None, choice: Choice) -> tuple[Retrained, list[str]]:
    plan, report = Plan(FullSettings()), read_run(path, store)
    designs = choice.of(report)
    for place, design in enumerate(designs[:1] if choice.is_made else designs, start=1):
        file = ArchitectureFile(design.design.architecture)
        folder = folder_of(Winner(file, path / DEFAULT_PARENT, str(path)), plan)
        if folder.seeds():
            weights = folder.weights(folder.trained(seed))
            check_approved("predict", report.folder, file.architecture.digest, weights)
            note = f"the best design of {path} was not trained in full; this is number {place} by its reward"
            told = [note] if place > 1 else [choice.told(report)] if choice.is_made else []
            return _retrained(folder, seed), told
    if choice.is_made and designs:
        which = choice.told(report)
        raise Error(f"{which}, wasn't trained in full; do so with: {command('retrain', path, *choice.typed)}")
    raise Error(f"no design of {path} was trained in full; train the best with: {command('retrain', path)}")


def _retrained(folder: RetrainedFolder, seed: int | None) -> Retrained:
    return load_retrained(folder.path, folder.trained(seed))
