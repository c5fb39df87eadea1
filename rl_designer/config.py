"""`SearchConfig`: everything that says what a search is, from options and from a TOML file, and back."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from rl_designer.envs.extensions import names_code, short_name, with_whole_path
from rl_designer.envs.files.untrusted import MEBIBYTE, bounded_bytes, toml_of
from rl_designer.envs.names import unknown_name
from rl_designer.envs.problem import DEFAULT_FAILURE_REWARD
from rl_designer.envs.training.settings import TrainingSettings
from rl_designer.errors import WrongUsage
from rl_designer.quantities import parse_bytes, parse_count, parse_seconds

DEFAULT_DATA = "mnist1d"
DEFAULT_EVALUATIONS = 64
DEFAULT_CONTROL_SHARE = 0.25
DEFAULT_EPOCHS = TrainingSettings().epochs
DEFAULT_FIDELITY = "quarters"
DEFAULT_ENGINE = "local"
MOST_CONTROL_SHARE = 0.9
LARGEST_SEED = 2**32 - 1

HIDDEN = "***"
_URL_PASSWORD = re.compile(r"(?<=:)[^:@/]+(?=@)")

Count = Annotated[int, BeforeValidator(parse_count)]
Bytes = Annotated[int, BeforeValidator(parse_bytes)]
Seconds = Annotated[float, BeforeValidator(parse_seconds)]
Name = Annotated[str, Field(min_length=1, max_length=4_096)]


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"names {name} twice; once is enough")
    return names


Names = Annotated[
    tuple[Name, ...],
    BeforeValidator(lambda given: tuple(given) if isinstance(given, list) else given),
    AfterValidator(_distinct),
]

_MAY_BE_CODE = ("data", "space", "agent", "reward")

# What a search on an architecture table has no use for, since nothing is loaded and nothing is trained.
_TRAINING_ONLY = (
    "data",
    "target",
    "data_folder",
    "image_size",
    "space",
    "examples",
    "epochs",
    "fidelity",
    "augment",
    "precision",
    "optimizer",
    "workers",
    "engine",
    "ray_address",
    "gpus_per_candidate",
    "device",
    "candidate_time_limit",
    "candidate_memory_limit",
)


# Beside `engine`: options of one engine, which no other has a use for.
_OF_RAY = ("ray_address", "gpus_per_candidate")


class SearchConfig(BaseModel):
    """What a search is. Two runs of one config propose the same designs and end with the same policy.

    A search is on data (`data`, `space`, `epochs` …) or on an architecture table (`table`, `task`).

    Attributes:
        data: name or path of a data set; `mnist1d` where neither it nor `table` is given.
        target, data_folder, image_size: as `load_dataset` takes them.
        table, task: name of an embedded architecture table or path of one, and the task on it.
        space: name of a search space or path of a TOML file; None takes the one made for the input.
        evaluations: distinct architectures that may be evaluated, the control's included; 64 where there
            is no `time_limit` either.
        time_limit: seconds for the whole search.
        candidate_time_limit: seconds for the training of one architecture.
        candidate_memory_limit: bytes for the process that trains it; None for half of the machine's memory.
        examples: of the training part that candidates are trained on; None for all.
        epochs: of each training.
        fidelity: which trainings are stopped early, a name of `FIDELITIES`, `full` for none; None for
            `quarters`, or `full` where the reward needs whole trainings.
        augment: name of an augmentation of the training data; None for none.
        precision: of the trainings' products, `float32` or `bfloat16`; None for `float32`.
        optimizer: of the trainings, `adamw` or `muon`; None for `adamw`.
        workers: processes that train at the same time; None for one a core, on a
            GPU at most 8. Doesn't change any result.
        engine: where they run, a name of `ENGINES`; None for `local`. Doesn't change any result either.
        ray_address, gpus_per_candidate: as `RayEngine` takes them.
        device: `auto`, `cpu`, `cuda` …
        control_share: part of the budget that is spent on random designs, 0–0.9; 0 for no control.
        sources: run folders, whose policies and reward models the agent starts with (`--from`).
        failure_reward: paid for a design that failed.
        store: path or SQLAlchemy URL of the store; None for `store.sqlite` beside the run folder.
        tensorboard: whether scalars are written.
        energy: the country, three letters of ISO 3166, whose power the search's energy is estimated for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    data: Name | None = None
    target: Name | None = None
    data_folder: Name | None = None
    image_size: Count | None = None
    table: Name | None = None
    task: Name | None = None
    space: Name | None = None
    agent: Name = "ppo"
    sources: Names = ()
    evaluations: Count | None = None
    time_limit: Seconds | None = None
    reward: Name = "accuracy"
    max_parameters: Count | None = None
    max_macs: Count | None = None
    examples: Count | None = None
    epochs: Count | None = None
    fidelity: Literal["full", "quarters", "halving"] | None = None
    augment: Name | None = None
    precision: Literal["float32", "bfloat16"] | None = None
    optimizer: Literal["adamw", "muon"] | None = None
    workers: Count | None = None
    engine: Literal["local", "ray"] | None = None
    ray_address: Name | None = None
    gpus_per_candidate: float | None = Field(default=None, ge=0, le=1)
    device: Name | None = None
    candidate_time_limit: Seconds | None = None
    candidate_memory_limit: Bytes | None = None
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED)
    control_share: float = Field(default=DEFAULT_CONTROL_SHARE, ge=0, le=MOST_CONTROL_SHARE)
    failure_reward: float = Field(default=DEFAULT_FAILURE_REWARD, allow_inf_nan=False)
    store: Name | None = None
    tensorboard: bool = True
    energy: Name | None = None

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        given = {name: value for name, value in given.items() if value is not None}
        _check_together(given)
        defaults: dict[str, Any] = {}
        if "evaluations" not in given and "time_limit" not in given:
            defaults["evaluations"] = DEFAULT_EVALUATIONS
        if "table" not in given:
            defaults |= {"data": DEFAULT_DATA, "epochs": DEFAULT_EPOCHS, "device": "auto"}
        return defaults | given

    @property
    def agent_name(self) -> str:
        """The agent without its options: `ppo` of `ppo:…`, `Mine` of `file.py:Mine:…`."""
        return short_name(self.agent)

    def to_toml(self) -> str:
        """The config as TOML; `read_settings` and `make_config` read it back to an equal one."""
        import tomli_w

        settings = self.model_dump(exclude_none=True)
        return tomli_w.dumps({name: value for name, value in settings.items() if value != ()})

    def to_keep(self) -> Self:
        """What a run folder keeps: paths that hold in every working directory, no password of the store."""
        from rl_designer.envs.datasets import DATASETS
        from rl_designer.envs.search_spaces.registry import SPACES
        from rl_designer.envs.tables.catalogue import TABLES

        paths: dict[str, Any] = {
            "sources": tuple(str(Path(source).absolute()) for source in self.sources),
            "data_folder": _absolute(self.data_folder),
            "table": self.table if self.table in TABLES else _absolute(self.table),
            "data": self.data if self.data in DATASETS else _absolute_if_there(self.data),
            "space": self.space if self.space in SPACES else _absolute_if_there(self.space),
            "store": _kept_location(self.store),
        }
        paths |= {name: with_whole_path(text) for name, text in code_named(self.model_dump()).items()}
        return self.model_copy(update=paths)


def code_named(settings: Mapping[str, Any]) -> dict[str, str]:
    """The settings that name code in a file, which would be run with the user's rights."""
    return {name: settings[name] for name in _MAY_BE_CODE if names_code(settings.get(name))}


def read_settings(path: str | Path) -> dict[str, Any]:
    """What a TOML file sets, not yet checked. Raises WrongUsage where it can't be read or is no TOML."""
    try:
        return toml_of(bounded_bytes(Path(path), MEBIBYTE, regular=False))
    except OSError as error:
        raise WrongUsage(f"can't read the config file {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise WrongUsage(f"the config file {path} is no TOML: {error}") from error


def make_config(
    options: Mapping[str, Any], file: Mapping[str, Any] | None = None, name: str = "config"
) -> SearchConfig:
    """A config from options (None means not given), over the settings of a file called `name`.

    Raises:
        WrongUsage: for unknown settings, values out of range, settings that exclude each other.
    """
    given = {option: value for option, value in options.items() if value is not None}
    file = file or {}
    for key in file:
        if key not in SearchConfig.model_fields:
            raise WrongUsage(f"{name}: {unknown_name('setting', key, SearchConfig.model_fields)}")
    try:
        return SearchConfig.model_validate({**file, **given})
    except ValidationError as error:
        raise WrongUsage(_one_line(error, given, name)) from error


def on_engine(config: SearchConfig, options: Mapping[str, Any]) -> SearchConfig:
    """The same search with its trainings elsewhere.

    Args:
        options: `engine` and options of engines; None means not given. Where an engine is named, options of
            the former one don't stay.

    Raises:
        WrongUsage: for options that don't fit.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if not given:
        return config
    former = {"engine", *_OF_RAY} if "engine" in given else set(given)
    return make_config(given, config.model_dump(exclude_none=True, exclude=former))


def _check_together(given: Mapping[str, Any]) -> None:
    """Raises ValueError for settings that make no sense together."""
    if "table" in given:
        for name in _TRAINING_ONLY:
            if name in given:
                raise ValueError(
                    f"--table and {_option(name)} exclude each other: nothing is trained on a table"
                )
    elif "task" in given:
        raise ValueError("--task needs --table, which it is a task of")
    for name in _OF_RAY:
        if name in given and given.get("engine") != "ray":
            raise ValueError(f"{_option(name)} needs --engine ray, which it is an option of")
    if "target" in given and "data" not in given:
        raise ValueError("--target needs --data, a path of your own file")


def _one_line(error: ValidationError, options: Mapping[str, Any], name: str) -> str:
    first = error.errors(include_url=False)[0]
    cause = first.get("ctx", {}).get("error")
    reason = str(cause) if cause else first["msg"]
    if not first["loc"]:
        return reason
    key = str(first["loc"][0])
    where = _option(key) if key in options else f"{name}: `{key}`"
    if cause:
        return f"{where} {reason}"
    reason = reason.replace("Input should be", "must be").replace("String should have", "must have")
    return f"{where} {reason}, got {str(first['input'])[:60]!r}"


def _option(name: str) -> str:
    return "--from" if name == "sources" else f"--{name.replace('_', '-')}"


def _kept_location(store: str | None) -> str | None:
    return _URL_PASSWORD.sub(HIDDEN, store) if store is not None and "://" in store else _absolute(store)


def _absolute(path: str | None) -> str | None:
    return None if path is None else str(Path(path).absolute())


def _absolute_if_there(name: str | None) -> str | None:
    return _absolute(name) if name is not None and Path(name).exists() else name
