"""What an architecture table's file says of itself, checked: anybody may have written it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rl_designer.envs.errors import Error
from rl_designer.envs.files.untrusted import json_of

FORMAT = "architecture-table/1"

_MOST_CHARACTERS = 2**22
_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Text = Annotated[str, Field(max_length=2_000)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)


class _Decision(_Part):
    name: _Name
    options: list[_Name]


class _Facts(_Part):
    """Of a metric; further ones are kept as they are."""

    model_config = ConfigDict(extra="allow")

    unit: _Text | None = None
    split: _Text | None = None
    dataset: _Text | None = None
    epochs: int | float | None = None
    maximize: bool | None = None


class _Task(_Part):
    search: _Name
    report: _Name


class _Wiring(_Part):
    edges: list[Annotated[list[int], Field(min_length=2, max_length=2)]]
    absent: _Name = "none"


class TableMeta(_Part):
    """A table's `meta`. Keys that it doesn't know are passed over."""

    format: Literal["architecture-table/1"]
    name: _Name
    title: _Text | None = None
    source: _Text = ""
    decisions: list[_Decision]
    metrics: dict[_Name, _Facts]
    tasks: dict[_Name, _Task]
    wiring: _Wiring | None = None
    made: dict[str, Any] = {}


def read_meta(text: str) -> TableMeta:
    """Raises ValueError, one line, for what isn't such a text."""
    if len(text) > _MOST_CHARACTERS:
        raise Error(f"`meta` must have at most {_MOST_CHARACTERS:,} characters, got {len(text):,}")
    data = json_of(text)
    found = data.get("format") if isinstance(data, dict) else None
    if found != FORMAT:
        raise Error(f"`format` must be {FORMAT!r}, got {repr(found)[:60]}")
    try:
        return TableMeta.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "missing":
            raise Error(f"it lacks {first['loc'][-1]!r}") from None
        where = ".".join(str(part)[:60] for part in first["loc"])
        raise Error(f"`{where}`: {first['msg']}, got {str(first['input'])[:60]!r}") from None
