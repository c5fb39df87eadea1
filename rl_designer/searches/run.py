"""One start of a run, from the control's plan to the verdict; what each of its stops says."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from rl_designer.agents.base import PolicyAgent
from rl_designer.config import SearchConfig
from rl_designer.envs.evaluation import Evaluator
from rl_designer.envs.problem import Design
from rl_designer.errors import Error, Interrupted, Stopped
from rl_designer.runs.folder import RunFolder
from rl_designer.runs.fronts import FRONT
from rl_designer.runs.reading import design_to_dict, found_by, reference_names, summary_of
from rl_designer.runs.verdict import (
    CONTROL_AGENT,
    Verdict,
)
from rl_designer.searches.control import MOST_STORED, ControlPlan, plan_control
from rl_designer.searches.energy import kept_energy
from rl_designer.searches.replay import changed_code
from rl_designer.searches.sources import reviews_to_dict
from rl_designer.searches.start import AGENT, CONTROL, Search, SearchRun
from rl_designer.searches.stopping import stops_early
from rl_designer.store.store import StoredRun, StoreError
from rl_designer.text import command


@dataclass(frozen=True)
class SearchResult:
    """What came out of a search.

    Attributes:
        designs: the agent's, in order.
        controls: the random ones that this run paid for.
    """

    folder: RunFolder
    designs: Sequence[Design]
    controls: Sequence[Design]
    verdict: Verdict

    @property
    def summary(self) -> dict[str, Any]:
        """What `train --json` prints and `summary.json` keeps."""
        return self.folder.summary


def search(what: Search) -> SearchResult:
    """Searches, judges, saves.

    Raises:
        Interrupted: by Ctrl-C.
        Stopped: where the store or the folder can't be written.
        ValueError: where an earlier start had other data or found something else, and where another process
            is searching in the folder.
    """
    folder, observers = what.folder, what.observers
    try:
        with folder.locked(), kept_energy(folder, what.config.energy):
            return _searched(what)
    except KeyboardInterrupt:
        _note_interruption(folder)
        raise Interrupted(
            f"stopped after {observers.evaluations:,} evaluations; all of them are stored. "
            f"Go on with: {command('resume', folder.path)}"
        ) from None
    except (StoreError, OSError) as error:
        _note_interruption(folder)
        raise Stopped(
            f"{_reason(error)} (stopped after {observers.evaluations:,} evaluations; all of them are stored. "
            f"Then go on with: {command('resume', folder.path)})"
        ) from error
    finally:
        observers.closed()


def _note_interruption(folder: RunFolder) -> None:
    with suppress(OSError):  # the store alone says how far it was
        folder.update_summary(state="interrupted")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error)


def _searched(search: Search) -> SearchResult:
    folder, config, agent = search.folder, search.config, search.agent
    with search.setting.open_evaluator() as evaluator:
        start = SearchRun(search, evaluator, _settled_plan(search, evaluator))
        designs = start.search_agent()
        controls = start.search_control()
        verdict = start.judge(designs, controls)
    if isinstance(agent, PolicyAgent) and agent.policy is not None:
        folder.save_policy(agent.save)
    search.store.cut_designs(folder.id, {AGENT: len(designs), CONTROL: len(controls)})
    best_by = search.reward.best_by
    names = reference_names(folder.summary)
    figures = summary_of(config.agent_name, designs, controls, verdict, best_by=best_by, references=names)
    if start.front is not None and (best := start.front.best) is not None:
        figures |= {"best": design_to_dict(*best), FRONT: start.front.to_list()}
        figures |= {"hypervolume": verdict.hypervolume}
    if (winner := start.train_finalists([*designs, *controls])) is not None:
        own = any(design.architecture.digest == winner.architecture.digest for design in designs)
        whose = found_by(winner, config.agent_name, names) if own else CONTROL_AGENT
        figures |= {"best": design_to_dict(winner, whose)}
    figures |= {"space": search.setting.space.name, "seconds": round(start.seconds, 3)}
    figures |= {"given_up": start.given_up}
    if start.memory.reviews:
        figures["sources"] = reviews_to_dict(start.memory.reviews)
    folder.update_summary(state="finished", **figures)
    return SearchResult(folder, designs, controls, verdict)


def _settled_plan(search: Search, evaluator: Evaluator) -> ControlPlan:
    """Settles the control once for all starts of the run, and makes the run known."""
    folder, config, store = search.folder, search.config, search.store
    key = {"space_key": search.setting.space_key, "evaluator": evaluator.digest}
    if any(folder.summary.get(name, value) != value for name, value in key.items()):
        raise Error(f"{folder.path} can't go on: its data, space or settings are not what they were")
    where, whose = str(folder.path.absolute()), {**key, "evaluator": _run_key(config, evaluator)}
    store.add_run(StoredRun(folder.id, where, config.agent_name, *whose.values()))
    if "control_plan" in folder.summary:
        plan = ControlPlan(**folder.summary["control_plan"])
    else:
        stored = store.random_designs(*key.values(), most=MOST_STORED, besides=folder.id)
        comparable = not search.reward.sees_history
        plan = plan_control(
            config.agent_name, search.budget, search.setting.on_table, stored, comparable=comparable
        )
    changed = {"code_changed": changes} if (changes := changed_code(folder.summary)) else {}
    folder.update_summary(**key, **changed, state="running", control_plan=plan.to_dict())
    store.claims.release_run(folder.id)
    return plan


def _run_key(config: SearchConfig, evaluator: Evaluator) -> str:
    """The evaluator that the store knows a run by. What is left of random designs where the worse ones are
    stopped is no random sample, nor are references, and neither must be another run's control.
    """
    if config.agent_name != CONTROL_AGENT:
        return evaluator.digest
    selects = [str(config.training.fidelity)] * stops_early(evaluator, config.training.fidelity)
    return ":".join([evaluator.digest, *selects, *["references"] * bool(config.references)])
