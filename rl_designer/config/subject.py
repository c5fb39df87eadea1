"""`Subject`: what a search is on."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import model_validator

from rl_designer.config.kept import absolute, kept_data, kept_space, kept_table
from rl_designer.declared import Count, Name, Names, Settings, about, setting

DEFAULT_DATA = "mnist1d"


class Subject(Settings):
    """What is searched on, data or an architecture table, and the limits of every design."""

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
    symbols: Literal["characters", "words"] | None = setting(
        "What texts are made of.",
        shown="words, where there are several in a text and most stand in others, too",
        needs="data",
        for_training=True,
    )
    vocabulary: Count | None = setting(
        "Most symbols of texts, the most frequent ones; each costs the width of the embedding.",
        shown="500 characters, 2,000 words",
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
