"""`Contender`: an agent of a comparison, and what it starts with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rl_designer.agents.memory import Source
from rl_designer.agents.registry import agent_class
from rl_designer.envs.extensions import split_options
from rl_designer.errors import usage_errors
from rl_designer.experience.shipped import NONE, experience_for, experienced_source
from rl_designer.searches.sources import check_remembers, check_source, digest_of_sources
from rl_designer.setting import Setting

_FROM, _EXPERIENCE = "from=", "experience="


@dataclass(frozen=True)
class Contender:
    """What a text such as `ppo:from=RUN,from=OTHER,experience=shipped,batch=8` names.

    Attributes:
        agent: with its own options.
        runs: finished ones that it starts with.
        experience: as `experience_for` takes it; `none` where none is named, so that agents are compared from
            nothing unless told otherwise.
    """

    agent: str
    runs: tuple[str, ...] = ()
    experience: str = NONE

    @classmethod
    def of(cls, text: str, seed: int = 0) -> Self:
        """`{seed}` in a run's path, and in that of experience, stands for the seed."""
        name, rest = split_options(text)
        options = [option.replace("{seed}", str(seed)) for option in (rest.split(",") if rest else [])]
        own = [option for option in options if not option.startswith((_FROM, _EXPERIENCE))]
        runs = [option.removeprefix(_FROM) for option in options if option.startswith(_FROM)]
        named = [option.removeprefix(_EXPERIENCE) for option in options if option.startswith(_EXPERIENCE)]
        agent = f"{name}:{','.join(own)}" if own else name
        return cls(agent, tuple(runs), named[-1] if named else NONE)

    def check(self) -> None:
        """Raises WrongUsage for an agent that can't be, or can't start with anything and should."""
        with usage_errors():
            made = agent_class(self.agent)(seed=0)
        if self.runs or self.experience != NONE:
            check_remembers(made, self.agent)

    def sources(self, setting: Setting) -> list[Source]:
        """Raises as `check_source` and `experienced_source`."""
        sources = [check_source(Path(run), setting) for run in self.runs]
        if self.experience != NONE:
            sources.append(experienced_source(self.experience, setting))
        return sources

    def starts_with(self, setting: Setting) -> list[str]:
        """Digests, which change with the content of what it starts with."""
        runs = digest_of_sources(self.runs)
        if self.experience == NONE:
            return [runs]
        return [runs, experience_for(self.experience, setting.space).digest]
