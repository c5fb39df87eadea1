"""`Latencies`: measured networks in a file, which this machine has written or a device.

    {
      "format": "latencies/1",
      "device": "AMD EPYC",
      "how": "one example, one thread …",
      "input_shape": [1, 40],
      "num_classes": 10,
      "designs": [{"seconds": 0.00042, "space": "convnet1d", "layers": [{"kind": "conv", …}, …]}, …]
    }

`layers` are as in an `architecture.json`; `seconds` of a design that isn't measured yet is null.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.files.untrusted import bounded_bytes, json_of
from rl_designer.envs.search_spaces.costs import describe
from rl_designer.errors import Error
from rl_designer.files import write_json

FORMAT = "latencies/1"
_MOST_BYTES = 20_000_000
_MOST_DESIGNS = 10_000
_MOST_LAYERS = 512


class _Design(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    seconds: float | None = Field(gt=0, lt=1e6)
    space: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    layers: list[dict[str, bool | int | float | str]] = Field(min_length=1, max_length=_MOST_LAYERS)


class _File(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    format: Literal["latencies/1"]
    device: str = Field(max_length=200)
    how: str = Field(max_length=200)
    input_shape: list[int] = Field(min_length=1, max_length=3)
    num_classes: int
    designs: list[_Design] = Field(min_length=1, max_length=_MOST_DESIGNS)


@dataclass(frozen=True)
class Latencies:
    """Networks for data of one shape, and what one example takes through each on one device.

    Attributes:
        device: which, for people.
        how: it was measured.
        seconds: of each design; None where it isn't measured.
    """

    device: str
    how: str
    input_shape: tuple[int, ...]
    num_classes: int
    designs: tuple[Architecture, ...]
    seconds: tuple[float | None, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, in the format above."""
        designs = [
            {
                "seconds": seconds,
                "space": design.space,
                "layers": [layer.to_dict() for layer in design.layers],
            }
            for design, seconds in zip(self.designs, self.seconds, strict=True)
        ]
        shape = {"input_shape": list(self.input_shape), "num_classes": self.num_classes}
        return {"format": FORMAT, "device": self.device, "how": self.how, **shape, "designs": designs}

    def write(self, path: Path) -> None:
        """Beside and renamed."""
        write_json(path, self.to_dict())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises ValueError, one line, for a file that is missing, damaged, or of networks that can't be."""
        try:
            found = _File.model_validate(json_of(bounded_bytes(path, _MOST_BYTES)))
            shape, designs = tuple(found.input_shape), tuple(map(_architecture, found.designs))
            for design in designs:
                describe(design, shape, found.num_classes)  # checks every option
        except OSError as error:
            raise Error(f"can't read the latencies {path}: {error.strerror or error}") from error
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "it"
            raise Error(f"{path} holds no latencies: `{where}`: {first['msg']}") from error
        except ValueError as error:
            raise Error(f"{path} holds no latencies: {error}") from error
        seconds = tuple(design.seconds for design in found.designs)
        return cls(found.device, found.how, shape, found.num_classes, designs, seconds)


def _architecture(design: _Design) -> Architecture:
    return Architecture(design.space, tuple(map(Layer.from_dict, design.layers)), complete=True)
