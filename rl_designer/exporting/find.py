"""What is exported: the winner of a run, an architecture file, or a retrained folder → `Subject`."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rl_designer.config import make_config
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.datasets.content import same_content
from rl_designer.envs.datasets.inputs import RawInputs
from rl_designer.envs.extensions import short_name
from rl_designer.envs.metrics import METRICS
from rl_designer.errors import Error, OverLimit, WrongUsage
from rl_designer.exporting.subject import Origin, Subject
from rl_designer.oversight.approval import check_approved, check_folder_approved, said_of
from rl_designer.retraining.folder import DEFAULT_PARENT, TRAINING, RetrainedFolder, load_retrained
from rl_designer.retraining.job import Winner, folder_of
from rl_designer.retraining.settings import FullSettings, Plan, shape_for, standardisation_for, takes_features
from rl_designer.retraining.sources import Sources, load_data
from rl_designer.runs.architecture_files import ARCHITECTURE, ArchitectureFile, read_architecture
from rl_designer.runs.choosing import BEST, Choice
from rl_designer.runs.folder import CONFIG
from rl_designer.runs.reading import RunReport, read_run
from rl_designer.runs.same_data import ChangedData, check_own, data_of_run
from rl_designer.setting import training_data
from rl_designer.store.store import StoredDesign
from rl_designer.text import command

if TYPE_CHECKING:
    from rl_designer.envs.datasets import Dataset

_EXAMPLES = 64  # real inputs that an export is checked on
_EMBEDDED = (
    "mnist1d",
    "names",
    "digits",
    "breast-cancer",
    "wine",
)  # data that are there wherever the package is


def find_subject(
    source: Path,
    data: Mapping[str, Any],
    *,
    seed: int | None = None,
    store: str | None = None,
    choice: Choice = BEST,
) -> Subject:
    """The network that is to be exported.

    Args:
        source: a run's folder (its best design, with weights where its `retrained` folder has them), an
            architecture file, or a folder that `retrain` wrote.
        data: `data`, `target` and the other settings of data, as `load_data` takes them.
        seed: the number of the full training whose weights are taken; None for the first there is.
        store: where a run's store is now; None for where it was.
        choice: which design of a run, in place of its best.

    Raises:
        OverLimit: for a network that nobody approved, where an organisation's limits ask for that.
        WrongUsage: where an architecture file doesn't say for which data it is, and `data` doesn't either.
        ValueError: for what can't be read, a run on a table, a run without a design, a training that isn't
            there, data that don't fit.
    """
    if (source / TRAINING).exists():
        choice.check_for_runs(source)
        return _retrained(source, seed, data, store)
    if source.is_dir() and ((source / CONFIG).exists() or not (source / ARCHITECTURE).exists()):
        return _of_run(source, seed, data, store, choice)
    choice.check_for_runs(source)
    if source.is_dir():
        return _of_file(source / ARCHITECTURE, seed, data)
    return _of_file(source, seed, data)


def _of_run(
    path: Path, seed: int | None, data: Mapping[str, Any], store: str | None, choice: Choice
) -> Subject:
    report = read_run(path, store)
    if no_data := report.folder.config.subject.no_data:
        raise Error(f"{path} searched on {no_data}; there is no network to export")
    if not report.winners:
        raise Error(f"{path} has no design that was trained yet; go on with: {command('resume', path)}")
    winner = choice.of(report)[0]
    architecture = winner.design.architecture
    origin = replace(_origin_of(report, winner), note=choice.told(report) or None)
    retrained = folder_of(
        Winner(ArchitectureFile(architecture), path / DEFAULT_PARENT, str(path)), Plan(FullSettings())
    )
    weights = retrained.weights(retrained.trained(seed)) if retrained.seeds() or seed is not None else None
    check_approved("export", report.folder, architecture.digest, weights)
    if weights is not None:
        return _with_weights(retrained.path, seed, _dataset_of(report, data), origin, report)
    setting = report.folder.summary.get("setting", {})
    try:
        shape, classes = tuple(map(int, setting["input_shape"])), int(setting["num_classes"])
    except (KeyError, TypeError) as error:
        raise Error(f"the run {path} doesn't say for which input it was: {error!r}") from error
    dataset = _dataset_of(report, data)
    return _untrained(architecture, shape, classes, origin, dataset, data=report.folder.summary.get("title"))


def _retrained(path: Path, seed: int | None, data: Mapping[str, Any], store: str | None) -> Subject:
    """Of a retrained folder; where it lies in the folder of the run that found it, with what that knows."""
    folder, parent = RetrainedFolder(path), path.absolute().parent.parent
    weights = folder.weights(folder.trained(seed))
    check_folder_approved("export", path, folder.architecture().digest, weights)
    if "data" in data:
        dataset = training_data(make_config(data).subject)[0]
        if not _trained_on(dataset, folder):
            raise Error(f"{path} was trained on other data than {dataset.name}; leave --data away")
        return _with_weights(path, seed, dataset, None)
    digest, reports = folder.architecture().digest, []
    if (parent / CONFIG).is_file():
        with suppress(ValueError):  # a run that was moved without its store
            reports = [read_run(parent, store)]
    for report in reports:
        for winner in report.winners:
            if winner.design.architecture.digest == digest:
                origin = _origin_of(report, winner)
                return _with_weights(path, seed, _dataset_of(report, data), origin, report)
    return _with_weights(path, seed, _named(path), None)


def _with_weights(
    path: Path,
    seed: int | None,
    dataset: "Dataset | None",
    origin: Origin | None,
    report: RunReport | None = None,
) -> Subject:
    folder = RetrainedFolder(path)
    chosen = folder.trained(seed)
    read, training = load_retrained(path, chosen), folder.training()
    file = read_architecture(path / ARCHITECTURE)
    if dataset is not None and not _trained_on(dataset, folder):
        dataset = None  # other data than the weights were trained on
    known = _known(read.architecture, dataset)
    known |= {"class_names": read.class_names or None, "data": training.data.name}
    known |= {"target_scale": read.target_scale, "inputs": read.inputs or known.get("inputs")}
    if read.standardisation is not None:
        known["standardisation"] = read.standardisation
    return Subject(
        read.architecture,
        read.network,
        read.input_shape,
        len(read.class_names) or 1,
        origin or Origin(str(path), note=file.note or file.source),
        name=file.name,
        retrained_seed=chosen,
        results=read.results,
        settings=training.settings,
        metric=_metric_of(read.results or {}, report),
        **known,
    )


def _metric_of(results: Mapping[str, Any], report: RunReport | None) -> str | None:
    """By which trainings were judged; None for the usual one, where that was code that isn't at hand or isn't
    to be run.
    """
    name = results.get("metric")
    if name in METRICS or report is None or report.folder.foreign_code("metric"):
        return name if name in METRICS else None
    searched = report.folder.config.training.metric
    return searched if searched is not None and short_name(searched) == name else None


def _of_file(path: Path, seed: int | None, data: Mapping[str, Any]) -> Subject:
    if seed is not None:
        raise WrongUsage(f"--weights-of chooses among retrained weights, and {path} has none")
    file = read_architecture(path)
    check_folder_approved("export", path, file.architecture.digest)
    origin = Origin(str(path), note=file.note or file.source)
    dataset = None
    if file.input_shape is None or file.num_classes is None or "data" in data:
        if "data" not in data:
            raise WrongUsage(
                f"{path} doesn't say for which input and classes it is; name the data with --data"
            )
        dataset = load_data(Sources([Winner(file, Path(), str(path))]), data)
    if dataset is None:
        assert file.input_shape is not None and file.num_classes is not None  # looked at above
        shape, classes = file.input_shape, file.num_classes
    else:
        shape, classes = dataset.input_shape, dataset.num_classes
        _check_same_data(path, file, shape_for(file.architecture, shape), classes)
    return _untrained(file.architecture, shape, classes, origin, dataset, name=file.name)


def _check_same_data(path: Path, file: ArchitectureFile, shape: tuple[int, ...], classes: int) -> None:
    pairs = (("inputs of shape", file.input_shape, shape), ("classes:", file.num_classes, classes))
    for what, said, found in pairs:
        if said is not None and said != found:
            raise Error(f"{path} is for {what} {said}, the data have {found}")


def _untrained(
    architecture: Architecture,
    shape: tuple[int, ...],
    classes: int,
    origin: Origin,
    dataset: "Dataset | None",
    *,
    name: str | None = None,
    data: str | None = None,
) -> Subject:
    from rl_designer.envs.networks.network import build_network

    shape = shape_for(architecture, shape)
    return Subject(
        architecture,
        build_network(architecture, shape, classes).eval(),
        shape,
        classes,
        origin,
        name=name,
        **{"data": data, **_known(architecture, dataset)},
    )


def _origin_of(report: RunReport, winner: StoredDesign) -> Origin:
    design, config = winner.design, report.folder.config
    objective, score = report.objective, design.evaluation.score
    return Origin(
        str(report.folder.path),
        agent=report.found_by(winner),
        seed=config.seed,
        evaluations=len(report.designs),
        seconds=report.folder.summary.get("seconds"),
        found_at=report.position(winner),
        reward=design.reward,
        verdict=report.folder.summary.get("verdict"),
        config=config.given(),
        val_figure=None if score is None else (objective.metric, objective.value_of(score)),
        about=tuple(map(str, report.about)),
        approval=said_of(report.folder, design.architecture.digest),
    )


def _dataset_of(report: RunReport, data: Mapping[str, Any]) -> "Dataset | None":
    """The data of a run, where they are at hand: an export needs only examples of them.

    Raises:
        ChangedData: where they are there, but not what they were.
        WrongUsage: where `data` contradicts the run.
        ValueError, OSError: where `data` says where they lie, and they don't.
    """
    check_own(report.folder, data)
    if report.folder.foreign_code("space", *(() if "data" in data else ("data",))):
        return None
    try:
        return data_of_run(report.folder, data)
    except (ValueError, OSError, ImportError) as error:
        if "data" in data or isinstance(error, ChangedData | OverLimit):
            raise
        return None


def _trained_on(dataset: "Dataset", folder: RetrainedFolder) -> bool:
    known = folder.training().data
    return dataset.digest == known.digest and same_content(dataset.content, known.content) is not False


def _named(path: Path) -> "Dataset | None":
    """The data that a retrained folder names, where they come with the package."""
    from rl_designer.envs.datasets import load_dataset

    training = RetrainedFolder(path).training()
    try:
        return load_dataset(training.data.name) if training.data.name in _EMBEDDED else None
    except (ValueError, OSError):
        return None


def _known(architecture: Architecture, dataset: "Dataset | None") -> dict[str, Any]:
    """What a subject has of its data, where they are at hand."""
    if dataset is None:
        return {}
    examples = dataset.x_val[:_EXAMPLES]
    return {
        "class_names": dataset.class_names or None,
        "data": dataset.name,
        "split": (len(dataset.y_train), len(dataset.y_val)),
        "standardisation": standardisation_for(architecture, dataset),
        "inputs": RawInputs.of(dataset),
        "target_scale": dataset.target_scale,
        "dataset": dataset,
        "examples": examples.reshape(len(examples), -1) if takes_features(architecture) else examples,
    }
