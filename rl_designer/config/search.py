"""`SearchConfig`: everything that says what a search is, from options and from a TOML file, and back."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal, Self

import tomli_w
from pydantic import model_validator

from rl_designer.declared import Bytes, Count, Name, Names, Seconds, Settings, about, option_name, setting
from rl_designer.envs.evaluation import DEFAULT_FAILURE_REWARD
from rl_designer.envs.extensions import names_code, short_name, with_whole_path
from rl_designer.envs.training.settings import TrainingSettings
from rl_designer.errors import Error

DEFAULT_DATA = "mnist1d"
DEFAULT_EVALUATIONS = 64
DEFAULT_EPOCHS = TrainingSettings().epochs
DEFAULT_FIDELITY = "quarters"
DEFAULT_ENGINE = "local"
LARGEST_SEED = 2**32 - 1

HIDDEN = "***"
_URL_PASSWORD = re.compile(r"(?<=:)[^:@/]+(?=@)")


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


def _kept_name(name: str, known: Collection[str]) -> str:
    return _absolute(name) if name not in known and Path(name).exists() else with_whole_path(name)


# The registries are loaded late, for the sake of `--help`.
def _kept_data(name: str) -> str:
    from rl_designer.envs.datasets import DATASETS
    from rl_designer.envs.datasets.readers.series import parts_beside

    if name not in DATASETS and not Path(name).exists() and parts_beside(Path(name)):
        return _absolute(name)  # what the names of two files have in common
    return _kept_name(name, DATASETS)


def _kept_space(name: str) -> str:
    from rl_designer.envs.search_spaces.registry import SPACES

    return _kept_name(name, SPACES)


def _kept_table(name: str) -> str:
    from rl_designer.envs.tables.catalogue import TABLES

    return name if name in TABLES else _absolute(name)


def _kept_store(store: str) -> str:
    return _URL_PASSWORD.sub(HIDDEN, store) if "://" in store else _absolute(store)


def _kept_experience(name: str) -> str:
    return name if name in ("shipped", "none") else _absolute(name)


class Subject(Settings):
    """What is searched on, data or an architecture table, and the limits of every design."""

    data: Name | None = setting(
        "Data set: a name (see `list datasets`), an .npz, .csv, .tsv, .ts, .parquet, a folder of images by "
        "class, or your own file.py:function.",
        "NAME|PATH",
        shown=DEFAULT_DATA,
        for_training=True,
        by_content=True,
        may_be_code=True,
        kept=_kept_data,
    )
    target: Name | None = setting(
        "Column to predict, of your own table of rows.", "COLUMN", needs="data", for_training=True
    )
    predicts: Literal["class", "number"] | None = setting(
        "What the target is.",
        shown="by the target: fractions, and many different whole numbers, are a number",
        for_training=True,
    )
    drop: Names = setting(
        "Column to leave out, of your own table of rows; again for more.",
        "COLUMN",
        default=(),
        needs="data",
        for_training=True,
    )
    categorical: Names = setting(
        "Column that holds categories, though they look like numbers or dates; again for more.",
        "COLUMN",
        default=(),
        needs="data",
        for_training=True,
    )
    group: Name | None = setting(
        "Column whose rows of one value, such as a patient's, stay on one side of each split; no feature.",
        "COLUMN",
        needs="data",
        for_training=True,
    )
    decimal: Literal["point", "comma"] | None = setting(
        "What stands before decimals in your own table, where 1,080 has two readings.",
        shown="asked where it matters",
        needs="data",
        for_training=True,
    )
    missing_target: Literal["refuse", "drop"] | None = setting(
        "What becomes of rows whose target is empty.", shown="refuse", needs="data", for_training=True
    )
    data_folder: Name | None = setting(
        "Where the original files of a published data set lie.",
        "FOLDER",
        for_training=True,
        by_content=True,
        kept=_absolute,
    )
    image_size: Count | None = setting(
        "Side in pixels that your own images are brought to.", for_training=True
    )
    table: Name | None = setting(
        "Search on an architecture table instead of data.",
        "NAME|FILE",
        by_content=True,
        kept=_kept_table,
    )
    task: Name | None = setting(
        "Task on the table; may be left out where there is one.", "NAME", needs="table"
    )
    space: Name | None = setting(
        "Search space (see `list spaces`), or your own, a .toml or file.py:function.",
        "NAME|FILE.toml",
        shown="by the data's shape",
        for_training=True,
        by_content=True,
        may_be_code=True,
        kept=_kept_space,
    )
    max_parameters: Count | None = setting("Limit for every design, such as 20k or 1.5M.")
    max_macs: Count | None = setting("Limit on multiply-adds of one example.")

    @classmethod
    def of_data(cls) -> tuple[str, ...]:
        """The settings that say which data these are and how to read them."""
        return tuple(name for name, field in cls.model_fields.items() if about(field).for_training)

    @property
    def reading(self) -> dict[str, Any]:
        """What `load_dataset` takes beside the data's name and kind."""
        return {name: getattr(self, name) for name in self.of_data() if name not in ("data", "space")}

    @property
    def name(self) -> str:
        """Of the data or the table, as it was given."""
        return self.table or self.data or ""

    @property
    def limits(self) -> dict[str, int | None]:
        """`max_parameters` and `max_macs`, as spaces and rewards take them."""
        return {"max_parameters": self.max_parameters, "max_macs": self.max_macs}

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        return dict(given) if "table" in given else {"data": DEFAULT_DATA, **given}


class Recipe(Settings):
    """How a network is trained; None is for the default."""

    epochs: Count | None = setting("Epochs of each training.", shown=str(DEFAULT_EPOCHS))
    augment: Name | None = setting(
        "Vary the training data: shift, or flip-shift or flip-shift-erase for images.", "NAME", shown="no"
    )
    precision: Literal["float32", "bfloat16"] | None = setting(
        "Of the trainings' products; bfloat16 is faster on GPUs, and on CPUs with AVX-512 BF16 or AMX.",
        shown="float32",
    )
    optimizer: Literal["adamw", "muon"] | None = setting(
        "Of the trainings; muon is slower and often better.", shown="adamw"
    )
    class_weights: Literal["none", "balanced"] | None = setting(
        "Of the classes in the loss; balanced lets rare ones weigh as much as others.", shown="none"
    )


class Training(Recipe):
    """How the designs are trained; on a table nothing is."""

    metric: Name | None = setting(
        "What is good: accuracy, balanced-accuracy, f1-macro, auroc, log-loss; r2, rmse, mae of a number; or "
        "your own file.py:function of (outputs, y).",
        "NAME|FILE.py:FUNCTION",
        shown="accuracy, or r2 where a number is predicted",
        may_be_code=True,
        kept=with_whole_path,
    )
    folds: Count | None = setting(
        "Parts of the examples, at most 5, of which each in turn is validated on; the worse designs stop "
        "after some of them.",
        shown="5 where fewer than 200 examples would be validated on, else 1",
    )
    examples: Count | None = setting("Train the designs on so many of the training examples.", shown="all")
    fidelity: Literal["full", "quarters", "halving"] | None = setting(
        "Which trainings go on: quarters, of all designs so far the best three quarters after a quarter "
        "of the epochs, the best half after half, the best quarter after three quarters; halving, the "
        "best half after a quarter, the best quarter after half; full, all.",
        shown="quarters, or full where the reward needs whole trainings",
    )
    candidate_time_limit: Seconds | None = setting("Limit for the training of one design.")
    candidate_memory_limit: Bytes | None = setting(
        "Memory for the process that trains one design, such as 2G.", shown="half of the machine's"
    )

    def settings(self) -> TrainingSettings:
        """The recipe as the trainings take it. Raises ValueError for an unknown augmentation."""
        given = self.given().items()
        return TrainingSettings(**{name: value for name, value in given if name in Recipe.model_fields})


class Where(Settings):
    """Where the designs are trained. No result depends on it, but for the device's last bits."""

    workers: Count | None = setting(
        "Trainings at the same time.", shown="one a core, on a GPU at most 8", changes_result=False
    )
    engine: Literal["local", "ray"] | None = setting(
        "Where designs are trained: by processes of this machine, or by a cluster with Ray (needs the "
        "extra `ray`).",
        shown=DEFAULT_ENGINE,
        changes_result=False,
    )
    ray_address: Name | None = setting(
        "The Ray cluster's head, or auto for the cluster that has a node here.",
        "HOST:PORT",
        shown="RAY_ADDRESS, else Ray on this machine alone",
        needs="engine ray",
        changes_result=False,
    )
    gpus_per_candidate: float | None = setting(
        "Share of a GPU for each training by Ray, such as 0.25.",
        shown="the cluster's GPUs by its cores, at least 0.125",
        needs="engine ray",
        changes_result=False,
        limits={"ge": 0, "le": 1},
    )
    device: Name | None = setting("auto, cpu, cuda …", "NAME", shown="auto")


class SearchBudget(Settings):
    """How much a search may spend, and what part of it on its control."""

    evaluations: Count | None = setting(
        "Distinct designs to evaluate, the control's included.",
        shown=f"{DEFAULT_EVALUATIONS}, or no limit with --time-limit",
    )
    time_limit: Seconds | None = setting("Such as 90s, 30m, 2h.")
    control_share: float = setting(
        "Part of the budget for random designs to compare with.",
        shown="0.25, nothing where the store has enough of them",
        default=0.25,
        limits={"ge": 0, "le": 0.9},
    )

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        limited = "evaluations" in given or "time_limit" in given
        return dict(given) if limited else {"evaluations": DEFAULT_EVALUATIONS, **given}


class SearchConfig(Settings):
    """What a search is. Two runs of one config propose the same designs and end with the same policy.

    A search is on data (`data`, `space`, `epochs` …) or on an architecture table (`table`, `task`).
    """

    subject: Subject
    agent: Name = setting(
        "Who designs (see `list agents`), or your own class.",
        "NAME|FILE.py:CLASS",
        default="ppo",
        may_be_code=True,
        kept=with_whole_path,
    )
    sources: Names = setting(
        "Start with what an earlier run learned on the same space with other data; it is dropped where "
        "it misleads. May be given several times.",
        "RUN",
        option="from",
        kept=lambda sources: tuple(map(_absolute, sources)),
        default=(),
    )
    experience: Name | None = setting(
        "What was learned on other tasks: shipped with the package, none, or your own file (see "
        "`experience`); it is dropped where it misleads.",
        "shipped|none|FILE",
        shown="shipped, where there is one for the space",
        kept=_kept_experience,
    )
    reward: Name = setting(
        "What a design is worth (see `list rewards`), or your own function.",
        "NAME|FILE.py:FUNCTION",
        default="accuracy",
        may_be_code=True,
        kept=with_whole_path,
    )
    failure_reward: float = setting(
        "What a failed design is worth.", default=DEFAULT_FAILURE_REWARD, limits={"allow_inf_nan": False}
    )
    budget: SearchBudget
    training: Training
    where: Where
    seed: int = setting("Of everything random.", shown="0", default=0, limits={"ge": 0, "le": LARGEST_SEED})
    store: Name | None = setting(
        "Where evaluations are kept for all runs: SQLite file or SQLAlchemy URL.",
        "FILE|URL",
        shown="store.sqlite beside the run folder",
        changes_result=False,
        kept=_kept_store,
    )
    tensorboard: bool = setting("Write scalars.", shown="yes", changes_result=False, default=True)
    energy: Name | None = setting(
        "Estimate the energy, and what the country's power emits, such as DEU (needs the extra `energy`).",
        "COUNTRY",
        changes_result=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: dict[str, Any]) -> dict[str, Any]:
        if "table" not in given["subject"]:
            training = {"epochs": DEFAULT_EPOCHS, **given["training"]}
            return given | {"training": training, "where": {"device": "auto", **given["where"]}}
        for group in ("subject", "training", "where"):
            for name in cls.groups()[group].model_fields:
                if name in given[group] and needs_training(name):
                    raise Error(
                        f"--table and {option_name(name)} exclude each other: nothing is trained on a table"
                    )
        return given

    @property
    def agent_name(self) -> str:
        """The agent without its options: `ppo` of `ppo:…`, `Mine` of `file.py:Mine:…`."""
        return short_name(self.agent)

    def to_toml(self) -> str:
        """The config as TOML; `read` and `make_config` read it back to an equal one."""
        settings = {name: value for name, value in self.given().items() if value != ()}
        return tomli_w.dumps({name: part for name, part in self.grouped(settings).items() if part != {}})

    def to_keep(self) -> Self:
        """What a run folder keeps: paths that hold in every working directory, no password of the store."""
        kept = {name: about(field).kept for name, field in self.declared().items()}
        given = self.given().items()
        return self.changed(**{name: keep(value) for name, value in given if (keep := kept[name])})


def needs_training(name: str) -> bool:
    """Whether a setting has no use on an architecture table, where nothing is trained."""
    field = Subject.model_fields.get(name)
    trains = name in Training.model_fields or name in Where.model_fields
    return trains or (field is not None and about(field).for_training)


def code_named(settings: Mapping[str, Any]) -> dict[str, str]:
    """The settings that name code in a file, which would be run with the user's rights."""
    may_be = [name for name, field in SearchConfig.declared().items() if about(field).may_be_code]
    return {name: settings[name] for name in may_be if names_code(settings.get(name))}


def make_config(
    options: Mapping[str, Any], file: Mapping[str, Any] | None = None, name: str = "config"
) -> SearchConfig:
    """A config from settings by their names alone, over those of a file, as `Settings.of` takes them."""
    return SearchConfig.of(options, file, name)
