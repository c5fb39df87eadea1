"""`Subject`: what a search is on."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self

from pydantic import model_validator

from rl_designer.config.kept import absolute, kept_data, kept_space, kept_table, kept_task
from rl_designer.declared import Bytes, Count, Name, Names, Seconds, Settings, about, option_name, setting
from rl_designer.envs.search_spaces.limits import COSTS, ON_DEVICE, UNLIMITED, Limits
from rl_designer.errors import Error

DEFAULT_DATA = "mnist1d"
DEFAULT_TRIAL_SEEDS, DEFAULT_TRIAL_EVALUATIONS = 3, 60
LATENCY_FROM = "latency_from"


class Subject(Settings):
    """What is searched on, data, an architecture table or controllers, and the limits of every design."""

    data: Name | None = setting(
        "Data set: a name (see `list datasets`), an .npz, .csv, .tsv, .ts, .parquet, a folder of images or "
        "texts by class, or your own file.py:function.",
        "NAME|PATH",
        shown=DEFAULT_DATA,
        for_training=True,
        by_content=True,
        may_be_code=True,
        kept=kept_data,
    )
    target: Name | None = setting(
        "Column to predict, of your own table of rows.", "COLUMN", needs="data", for_training=True
    )
    text: Name | None = setting(
        "Column with texts, of your own table, which alone are read.",
        "COLUMN",
        shown="the only one beside the target, where it holds texts",
        needs="data",
        for_training=True,
    )
    symbols: Literal["characters", "words", "pieces"] | None = setting(
        "What texts are made of; pieces are words, those that aren't known cut into known ones.",
        shown="words, where there are several in a text and most stand in others, too",
        needs="data",
        for_training=True,
    )
    vocabulary: Count | None = setting(
        "Most symbols of texts, the most frequent ones; each costs the width of the embedding.",
        shown="500 characters, 2,000 words or pieces",
        needs="data",
        for_training=True,
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
        kept=absolute,
    )
    image_size: Count | None = setting(
        "Side in pixels that your own images are brought to.", for_training=True
    )
    table: Name | None = setting(
        "Search on an architecture table instead of data.",
        "NAME|FILE",
        by_content=True,
        kept=kept_table,
    )
    task: Name | None = setting(
        "Task on the table; may be left out where there is one.", "NAME", needs="table"
    )
    controllers: Names = setting(
        "Design controllers, `ppo`'s own network and settings, in place of networks: each is tried by "
        "searches on this table, perhaps a task of it within limits, TABLE:cifar10,max_parameters=5k. May be "
        "given several times.",
        "TABLE[:TASK]",
        default=(),
        by_content=True,
        kept=lambda tasks: tuple(map(kept_task, tasks)),
    )
    trial_seeds: Count | None = setting(
        "Searches of each controller on each table.", shown=str(DEFAULT_TRIAL_SEEDS), needs="controllers"
    )
    trial_evaluations: Count | None = setting(
        "Distinct designs that each of these may evaluate.",
        shown=str(DEFAULT_TRIAL_EVALUATIONS),
        needs="controllers",
    )
    space: Name | None = setting(
        "Search space (see `list spaces`), or your own, a .toml or file.py:function.",
        "NAME|FILE.toml",
        shown="by the data's shape",
        for_training=True,
        by_content=True,
        may_be_code=True,
        kept=kept_space,
    )
    max_parameters: Count | None = setting("Limit for every design, such as 20k or 1.5M.")
    max_macs: Count | None = setting("Limit on multiply-adds of one example.")
    max_ram: Bytes | None = setting(
        "Limit on the memory that values of one example take at once, such as 32kB or 64KiB."
    )
    max_flash: Bytes | None = setting("Limit on the memory that the parameters take, such as 128kB.")
    device_numbers: Literal["int8", "float32"] | None = setting(
        "What values and parameters are where --max-ram and --max-flash are kept.", shown="int8"
    )
    max_latency: Seconds | None = setting(
        "Limit on the time that one example is expected to take, such as 2ms: by a model that is fitted to "
        "random networks, which are measured first.",
        "DURATION",
    )
    latency_from: Name | None = setting(
        "Measurements of another device to fit it to (see `latency`).",
        "FILE",
        shown="measured here",
        needs="max_latency",
        for_training=False,
        by_content=True,
        kept=absolute,
    )

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
        return self.table or self.data or ("controllers" if self.controllers else "")

    @property
    def no_data(self) -> str:
        """What is searched on in place of data, for people; "" where it is on data."""
        if self.controllers:
            return "controllers"
        return "" if self.table is None else "an architecture table"

    @property
    def limits(self) -> dict[str, Any]:
        """As spaces take them, by name."""
        return {name: getattr(self, name) for name in self.of_limits() if name != LATENCY_FROM}

    @classmethod
    def of_limits(cls) -> tuple[str, ...]:
        """The settings of limits, and what they are counted by."""
        return (*(name for name in Limits.names() if name in cls.model_fields), LATENCY_FROM)

    def counting(self, costs: Iterable[str]) -> Self:
        """The same, in whose space these costs are counted, limited or not."""
        options = (COSTS[cost].option for cost in costs)
        unlimited = {option: UNLIMITED for option in options if getattr(self, option) is None}
        return self.model_copy(update=unlimited) if unlimited else self

    @model_validator(mode="after")
    def _complete_limits(self) -> Self:
        # What numbers a device has may be said for an objective; where nothing hangs on it, the space tells.
        Limits.given((self.counting(ON_DEVICE) if self.device_numbers else self).limits)
        return self

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        if given.get("controllers"):
            for name in ("table", "data", *cls.of_limits()):
                if name in given:
                    raise Error(
                        f"--controllers and {option_name(name)} exclude each other: controllers are tried on "
                        "the tables that --controllers names, within the limits that it names"
                    )
            return dict(given)
        if "table" in given and LATENCY_FROM in given:
            raise Error("--table and --latency-from exclude each other: a table says what its designs take")
        return dict(given) if "table" in given else {"data": DEFAULT_DATA, **given}
