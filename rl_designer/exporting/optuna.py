"""`export --to-optuna`: a run as an Optuna study, so that Optuna's plots and its dashboard open on it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

from rl_designer.agents.optuna_sampler import installed_optuna, quiet
from rl_designer.envs.architecture import MACRO, TRAINING, Architecture
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.cell_layers import operation_of
from rl_designer.envs.search_spaces.cell_space import CellSpace
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.search_spaces.trained_space import TrainedSpace
from rl_designer.errors import Error, WrongUsage
from rl_designer.runs.folder import CONFIG
from rl_designer.runs.reading import RunReport
from rl_designer.spaces import space_of
from rl_designer.store.store import StoredDesign
from rl_designer.text import printable

_RUN = "rl-designer run"
_KEY = "rl-designer key"
_NONE = "none"
_MOST_ROWS = 10_000  # epochs of one trial


@dataclass(frozen=True)
class WrittenStudy:
    """A study, its storage's URL without a password, how many trials it has of the run, and how many of
    them this call added.
    """

    name: str
    url: str
    trials: int
    added: int


def export_to_optuna(report: RunReport, url: str) -> WrittenStudy:
    """Writes a run's designs as the trials of a study; those that are there already stay, so that a second
    call adds what the run has found since.

    A trial's value is the reward (the validation accuracy where rewards depend on the run's history). A
    design that failed is a trial of the state FAIL, one that was stopped early PRUNED.

    Parameters are the settings that a design says of its training, `training optimizer` …, and those of its
    network: the decisions of a table; of a space of layers `layers` (how many), `layer 1`, `layer 2`, …
    (each one's kind, or `none` behind the end), and their options, such as `layer 1 width`. User attributes
    are `digest`, `design`, `found by`, `parameters`, `macs`, `reward`, `val_accuracy`, `val_score` (of the
    search's metric), and `failure` or `stopped_at` where there is one; intermediate values the score after
    each epoch.

    Args:
        url: of Optuna's storage, as SQLAlchemy spells it, or the path of an SQLite file, made if need be.

    Raises:
        ValueError: where Optuna isn't installed, the storage can't be used, the study belongs to another run,
            or the run's space can't be made any more.
    """
    optuna = installed_optuna("--to-optuna")
    space = space_of(report.folder.summary.get("setting", {}))
    distributions = _distributions(optuna, space)
    with quiet(optuna), _one_line(url):
        storage = optuna.storages.RDBStorage(_url(url))
        study = _study(optuna, storage, report)
        known = {trial.user_attrs.get(_KEY) for trial in study.get_trials(deepcopy=False)}
        missing = [d for d in report.designs if _key(d) not in known]
        for found in missing:
            study.add_trial(_trial(optuna, found, report, distributions))
    return WrittenStudy(study.study_name, _shown(_url(url)), len(report.designs), len(missing))


def study_name(report: RunReport) -> str:
    """The folder's name with the run's id behind it, so that two runs never share a study."""
    return f"{printable(report.folder.path.absolute().name)}-{report.folder.id[:8]}"


def _study(optuna: ModuleType, storage: Any, report: RunReport) -> Any:
    study = optuna.create_study(
        storage=storage, study_name=study_name(report), direction="maximize", load_if_exists=True
    )
    owner = study.user_attrs.get(_RUN)
    if owner not in (None, report.folder.id):
        raise Error(f"the study {study.study_name!r} belongs to another run, {owner!r}")
    if owner is None:
        facts = {"agent": report.folder.config.agent, "on": str(report.folder.summary.get("title", ""))}
        study.set_metric_names([report.best_by])
        for name, value in {**facts, _RUN: report.folder.id}.items():
            study.set_user_attr(name, printable(value))
    return study


def _key(found: StoredDesign) -> str:
    return f"{found.source}-{found.design.index}-{found.design.architecture.digest}"


def _trial(
    optuna: ModuleType, found: StoredDesign, report: RunReport, distributions: Mapping[str, Any]
) -> Any:
    evaluation, architecture = found.design.evaluation, found.design.architecture
    parameters = _parameters(architecture, distributions)
    failed, stopped = evaluation.failure is not None, evaluation.stopped_at is not None
    attributes = {
        _KEY: _key(found),
        "digest": architecture.digest,
        "design": printable(architecture),
        "found by": report.found_by(found),
        "parameters": evaluation.parameters,
        "macs": evaluation.macs,
        "reward": found.design.reward,
        "val_accuracy": evaluation.val_accuracy,
        "val_score": evaluation.score,
        "stopped_at": evaluation.stopped_at,
        "failure": None if evaluation.failure is None else printable(evaluation.failure),
    }
    value = found.design.reward if report.best_by == "reward" else evaluation.score
    started, ended = _times(found, report)
    states = optuna.trial.TrialState
    return optuna.trial.FrozenTrial(
        number=-1,  # the storage counts
        trial_id=-1,
        state=states.FAIL if failed else states.PRUNED if stopped else states.COMPLETE,
        value=None if failed else value,
        datetime_start=started,
        datetime_complete=ended,
        params=parameters,
        distributions={name: distributions[name] for name in parameters},
        user_attrs={name: told for name, told in attributes.items() if told is not None},
        system_attrs={},
        intermediate_values=dict(enumerate(evaluation.learning_curve[:_MOST_ROWS], start=1)),
    )


def _times(found: StoredDesign, report: RunReport) -> tuple[datetime, datetime]:
    """When its training began and ended, counted from the moment that the run's folder was made."""
    made = datetime.fromtimestamp((report.folder.path / CONFIG).stat().st_mtime)
    ended = made + timedelta(seconds=found.seconds)
    took = found.design.evaluation.training_seconds or 0.0
    return max(made, ended - timedelta(seconds=took)), ended


def _parameters(architecture: Architecture, distributions: Mapping[str, Any]) -> dict[str, Any]:
    layers = architecture.network
    trained = {f"{TRAINING} {name}": value for name, value in architecture.training.items()}
    if architecture.is_cell:
        macro = {f"{MACRO} {name}": value for name, value in layers[0].options}
        return trained | macro | {f"edge {layer['edge']}": str(operation_of(layer)) for layer in layers[1:]}
    if "layers" not in distributions:
        return {layer.kind: str(layer["option"]) for layer in layers}
    parameters: dict[str, Any] = {**trained, "layers": len(layers)}
    for place in range(1, sum(_is_kind(name) for name in distributions) + 1):
        if place > len(layers):
            parameters[f"layer {place}"] = _NONE
            continue
        layer = layers[place - 1]
        parameters[f"layer {place}"] = layer.kind
        parameters |= {f"layer {place} {option}": value for option, value in layer.options}
    return parameters


def _distributions(optuna: ModuleType, space: SearchSpace) -> dict[str, Any]:
    """All parameters that a design of the space can have. They are the space's and not the found designs',
    since a study's parameters must not change when more designs come.
    """
    categorical = optuna.distributions.CategoricalDistribution
    if isinstance(space, TrainedSpace):
        trained = {f"{TRAINING} {name}": categorical(values) for name, values in space.definition.training}
        return trained | _distributions(optuna, space.networks)
    if isinstance(space, TableSpace):
        return {name: categorical([str(o) for o in options]) for name, options in space.table.decisions}
    if isinstance(space, CellSpace):
        macro = {f"{MACRO} {name}": categorical(list(values)) for name, values in space.definition.macro}
        return macro | {name: categorical(list(options)) for name, options in space.decisions}
    layers = [layer for action in range(space.num_actions) if (layer := space.layer(0, action)) is not None]
    kinds = list(dict.fromkeys(layer.kind for layer in layers))
    options: dict[str, dict[Any, None]] = {}
    for layer in layers:
        for name, value in layer.options:
            options.setdefault(name, {})[value] = None
    most = space.max_steps - 1  # the last action is `stop`
    found: dict[str, Any] = {"layers": optuna.distributions.IntDistribution(0, most)}
    for place in range(1, most + 1):
        found[f"layer {place}"] = categorical([*kinds, _NONE])
        found |= {f"layer {place} {name}": categorical(_ordered(values)) for name, values in options.items()}
    return found


def _is_kind(name: str) -> bool:
    return name.startswith("layer ") and name.removeprefix("layer ").isdigit()


def _ordered(values: Mapping[Any, None]) -> list[Any]:
    numbers = all(isinstance(value, int | float) for value in values)
    return sorted(values) if numbers else list(values)


def _url(text: str) -> str:
    """A storage's URL. Raises WrongUsage for a text that is none."""
    import sqlalchemy as sql

    url = text if "://" in text else f"sqlite:///{text}"
    try:
        sql.make_url(url)
    except (sql.exc.ArgumentError, ValueError) as error:
        raise WrongUsage(f"--to-optuna {_shown(text)!r} is no URL of a database") from error
    return url


@contextmanager
def _one_line(url: str) -> Iterator[None]:
    """What SQLAlchemy and Optuna say of a storage, in one line and without its password."""
    import sqlalchemy as sql
    from optuna.exceptions import OptunaError

    try:
        yield
    except (sql.exc.ArgumentError, ImportError) as error:
        raise WrongUsage(f"--to-optuna {_shown(url)!r} can't be used: {_first(error)}") from error
    except (sql.exc.SQLAlchemyError, OptunaError) as error:
        cause = getattr(error, "orig", None) or error.__cause__ or error
        raise Error(f"the Optuna storage {_shown(url)!r} can't be used: {_first(cause)}") from error


def _first(error: BaseException) -> str:
    return printable(str(error).strip().partition("\n")[0] or type(error).__name__)


def _shown(url: str) -> str:
    import sqlalchemy as sql

    try:
        return sql.make_url(url).render_as_string() if "://" in url else url
    except (sql.exc.ArgumentError, ValueError):
        return url.partition("://")[0] + "://…"
