"""`SearchRun`: one start of a run, from the control's plan to the verdict; what each of its stops says."""

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from rl_designer.agents.base import Agent, PolicyAgent
from rl_designer.agents.memory import Remembers
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation, Evaluator
from rl_designer.envs.problem import Budget, Design, Problem
from rl_designer.envs.rewards import Reward, RewardError
from rl_designer.errors import Interrupted, Stopped
from rl_designer.runs.check import changed_code
from rl_designer.runs.folder import RunFolder
from rl_designer.runs.summaries import summary_of
from rl_designer.runs.verdict import (
    CONTROL_AGENT,
    Verdict,
    judge_by_designs,
    judge_by_table,
    no_control,
    not_comparable,
)
from rl_designer.searches.control import MOST_STORED, ControlPlan, evaluate_control, plan_control, rewards_of
from rl_designer.searches.energy import kept_energy
from rl_designer.searches.fidelity import stopping_early, stops_early
from rl_designer.searches.observers import Observer, Start
from rl_designer.searches.replay import RecordedProblem, Replay
from rl_designer.searches.sources import kept_sources, reviews_to_dict
from rl_designer.setting import Setting
from rl_designer.store.evaluator import StoredEvaluator
from rl_designer.store.store import Store, StoredRun, StoreError

AGENT, CONTROL = "agent", "control"
CONTROL_BATCH = 8


@dataclass(frozen=True)
class SearchResult:
    """What came out of a search.

    Attributes:
        designs: the agent's, in order.
        controls: the random ones that this run paid for.
        summary: what `train --json` prints and `summary.json` keeps.
    """

    folder: RunFolder
    designs: Sequence[Design]
    controls: Sequence[Design]
    verdict: Verdict
    summary: dict[str, Any]


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error)


class SearchRun:
    """One start of one run."""

    def __init__(
        self,
        folder: RunFolder,
        setting: Setting,
        store: Store,
        agent: Agent,
        reward: Reward,
        observers: Observer,
    ) -> None:
        self.folder = folder
        self.config = folder.config
        self.setting = setting
        self.store = store
        self.agent = agent
        self.reward = reward
        self.observers = observers
        self.heard = 0  # evaluations known in this start

    def run(self) -> SearchResult:
        """Searches, judges, saves."""
        try:
            with self.folder.locked():
                with kept_energy(self.folder, self.config.energy):
                    result = self._search()
                return replace(result, summary=self.folder.summary)
        except KeyboardInterrupt:
            self._note_interruption()
            raise Interrupted(
                f"stopped after {self.heard:,} evaluations; all of them are stored. "
                f"Go on with: rl-designer resume {self.folder.path}"
            ) from None
        except (StoreError, OSError) as error:
            self._note_interruption()
            raise Stopped(
                f"{_reason(error)} (stopped after {self.heard:,} evaluations; all of them are stored. "
                f"Then go on with: rl-designer resume {self.folder.path})"
            ) from error
        finally:
            self.observers.closed()

    def _note_interruption(self) -> None:
        with suppress(OSError):  # the store alone says how far it was
            self.folder.update_summary(state="interrupted")

    def _search(self) -> SearchResult:
        with self.setting.open_evaluator() as evaluator:
            plan = self._begin(evaluator)
            designs = self._search_agent(plan)
            controls = self._search_control(plan)
            verdict = self._judge(evaluator, plan, designs, controls)
        if isinstance(self.agent, PolicyAgent) and self.agent.policy is not None:
            self.folder.save_policy(self.agent.save)
        self.store.cut_designs(self.folder.id, {AGENT: len(designs), CONTROL: len(controls)})
        best_by = self.reward.best_by
        figures = summary_of(self.config.agent_name, designs, controls, verdict, best_by=best_by)
        figures |= {"space": self.setting.space.name, "seconds": round(self.clock(), 3)}
        if isinstance(self.agent, Remembers) and self.config.sources:
            figures["sources"] = reviews_to_dict(self.agent.reviews)
        self.folder.update_summary(state="finished", **figures)
        return SearchResult(self.folder, designs, controls, verdict, self.folder.summary)

    def _begin(self, evaluator: Evaluator) -> ControlPlan:
        """Settles the control once for all starts of the run, and winds the clock."""
        folder, config = self.folder, self.config
        key = {"space_key": self.setting.space_key, "evaluator": evaluator.digest}
        if any(folder.summary.get(name, value) != value for name, value in key.items()):
            raise ValueError(f"{folder.path} can't go on: its data, space or settings are not what they were")
        where, whose = str(folder.path.absolute()), {**key, "evaluator": self._run_key(evaluator)}
        self.store.add_run(StoredRun(folder.id, where, config.agent_name, *whose.values()))
        if "control_plan" in folder.summary:
            plan = ControlPlan(**folder.summary["control_plan"])
        else:
            stored = self.store.random_designs(*key.values(), most=MOST_STORED, besides=folder.id)
            comparable = not self.reward.sees_history
            plan = plan_control(config, self.setting.on_table, stored, comparable=comparable)
        changed = {"code_changed": changes} if (changes := changed_code(folder.summary)) else {}
        folder.update_summary(**key, **changed, state="running", control_plan=plan.to_dict())
        self.store.claims.release_run(folder.id)
        self.replay = Replay(folder.path, self.store.designs(folder.id))
        self.clock = self.replay.clock
        self.evaluator = StoredEvaluator(self.store, evaluator, folder.id, self._hear)
        # A run without a fidelity is older than early stopping.
        self.search_evaluator = stopping_early(
            self.evaluator, evaluator, config.training.fidelity, self.reward
        )
        self.observers.started(
            Start(
                folder.path,
                self.setting.title,
                self.setting.space.name,
                config.agent,
                config.budget.evaluations,
                plan.paid or 0,
                config.budget.time_limit,
                len(self.replay),
                config.sources,
            )
        )
        return plan

    def _search_agent(self, plan: ControlPlan) -> Sequence[Design]:
        evaluations, seconds = self.config.budget.evaluations, self.config.budget.time_limit
        if plan.paid != 0:
            evaluations = None if evaluations is None else evaluations - (plan.paid or 0)
            seconds = None if seconds is None else seconds * (1 - self.config.budget.control_share)
        if self.replay.count(CONTROL):  # an earlier start got as far as the control
            evaluations, seconds = self.replay.count(AGENT), None
        if isinstance(self.agent, Remembers):
            self.agent.remember(kept_sources(self.folder, self.setting.space), self.observers.reviewed)
        problem = self._problem(AGENT, Budget(evaluations, seconds), self.search_evaluator)
        self.agent.search(problem)
        return problem.designs

    def _search_control(self, plan: ControlPlan) -> Sequence[Design]:
        seconds = self.config.budget.time_limit
        if seconds is not None:
            seconds -= self.clock()
        if plan.paid == 0 or (seconds is not None and seconds <= 0):
            return []
        # Never stopped early, so that the verdict, of this run and of later ones, is by whole trainings.
        problem = self._problem(CONTROL, Budget(plan.paid, seconds), self.evaluator)
        batch = max(self.setting.at_once, CONTROL_BATCH)
        evaluate_control(problem, plan.known, self.config.seed, batch)
        return problem.designs

    def _run_key(self, evaluator: Evaluator) -> str:
        """The evaluator that the store knows the run by. What is left of random designs where the worse ones
        are stopped is no random sample, and must not be another run's control.
        """
        fidelity, key = self.config.training.fidelity, evaluator.digest
        selects = self.config.agent_name == CONTROL_AGENT and stops_early(evaluator, fidelity)
        return f"{key}:{fidelity}" if selects else key

    def _problem(self, source: str, budget: Budget, evaluator: Evaluator) -> Problem:
        problem = RecordedProblem(
            self.setting.space,
            evaluator,
            self.reward,
            budget,
            failure_reward=self.config.failure_reward,
            clock=self.clock,
        )
        problem.record = partial(self._record, source)
        return problem

    def _hear(self, architecture: Architecture, evaluation: Evaluation, stored: bool) -> None:
        self.heard += 1
        self.observers.evaluated(architecture, evaluation, self._known_reward(evaluation), stored)

    def _known_reward(self, evaluation: Evaluation) -> float | None:
        """None where only the problem, which pays in order, can tell; an error is told there, once."""
        if self.reward.sees_history:
            return None
        try:
            return self._rewards([evaluation])[0]
        except RewardError:
            return None

    def _record(self, source: str, designs: Sequence[Design]) -> None:
        for design in designs:
            self.replay.check(source, design)
        self.clock.replay(len(designs))
        seconds, key = self.clock(), self.evaluator.key
        for design in designs:
            if design.evaluation.stopped_at is not None:
                self.evaluator.keep(design.architecture, design.evaluation)
        self.store.add_designs(
            self.folder.id, source, [(design, key(design.evaluation), seconds) for design in designs]
        )
        for design in designs:
            self.observers.designed(design, source)

    def _judge(
        self, evaluator: Any, plan: ControlPlan, designs: Sequence[Design], controls: Sequence[Design]
    ) -> Verdict:
        # A design that was stopped early never counts as better than one of the control.
        rewards = [d.reward if d.evaluation.stopped_at is None else -math.inf for d in designs]
        agent = self.config.agent_name
        if agent == CONTROL_AGENT or self.config.budget.control_share == 0:
            return no_control(agent, rewards)
        if self.reward.sees_history:
            return not_comparable(agent, self.reward.name)
        if self.setting.on_table:
            return judge_by_table(self._rewards(evaluator.evaluations()), agent, rewards)
        known = self.store.evaluations([evaluator.digest], plan.known)
        paid = [design.reward for design in controls]
        return judge_by_designs(agent, rewards, [*self._rewards(known.values()), *paid], len(paid))

    def _rewards(self, evaluations: Iterable[Evaluation]) -> list[float]:
        return rewards_of(evaluations, self.reward, self.config.failure_reward)
