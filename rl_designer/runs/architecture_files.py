"""`architecture.json`: one architecture in a file, for people to keep, hand on and write by hand.

    {
      "format": "architecture/1",
      "space": "convnet1d",
      "layers": [
        {"kind": "conv", "kernel": 5, "width": 16, "stride": 1},
        {"kind": "global-pool", "operation": "average"}
      ]
    }

`layers` are as `sample --json` and `report --json` give them; the final linear classifier is not one of them.
A cell's are its skeleton and its edges, see `rl_designer.envs.search_spaces.cell_layers`. Before them stands
what the design says of its training, `{"kind": "training", "learning_rate": 0.03}`, a layer each setting.
`space` is a name, part of the digest; a built-in one (`convnet`, `cell1d`, …) also says how data that
could be signals or images are to be read. Optional: `input_shape` and `num_classes` that it was made for, and
`name`, `source`, `note` for people.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.files.untrusted import bounded_bytes, json_of
from rl_designer.envs.search_spaces.cell_layers import chain_of
from rl_designer.envs.search_spaces.costs import check_classes, final_shape
from rl_designer.errors import Error
from rl_designer.files import write_json

FORMAT = "architecture/1"
ARCHITECTURE = "architecture.json"

_MOST_BYTES = 1_000_000
_MOST_LAYERS = 512

_Text = Annotated[str, Field(max_length=2_000)]


class _File(BaseModel):
    """The format, strictly: no other keys, no conversions."""

    model_config = ConfigDict(strict=True, extra="forbid")

    format: Literal["architecture/1"]
    space: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    layers: list[dict[str, bool | int | float | str]] = Field(max_length=_MOST_LAYERS)
    input_shape: list[int] | None = Field(default=None, min_length=1, max_length=3)
    num_classes: int | None = None
    name: _Text | None = None
    source: _Text | None = None
    note: _Text | None = None


@dataclass(frozen=True)
class ArchitectureFile:
    """A complete architecture, and what a file may say besides.

    Attributes:
        input_shape: of one example that it was made for, or None.
        num_classes: that it was made for, or None.
        name, source, note: for people: what it is called, where it comes from, what is to be known.
    """

    architecture: Architecture
    input_shape: tuple[int, ...] | None = None
    num_classes: int | None = None
    name: str | None = None
    source: str | None = None
    note: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, in the format above."""
        data = {
            "format": FORMAT,
            "space": self.architecture.space,
            "layers": [layer.to_dict() for layer in self.architecture.layers],
            **{name: value for name, value in vars(self).items() if value is not None},
        }
        del data["architecture"]
        return data | ({} if self.input_shape is None else {"input_shape": list(self.input_shape)})


def write_architecture(path: Path, file: ArchitectureFile) -> None:
    """Writes a file beside and renames it.

    Raises:
        ValueError: for an architecture that is not complete, or that the format can't hold.
        OSError: where it can't be written.
    """
    if not file.architecture.complete:
        raise Error(f"only a complete architecture has a file, got the prefix {file.architecture}")
    data = file.to_dict()
    architecture_of(data, str(path))
    write_json(path, data)


def read_architecture(path: Path) -> ArchitectureFile:
    """Reads a file that anybody may have written: at most 1 MB and 512 layers, checked to the last option.

    Raises:
        ValueError: for a file that is missing or isn't of the format; one line with the file's name.
    """
    try:
        content = bounded_bytes(path, _MOST_BYTES)
    except OSError as error:
        raise Error(f"can't read the architecture file {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise Error(f"can't read the architecture file {path}: {error}") from error
    try:
        data = json_of(content)
    except ValueError as error:
        raise Error(f"the architecture file {path} is not JSON: {error}") from error
    return architecture_of(data, str(path))


def architecture_of(data: Any, where: str) -> ArchitectureFile:
    """Of the format's object, from anywhere. Raises ValueError as `read_architecture`."""
    try:
        file = _File.model_validate(data)
        layers = tuple(Layer.from_dict(layer) for layer in file.layers)
        architecture = Architecture(file.space, layers, complete=True)
        list(chain_of(architecture))  # checks every option
        shape = None if file.input_shape is None else tuple(file.input_shape)
        if shape is not None:
            final_shape(architecture, shape)
        if file.num_classes is not None:
            check_classes(file.num_classes)
    except ValidationError as error:
        raise Error(f"the architecture file {where}: {_reason(error, data)}") from error
    except ValueError as error:
        raise Error(f"the architecture file {where}: {error}") from error
    return ArchitectureFile(architecture, shape, file.num_classes, file.name, file.source, file.note)


def _reason(error: ValidationError, data: Any) -> str:
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        example = '{"format": "architecture/1", "space": "convnet1d", "layers": [{"kind": …}, …]}'
        return f"must be an object such as {example}"
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"][:3]))
    return f"`{place}`: {first['msg'][0].lower()}{first['msg'][1:]}, got {str(first['input'])[:60]!r}"
