"""Which experience a search begins with: the shipped one, a user's own file, or none."""

from importlib.resources import as_file, files
from pathlib import Path

from rl_designer.agents.base import Agent
from rl_designer.agents.experience import Experience
from rl_designer.agents.memory import Remembers, Source
from rl_designer.agents.registry import agents_that_remember
from rl_designer.config import SearchConfig
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.errors import WrongUsage
from rl_designer.setting import Setting

SHIPPED, NONE = "shipped", "none"
FOLDER = "shipped"  # of this package: an experience for each space, `SPACE.npz`


def shipped(space: str) -> Experience | None:
    """What ships with the package for the space of a name; None where nothing does."""
    resource = files(__package__) / FOLDER / f"{space}.npz"
    if not resource.is_file():
        return None
    with as_file(resource) as path:
        return Experience.load(path)


def shipped_for(space: SearchSpace) -> Experience | None:
    """What ships with the package for a space, if that is as it was; None where nothing does."""
    found = shipped(space.name)
    return found if found is not None and found.fits(space) else None


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


def starting_experience(config: SearchConfig, setting: Setting, agent: Agent) -> tuple[str, Source | None]:
    """What a search starts with, by its name, and what that says of the task: what the config names, or the
    shipped one where there is one that the agent can start from; `none` and None.

    Raises:
        WrongUsage: for an experience that the agent can't start from, or that isn't for the space.
        ValueError: for a file that can't be read.
    """
    asked = config.experience
    if asked == NONE:
        return NONE, None
    if setting.task_facts is None or not isinstance(agent, Remembers):
        if asked is None:
            return NONE, None
        raise WrongUsage(
            f"--experience {asked} needs data to train on, and an agent that can start from it: "
            f"{', '.join(agents_that_remember())}; use --experience {NONE}"
        )
    found = shipped_for(setting.space) if asked is None else experience_for(asked, setting.space)
    if found is None:
        return NONE, None
    name = asked or SHIPPED
    return name, found.source(setting.space, setting.task_facts(), f"experience {name}")
