"""What a stranger may have written in place of an encoding of rows is looked at here."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rl_designer.envs.errors import Error
from rl_designer.envs.files.untrusted import damage_told

LONGEST_VALUE = 200  # characters of a category that has a feature of its own
# What a date becomes, and its features.
PARTS = {
    "years": ("years since 1970",),
    "season": ("season, sine", "season, cosine"),
    "weekday": ("weekday, sine", "weekday, cosine"),
    "time": ("time of day, sine", "time of day, cosine"),
}
_MOST_COLUMNS = 100_000
_MOST_FEATURES = 1_000_000

_Text = Annotated[str, Field(max_length=4_096)]
_Value = Annotated[str, Field(max_length=LONGEST_VALUE)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Column(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: _Text
    gaps: bool


class _Number(_Column):
    kind: Literal["number"]
    fill: _Finite
    decimal: Literal["plain", "point", "comma"]
    sign: Annotated[str, Field(max_length=1)]
    centre: _Finite
    scale: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Truth(_Column):
    kind: Literal["truth"]
    fill: _Finite


class _Category(_Column):
    kind: Literal["category"]
    values: Annotated[list[_Value], Field(max_length=1_000)]
    other: bool
    words: Annotated[list[_Value], Field(max_length=1_000)]
    hashed: Annotated[int, Field(ge=0, le=1_000)]


class _Date(_Column):
    kind: Literal["date"]
    # A moment whose year has four digits.
    fill: Annotated[float, Field(ge=-62_135_596_800.0, lt=253_402_300_800.0, allow_inf_nan=False)]
    order: Literal["day", "month"]
    parts: Annotated[list[Literal["years", "season", "weekday", "time"]], Field(max_length=len(PARTS))]


class _Encoding(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    columns: Annotated[
        list[Annotated[_Number | _Truth | _Category | _Date, Field(discriminator="kind")]],
        Field(min_length=1, max_length=_MOST_COLUMNS),
    ]
    left_out: Annotated[
        list[Annotated[list[_Text], Field(min_length=2, max_length=2)]], Field(max_length=_MOST_COLUMNS)
    ]

    @model_validator(mode="after")
    def _whole(self) -> "_Encoding":
        names = [column.name for column in self.columns]
        if len(set(names)) < len(names):
            raise Error("a column is there twice")
        lists = [getattr(column, "values", getattr(column, "parts", [])) for column in self.columns]
        if any(len(set(values)) < len(values) for values in lists):
            raise Error("a value of a column is there twice")
        lists += [getattr(column, "words", []) for column in self.columns]
        hashed = sum(getattr(column, "hashed", 0) for column in self.columns)
        if sum(map(len, lists)) + hashed > _MOST_FEATURES:
            raise Error(f"it must have at most {_MOST_FEATURES:,} features")
        return self


def check_encoding(given: object) -> tuple[tuple[dict[str, Any], ...], tuple[tuple[str, str], ...]]:
    """The columns and what was left out. Raises ValueError, one line, for what is no encoding of rows."""
    with damage_told("the encoding of rows"):
        encoding = _Encoding.model_validate(given)
    columns = tuple(column.model_dump() for column in encoding.columns)
    return columns, tuple((name, reason) for name, reason in encoding.left_out)
