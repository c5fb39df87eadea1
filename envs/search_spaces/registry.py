"""The search spaces by name. A layer-by-layer space is one TOML file, read when needed, and one line here;
others are a TOML file or a function of a user, or come with an installed package.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from rl_designer.envs.datasets.dataset import SPACES as FAMILIES
from rl_designer.envs.datasets.dataset import Kind
from rl_designer.envs.errors import Error
from rl_designer.envs.extensions import SPACE
from rl_designer.envs.files.untrusted import toml_of
from rl_designer.envs.search_spaces.costs import input_of
from rl_designer.envs.search_spaces.definition import SpaceDefinition
from rl_designer.envs.search_spaces.layer_rules import family_of
from rl_designer.envs.search_spaces.layer_space import LayerSpace

# name: what it is in one line
SPACES = {
    "convnet": "convolutional networks for images, layer by layer",
    "convnet1d": "convolutional networks for signals and series, layer by layer",
    "mlp": "dense networks for tables of features, layer by layer",
    "table": "the designs of an architecture table",
}


def space_definition(name_or_path: str | Path) -> SpaceDefinition:
    """The definition of a layer-by-layer space: a name of `SPACES`, the path of a user's `.toml`, or
    a function without arguments that gives a `SpaceDefinition`, or a mapping as its TOML holds it: a user's
    `file.py:function`, which is run, or an installed one (entry points of the group `rl_designer.spaces`).

    Raises:
        ValueError: for an unknown name or a bad file; one line.
    """
    name = str(name_or_path)
    if name.endswith(".toml"):
        return SpaceDefinition.from_toml(name)
    if name == "table":
        raise Error("the space 'table' comes with an architecture table, not with a data set; name a table")
    return _built_in(name) if name in SPACES else _given(name)


@cache
def _built_in(name: str) -> SpaceDefinition:
    content = files(__package__).joinpath(f"{name}.toml").read_bytes()
    return SpaceDefinition.from_dict(toml_of(content))


def _given(name: str) -> SpaceDefinition:
    made = SPACE.made(name, [known for known in SPACES if known != "table"])
    definition = made if isinstance(made, SpaceDefinition) else SpaceDefinition.from_dict(made)
    if definition.name in SPACES:
        raise Error(f"{name}: the name {definition.name!r} is a built-in space's; choose another")
    return definition


def default_space(input_shape: Sequence[int]) -> str:
    """The name of the built-in space for data of a shape: (features,), (channels, length) or
    (channels, height, width). Raises ValueError for any other.
    """
    return family_of(input_of(input_shape).rank)


def kind_of(name_or_path: str | Path) -> Kind:
    """What data are read as for a space: `features`, `signal` or `image`. Raises as `space_definition`."""
    family = space_definition(name_or_path).family
    return next(kind for kind, name in FAMILIES.items() if name == family)


def make_space(
    name_or_path: str | Path | None,
    input_shape: Sequence[int],
    num_classes: int,
    *,
    max_parameters: int | None = None,
    max_macs: int | None = None,
) -> LayerSpace:
    """A layer-by-layer space for data of one shape, within limits (None is without limit).

    Args:
        name_or_path: as `space_definition` takes it; None for the built-in one for such data.
        input_shape: of one example: (features,), (channels, length) or (channels, height, width).

    Raises:
        ValueError: for an unknown space, a bad file, data that doesn't fit the space, or limits within which
            there is no network; one line.
    """
    definition = space_definition(name_or_path or default_space(input_shape))
    return LayerSpace(definition, input_shape, num_classes, max_parameters=max_parameters, max_macs=max_macs)
