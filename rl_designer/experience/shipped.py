"""Which experience a search begins with: the shipped one, a user's own file, or none."""

from importlib.resources import as_file, files
from pathlib import Path

from rl_designer.agents.base import Agent
from rl_designer.agents.experience import Experience
from rl_designer.agents.memory import Remembers, Source
from rl_designer.agents.registry import agents_that_remember
from rl_designer.config import SearchConfig
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.errors import Error, WrongUsage
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
        raise WrongUsage(f"{what} for space {space.name!r} as it is here; leave --experience away")
    return found


def settled_experience(config: SearchConfig, setting: Setting, agent: Agent) -> str:
    """What a search starts with: what the config says, or the shipped one where there is one that the agent
    can start from.

    Raises:
        WrongUsage: for an experience that the agent can't start from, or that isn't for the space.
        ValueError: for a file that can't be read.
    """
    asked = config.experience
    if asked == NONE:
        return NONE
    usable = isinstance(agent, Remembers) and setting.task_facts is not None
    if asked is None:
        return SHIPPED if usable and shipped_for(setting.space) is not None else NONE
    if not usable:
        raise WrongUsage(
            f"--experience {asked} needs data to train on, and an agent that can start from it: "
            f"{', '.join(agents_that_remember())}; use --experience {NONE}"
        )
    experience_for(asked, setting.space)
    return asked


def experience_source(name: str, setting: Setting) -> Source | None:
    """What an experience says of a setting's task; None for `none`."""
    if name == NONE:
        return None
    if setting.task_facts is None:
        raise Error("experience is for data, and there are none")
    found = experience_for(name, setting.space)
    return found.source(setting.space, setting.task_facts(), f"experience {name}")
