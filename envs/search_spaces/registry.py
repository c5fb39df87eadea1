"""The search spaces by name. A space for data is one TOML file, read when needed, and one line here; others
are a TOML file or a function of a user, or come with an installed package. A family of spaces is a definition
and a space made of it: one line in `_FAMILIES`.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from rl_designer.envs.architecture import TRAINING
from rl_designer.envs.datasets.dataset import KINDS, TEXT, Kind
from rl_designer.envs.errors import Error, unknown_name
from rl_designer.envs.extensions import SPACE
from rl_designer.envs.files.untrusted import toml_of
from rl_designer.envs.search_spaces.cell_definition import CELL_FAMILIES, CellDefinition
from rl_designer.envs.search_spaces.cell_space import CellSpace
from rl_designer.envs.search_spaces.choices import read_definition
from rl_designer.envs.search_spaces.costs import input_of
from rl_designer.envs.search_spaces.definition import SpaceDefinition
from rl_designer.envs.search_spaces.layer_rules import FAMILIES, family_of
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.envs.search_spaces.trained_space import TrainedDefinition, TrainedSpace
from rl_designer.envs.search_spaces.training_options import usual_choices

Definition = SpaceDefinition | CellDefinition | TrainedDefinition
DataSpace = LayerSpace | CellSpace | TrainedSpace  # what a definition becomes with data and limits

_FAMILIES: Mapping[str, type[SpaceDefinition] | type[CellDefinition]] = {
    **dict.fromkeys(FAMILIES, SpaceDefinition),
    **dict.fromkeys(CELL_FAMILIES, CellDefinition),
}

# name: what it is in one line
SPACES = {
    "cell": "cells for images: a small graph of operations, repeated in a fixed skeleton",
    "cell1d": "cells for signals and series",
    "convnet": "convolutional networks for images, layer by layer",
    "convnet1d": "convolutional networks for signals and series, layer by layer",
    "convnet1d-wide": "as convnet1d, with layers that see more of a signal at once",
    "mlp": "dense networks for tables of features, layer by layer",
    "mlp-wide": "as mlp, with embeddings of features and ensembles of members that share weights",
    "textnet": "networks for texts, of convolutions and attention, layer by layer",
    "table": "the designs of an architecture table",
}


def definition_of(data: Any) -> Definition:
    """The inverse of a definition's `to_dict`. Raises ValueError, one line, for anything else."""
    if isinstance(data, Mapping) and TRAINING in data:
        networks = {key: value for key, value in data.items() if key != TRAINING}
        return TrainedDefinition.of(_networks_of(networks), data[TRAINING])
    return _networks_of(data)


def _networks_of(data: Any) -> SpaceDefinition | CellDefinition:
    family = data.get("family") if isinstance(data, Mapping) else None
    if isinstance(family, str) and family not in _FAMILIES:
        raise Error(f"space {str(data.get('name'))[:80]!r}: {unknown_name('family', family, _FAMILIES)}")
    made = _FAMILIES.get(family, SpaceDefinition) if isinstance(family, str) else SpaceDefinition
    return made.from_dict(data)


def space_of_definition(
    definition: Definition,
    input_shape: Sequence[int],
    num_classes: int,
    **limits: Any,
) -> DataSpace:
    """A definition's space for data of one shape, within limits, as `Limits` has them, by name.

    Raises:
        ValueError: for data that doesn't fit the space, or limits within which there is no network.
    """
    networks = definition.networks if isinstance(definition, TrainedDefinition) else definition
    made = CellSpace if isinstance(networks, CellDefinition) else LayerSpace
    space = made(networks, input_shape, num_classes, **limits)  # type: ignore[arg-type]
    return TrainedSpace(definition, space) if isinstance(definition, TrainedDefinition) else space


def space_definition(name_or_path: str | Path) -> Definition:
    """The definition of a space for data: a name of `SPACES`, the path of a user's `.toml`, or
    a function without arguments that gives a definition, or a mapping as its TOML holds it: a user's
    `file.py:function`, which is run, or an installed one (entry points of the group `rl_designer.spaces`).

    Raises:
        ValueError: for an unknown name or a bad file; one line.
    """
    name = str(name_or_path)
    if name.endswith(".toml"):
        return read_definition(name, definition_of)
    if name == "table":
        raise Error("the space 'table' comes with an architecture table, not with a data set; name a table")
    return _built_in(name) if name in SPACES else _given(name)


@cache
def _built_in(name: str) -> Definition:
    return definition_of(toml_of(files(__package__).joinpath(f"{name}.toml").read_bytes()))


def _given(name: str) -> Definition:
    made = SPACE.made(name, [known for known in SPACES if known != "table"])
    definition = made if isinstance(made, Definition) else definition_of(made)
    if definition.name in SPACES:
        raise Error(f"{name}: the name {definition.name!r} is a built-in space's; choose another")
    return definition


def default_space(input_shape: Sequence[int]) -> str:
    """The name of the built-in space for data of a shape: (features,), (channels, length) or
    (channels, height, width); not for texts. Raises ValueError for any other.
    """
    return family_of(input_of(input_shape).rank)


def kind_of(name_or_path: str | Path) -> Kind:
    """What data are read as for a space: `features`, `signal`, `image` or `text`. Raises as
    `space_definition`.
    """
    definition = space_definition(name_or_path)
    return TEXT if definition.of_texts else KINDS[definition.rank + 1]


def make_space(
    name_or_path: str | Path | None,
    input_shape: Sequence[int],
    num_classes: int,
    **limits: Any,
) -> DataSpace:
    """A space for data of one shape, within limits.

    Args:
        name_or_path: as `space_definition` takes it; None for the built-in one for such data.
        input_shape: of one example: (features,), (channels, length) or (channels, height, width).
        limits: as `Limits` has them, by name.

    Raises:
        ValueError: for an unknown space or limit, a bad file, data that doesn't fit the space, or limits
            within which there is no network; one line.
    """
    definition = space_definition(name_or_path or default_space(input_shape))
    return space_of_definition(definition, input_shape, num_classes, **limits)


def make_trained_space(
    name_or_path: str | Path | None, input_shape: Sequence[int], num_classes: int, **limits: Any
) -> DataSpace:
    """As `make_space`, but its designs say how they are trained, too: one of `usual_choices`.

    Raises:
        ValueError: as `make_space`, and for a space that lists choices of its own.
    """
    definition = space_definition(name_or_path or default_space(input_shape))
    if isinstance(definition, TrainedDefinition):
        rule = f"has a section [{TRAINING}] of its own, which is searched in any case"
        raise Error(f"space {definition.name!r} {rule}; leave --hyperparameters away")
    choices = usual_choices(num_classes, varied=definition.rank > 0 and not definition.of_texts)
    trained = TrainedDefinition.of(definition, choices)
    return space_of_definition(trained, input_shape, num_classes, **limits)
