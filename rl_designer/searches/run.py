"""One start of a run, from the control's plan to the verdict; what each of its stops says."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from rl_designer.agents.base import PolicyAgent
from rl_designer.config import SearchConfig
from rl_designer.envs.evaluation import Evaluator
from rl_designer.envs.problem import Design
from rl_designer.errors import Error, Interrupted, OverLimit, Stopped
from rl_designer.latencies.checking import checked
from rl_designer.oversight.audit import FINISHED, RESUMED, STOPPED, digests_of
from rl_designer.oversight.work import USED, Used, Work, working
from rl_designer.runs.folder import CONFIG, LIMITS, POLICY, RunFolder
from rl_designer.runs.fronts import FRONT
from rl_designer.runs.reading import design_to_dict, designs_digest, found_by, reference_names, summary_of
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
from rl_designer.text import command, cut

_LONGEST_REASON = 500  # characters in the log
USED_BEFORE = "used"  # in the summary: of hours, energy and trainings, where rules hold


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
        OverLimit: where earlier starts have used up what an organisation allows.
        Stopped: where the store or the folder can't be written.
        ValueError: where an earlier start had other data or found something else, and where another process
            is searching in the folder.
    """
    folder, observers = what.folder, what.observers
    try:
        with (
            folder.locked(),
            _under_rules(what) as work,
            _logged(what),
            kept_energy(folder, what.config.energy),
        ):
            return _searched(what, work)
    except OverLimit:
        _note_interruption(folder)
        raise
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


@contextmanager
def _logged(what: Search) -> Iterator[None]:
    """The run's log says that it goes on, and why it stopped. What can't be written is an error."""
    folder = what.folder
    if what.resumed:
        folder.log(RESUMED, used=folder.summary.get(USED_BEFORE), limits=what.rules.to_list())
    try:
        yield
    except BaseException as error:
        why = "asked to stop" if isinstance(error, KeyboardInterrupt) else _reason(error)
        folder.log(STOPPED, why=cut(why, _LONGEST_REASON), evaluations=what.observers.evaluations)
        raise


def _log_end(search: Search, figures: Mapping[str, Any]) -> None:
    """Before the summary says that it is finished, so that a finished run's log has its last line."""
    folder = search.folder
    policy = folder.path / POLICY
    files = digests_of(folder.path, [folder.path / CONFIG, *(policy.iterdir() if policy.is_dir() else ())])
    best, designs = figures["best"], search.store.designs(folder.id)
    known = {name: figures.get(name) for name in ("evaluations", "verdict", "stopped_by")}
    folder.log(
        FINISHED,
        **known,
        best=None if best is None else best["digest"],
        designs=designs_digest(designs),
        files=files,
    )


@contextmanager
def _under_rules(what: Search) -> Iterator[Work]:
    """The search as work within an organisation's rules. How long the store knows of counts as well, so that
    it doesn't help to remove what is kept in the folder.
    """
    folder, config = what.folder, what.config
    designs = what.store.designs(folder.id) if what.rules.files else []
    stored = max((found.seconds for found in designs), default=0.0)
    known = Used.model_validate(folder.summary.get(USED_BEFORE) or {})
    trainings = 0 if config.subject.no_data else config.budget.evaluations or 0
    engine = config.where.engine
    before = known.at_least(Used(seconds=stored))
    with working(
        folder.path / USED, what.rules, str(folder.path), trainings=trainings, engine=engine, before=before
    ) as work:
        try:
            yield work
        finally:
            if what.rules.files:
                with suppress(OSError):  # the file beside the summary says it, too
                    folder.update_summary(**{USED_BEFORE: work.used.model_dump()})


def _note_interruption(folder: RunFolder) -> None:
    with suppress(OSError):  # the store alone says how far it was
        folder.update_summary(state="interrupted")


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error)


def _searched(search: Search, work: Work) -> SearchResult:
    folder, config, agent = search.folder, search.config, search.agent
    with search.setting.open_evaluator() as evaluator:
        start = SearchRun(search, evaluator, _settled_plan(search, evaluator), work)
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
    figures |= checked(search.config, search.setting.space, figures["best"])
    if (rule := start.stopped_by) is not None:
        figures["stopped_by"] = rule
    if start.memory.reviews:
        figures["sources"] = reviews_to_dict(start.memory.reviews)
    _log_end(search, figures)
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
        # What the store knows of a training says nothing of a device.
        there = not config.device_costs
        stored = store.random_designs(*key.values(), most=MOST_STORED, besides=folder.id) if there else []
        comparable = not search.reward.sees_history
        plan = plan_control(
            config.agent_name, search.budget, search.setting.on_table, stored, comparable=comparable
        )
    changed: dict[str, Any] = {"code_changed": changes} if (changes := changed_code(folder.summary)) else {}
    if search.rules.files:
        changed |= {LIMITS: search.rules.to_list()}
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
