"""Which experience a search begins with: the shipped one, a user's own file, or none."""

from collections.abc import Callable
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import TypeVar

from rl_designer.agents.base import Agent
from rl_designer.agents.experience import Experience
from rl_designer.agents.memory import Remembers, Source
from rl_designer.agents.registry import agents_that_remember
from rl_designer.config import SearchConfig
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.layer_rules import family_of
from rl_designer.envs.search_spaces.registry import DataSpace
from rl_designer.errors import WrongUsage
from rl_designer.experience.trainings import Trainings
from rl_designer.setting import Setting

_Read = TypeVar("_Read", Experience, Trainings)

SHIPPED, NONE = "shipped", "none"
FOLDER = "shipped"  # of this package: for each space `SPACE.npz`, and `SPACE-trainings.npz`, what it is from


def shipped(space: str) -> Experience | None:
    """What ships with the package for the space of a name; None where nothing does."""
    return _read(FOLDER, f"{space}.npz", Experience.load)


def shipped_trainings(space: str) -> Trainings | None:
    """What the shipped experience for the space of a name was made from; None where nothing ships."""
    return _read(FOLDER, f"{space}-trainings.npz", Trainings.load)


@lru_cache
def _read(folder: str, name: str, load: Callable[[Path], _Read]) -> _Read | None:
    resource = files(__package__) / folder / name
    if not resource.is_file():
        return None
    with as_file(resource) as path:
        return load(path)


def shipped_for(space: SearchSpace) -> Experience | None:
    """What ships with the package for a space, if that is as it was, or else for its family's built-in space
    where it has all of that one's layers; None where nothing does.
    """
    names = (space.name, family_of(len(space.input_shape) - 1)) if isinstance(space, DataSpace) else ()
    return next((found for found in map(shipped, names) if found is not None and found.fits(space)), None)


def experience_for(name: str, space: SearchSpace) -> Experience:
    """By name, for a space.

    Args:
        name: `shipped`, or a file that `experience learn` or `experience add` wrote.

    Raises:
        WrongUsage: where there is none for the space.
        ValueError: for a file that is missing or damaged.
    """
    found = shipped_for(space) if name == SHIPPED else Experience.load(Path(name))
    if found is None or not found.fits(space):
        what = "no experience ships" if found is None else f"{name} isn't"
        raise WrongUsage(f"{what} for space {space.name!r} as it is here; name a file of `experience learn`")
    return found


def experienced_source(name: str, setting: Setting) -> Source:
    """What experience, as `experience_for` takes it, says of a setting's task.

    Raises:
        WrongUsage: for an architecture table, which has no data, for texts, and where there is none for the
            space.
        ValueError: for a file that can't be read.
    """
    if setting.task_facts is None:
        on = "texts" if setting.whole is not None else "an architecture table"
        raise WrongUsage(f"experience {name} needs data to train on, and no texts; on {on} use {NONE}")
    found = experience_for(name, setting.space)
    return found.source(setting.space, setting.task_facts(), f"experience {name}")


def starting_experience(config: SearchConfig, setting: Setting, agent: Agent) -> tuple[str, Source | None]:
    """What a search starts with, by its name, and what that says of the task: what the config names, or the
    shipped one where there is one that the agent can start from; `none` and None.

    Raises:
        WrongUsage: for an experience that the agent can't start from, or that isn't for the space.
        ValueError: for a file that can't be read.
    """
    asked, able = config.experience, isinstance(agent, Remembers)
    if asked == NONE:
        return NONE, None
    if asked is None:
        known = able and setting.task_facts is not None and shipped_for(setting.space) is not None
        return (SHIPPED, experienced_source(SHIPPED, setting)) if known else (NONE, None)
    if not able:
        raise WrongUsage(
            f"--experience {asked} needs an agent that can start from it: "
            f"{', '.join(agents_that_remember())}; use --experience {NONE}"
        )
    return asked, experienced_source(asked, setting)
