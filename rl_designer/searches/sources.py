"""Earlier runs that a search starts with (`--from`): checked, copied into the run folder, read from there."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rl_designer.agents.base import Agent
from rl_designer.agents.memory import Remembers, Review, Source
from rl_designer.agents.policy import Policy
from rl_designer.agents.registry import agents_that_remember
from rl_designer.envs.architecture import TRAINING
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.errors import Error, WrongUsage, usage_errors
from rl_designer.experience.shipped import NONE
from rl_designer.runs.folder import POLICY, SOURCES, RunFolder
from rl_designer.setting import Setting
from rl_designer.text import command

EXPERIENCE = "experience"  # its folder among a run's sources


def check_remembers(agent: Agent, name: str) -> None:
    """Raises WrongUsage for an agent that can't start from earlier runs."""
    if not isinstance(agent, Remembers):
        raise WrongUsage(
            f"agent {name!r} can't start from earlier runs; those that can: "
            f"{', '.join(agents_that_remember())}"
        )


def check_source(path: Path, setting: Setting) -> Source:
    """What an earlier run learned.

    Raises:
        WrongUsage: for a run on another space.
        ValueError: for what is no run, unfinished or damaged, and for a run of an agent without a policy.
    """
    run = RunFolder.open(path)
    if run.summary.get("state") != "finished":
        raise Error(
            f"{path} isn't finished, so there is nothing to start from; go on with: {command('resume', path)}"
        )
    if not (path / POLICY).is_dir():
        raise Error(
            f"the agent {run.config.agent_name!r} of {path} has left no policy to start from; "
            f"name a run of ppo, for example"
        )
    theirs, ours = (_space_of(facts) for facts in (run.summary.get("setting", {}), setting.facts))
    if theirs != ours:
        raise WrongUsage(
            f"{path} was on {_named(theirs)}, this search is on {_named(ours)}; "
            "a search can start only from runs on the same space"
        )
    policy = Policy.load(path / POLICY)
    with usage_errors():
        policy.check(setting.space)
    return Source.load(path / POLICY, setting.space, str(path))


def copy_sources(paths: Iterable[str], experience: Source | None, folder: Path) -> None:
    """Copies the policies of runs to `sources/0`, `sources/1` … of another, and what experience says of its
    task, so that it can be resumed even when they have changed or are gone.
    """
    if experience is not None:
        experience.save(folder / SOURCES / EXPERIENCE)
    for number, path in enumerate(paths):
        target = folder / SOURCES / str(number)
        target.mkdir(parents=True)
        for file in sorted((Path(path) / POLICY).iterdir()):
            if file.is_file():
                shutil.copyfile(file, target / file.name)


def kept_sources(
    folder: Path, names: Iterable[str], space: SearchSpace, experience: str | None
) -> list[Source]:
    """What `copy_sources` copied. Raises ValueError where it is gone or damaged."""
    kept = [Source.load(folder / SOURCES / str(i), space, name) for i, name in enumerate(names)]
    if experience in (None, NONE):  # a run of before there was experience has none
        return kept
    return [*kept, Source.load(folder / SOURCES / EXPERIENCE, space, f"experience {experience}")]


def digest_of_sources(paths: Iterable[str]) -> str:
    """Changes with everything that runs have to give, and with their order; empty for none."""
    content = hashlib.sha256()
    paths = list(paths)
    for path in paths:
        for file in sorted((Path(path) / POLICY).iterdir()):
            if file.is_file():
                content.update(f"\0{file.name}\0".encode() + file.read_bytes())
        content.update(b"\1")
    return content.hexdigest()[:20] if paths else ""


def reviews_to_dict(reviews: Sequence[Review]) -> list[dict[str, Any]]:
    """What became of each source, as `summary.json` keeps it."""
    return [
        {
            "run": review.source,
            "kept": review.kept,
            "evaluations": review.evaluations,
            "correlation": review.correlation,
            "reason": str(review),
        }
        for review in reviews
    ]


def _space_of(facts: dict[str, Any]) -> dict[str, Any]:
    """What makes a space the same, whatever the data and the limits."""
    if "controllers" in facts:
        return {"controllers": facts["controllers"]}
    if "table" in facts:
        return {"table": facts.get("name")}
    return {"space": json.loads(json.dumps(facts.get("space")))}  # as it comes back from a summary


def _named(space: dict[str, Any]) -> str:
    if "table" in space:
        return f"table {space['table']!r}"
    if "controllers" in space:
        return "the space of controllers"
    definition = space["space"]
    if not isinstance(definition, dict):
        return "an unknown space"
    trained = f" with {', '.join(definition[TRAINING])} of its training" if TRAINING in definition else ""
    return f"space {definition.get('name')!r}{trained}"
