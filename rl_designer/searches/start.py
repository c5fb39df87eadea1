"""One start of a run: its agent's designs, its control's, its finalists, and the verdict."""

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from rl_designer.agents.base import Agent
from rl_designer.agents.memory import Memory, Remembers
from rl_designer.config import SearchBudget, SearchConfig
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation, Evaluator
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.evaluators.training import TrainingEvaluator
from rl_designer.envs.limits import Rules
from rl_designer.envs.objectives import Objectives
from rl_designer.envs.problem import Budget, BudgetSpent, Design, Problem
from rl_designer.envs.references.nearest import NearestReferences
from rl_designer.envs.rewards import Reward, RewardError
from rl_designer.oversight.admission import told as limits_told
from rl_designer.oversight.work import HOUR, Work
from rl_designer.runs.finalists import FINALISTS
from rl_designer.runs.folder import RunFolder
from rl_designer.runs.front_verdict import judge_front_by_designs, judge_front_by_table
from rl_designer.runs.reading import found_by, reference_names
from rl_designer.runs.verdict import (
    CONTROL_AGENT,
    Verdict,
    judge_by_designs,
    judge_by_table,
    no_control,
    not_comparable,
)
from rl_designer.searches.control import ControlPlan, evaluate_control, rewards_of
from rl_designer.searches.finalists import SECONDS as FINALISTS_SECONDS
from rl_designer.searches.finalists import Finals, Found, train_finalists
from rl_designer.searches.objectives import KeptFront, front_told, values_in_full
from rl_designer.searches.observers import Observers, Start
from rl_designer.searches.references import told
from rl_designer.searches.replay import RecordedProblem, Replay
from rl_designer.searches.sources import kept_sources
from rl_designer.searches.stopping import stopping_early
from rl_designer.setting import Setting
from rl_designer.store.evaluator import StoredEvaluator
from rl_designer.store.store import Store

AGENT, CONTROL = "agent", "control"
CONTROL_BATCH = 8
_MOST_FOR_CLOSING = 0.25  # of the time


@dataclass(frozen=True)
class Search:
    """A search put together: what it is of, who searches, and what keeps and shows it.

    Attributes:
        folder: of the run.
        config: the folder's; where this start trains its designs may differ.
        references: the networks designed by hand that are evaluated first.
        finals: how its finalists are trained; None where it has none.
        objectives: where a whole front is searched for; None where the reward is all.
        rules: of an organisation, that it is under.
        resumed: whether it was begun before.
    """

    folder: RunFolder
    config: SearchConfig
    setting: Setting
    store: Store
    agent: Agent
    reward: Reward
    observers: Observers
    references: NearestReferences
    finals: Finals | None = None
    objectives: Objectives | None = None
    rules: Rules = field(default_factory=Rules)
    resumed: bool = False

    @property
    def budget(self) -> SearchBudget:
        """Of the search and its control."""
        budget = self.config.budget
        return budget if self.finals is None else self.finals.left_of(budget)


def _without_closing(seconds: float, agent: Agent) -> float:
    """The seconds of a search, less what the agent needs after them."""
    return seconds - min(agent.closing_seconds, _MOST_FOR_CLOSING * seconds)


class SearchRun:
    """One start of one run.

    Attributes:
        clock: seconds of the run, over all its starts.
        memory: how the earlier runs stand that it starts with.
        front: what no design of the run beats; None for a search by a reward.
    """

    def __init__(self, search: Search, evaluator: Evaluator, plan: ControlPlan, work: Work) -> None:
        folder, config, setting = search.folder, search.config, search.setting
        self._search, self._evaluator, self._plan, self._work = search, evaluator, plan, work
        if isinstance(evaluator, TrainingEvaluator):
            evaluator.asked = work.used.trainings  # by earlier starts
        self._problems: dict[str, RecordedProblem] = {}
        sources = kept_sources(folder.path, config.sources, setting.space, config.experience)
        self._replay = Replay(folder.path, search.store.designs(folder.id))
        self.clock = self._replay.clock
        found = search.objectives
        self.front = None if found is None else KeptFront(folder, found, len(self._replay))
        self._finalists_before = float(folder.summary.get(FINALISTS_SECONDS, 0.0))
        self.memory = Memory(sources, search.observers.reviewed)
        self._stored = StoredEvaluator(search.store, evaluator, folder.id, self._evaluated)
        # A run without a fidelity is older than early stopping.
        self._stopping = stopping_early(self._stored, evaluator, config.training.fidelity, search.reward)
        search.observers.started(
            Start(
                folder.path,
                setting.title,
                setting.space.name,
                config.agent,
                search.budget.evaluations,
                plan.paid or 0,
                config.budget.time_limit,
                len(self._replay),
                tuple(source.name for source in sources),
                (*setting.about, *told(search.references), *limits_told(search.rules), *front_told(found)),
                "" if search.finals is None else search.finals.told,
            )
        )

    @property
    def given_up(self) -> int:
        """Designs that were asked for, but hadn't been evaluated when the time was over."""
        return sum(problem.given_up for problem in self._problems.values())

    def search_agent(self) -> Sequence[Design]:
        """The agent's designs."""
        budget, agent, paid = self._search.budget, self._search.agent, self._plan.paid
        evaluations, seconds = budget.evaluations, budget.time_limit
        if seconds is not None:
            kept = budget.control_share if paid != 0 else 0.0
            seconds = min(seconds * (1 - kept), _without_closing(seconds, agent))
        if paid != 0:
            evaluations = None if evaluations is None else evaluations - (paid or 0)
        if self._replay.count(CONTROL) or self._in_finals:  # an earlier start got as far as that
            evaluations, seconds = self._replay.count(AGENT), None
        problem = self._problem(AGENT, Budget(evaluations, seconds), self._stopping)
        self._begin_with_references(problem)
        if isinstance(agent, Remembers):
            agent.search_from(problem, self.memory)
        else:
            agent.search(problem)
        return problem.designs

    def _begin_with_references(self, problem: Problem) -> None:
        """They are so few that none is stopped early, so that no search ends below them."""
        if found := self._search.references.found:
            with suppress(BudgetSpent):  # which the agent, too, will hear
                problem.evaluate([near.architecture for near in found])

    def search_control(self) -> Sequence[Design]:
        """The random designs that this run pays for."""
        seconds, paid = self._search.budget.time_limit, self._plan.paid
        if self._in_finals:
            seconds, paid = None, self._replay.count(CONTROL)
        if seconds is not None:
            seconds -= self.clock()
        if paid == 0 or (seconds is not None and seconds <= 0) or not self._problems[AGENT].designs:
            return []
        # Never stopped early, so that the verdict, of this run and of later ones, is by whole trainings.
        problem = self._problem(CONTROL, Budget(paid, seconds), self._stored)
        batch = max(self._search.setting.at_once, CONTROL_BATCH)
        evaluate_control(problem, self._plan.known, self._search.config.seed, batch)
        return problem.designs

    @property
    def _in_finals(self) -> bool:
        """Whether an earlier start had ended the search."""
        return FINALISTS in self._search.folder.summary and len(self._replay) > 0

    def train_finalists(self, designs: Sequence[Design]) -> Design | None:
        """The best of the best designs after longer trainings; None where there are none."""
        search, limit = self._search, self._search.config.budget.time_limit
        if search.finals is None or search.setting.objective is None:
            return None
        seconds = None if limit is None else limit - self.clock()
        found = Found(search.folder, designs, search.reward, search.setting.objective, seconds)
        return train_finalists(found, search.finals, search.observers)

    @property
    def seconds(self) -> float:
        """Of the run, over all its starts."""
        return self.clock() + self._finalists_before

    def judge(self, designs: Sequence[Design], controls: Sequence[Design]) -> Verdict:
        """Was the agent better than random search?"""
        search, evaluator = self._search, self._evaluator
        references = {near.architecture.digest for near in search.references.found}
        own = [design for design in designs if design.architecture.digest not in references]
        # A design that was stopped early never counts as better than one of the control.
        rewards = [d.reward if d.evaluation.stopped_at is None else -math.inf for d in own]
        agent = search.config.agent_name
        if agent == CONTROL_AGENT or search.config.budget.control_share == 0:
            return no_control(agent, rewards)
        if search.reward.sees_history:
            return not_comparable(agent, search.reward.name)
        if search.objectives is not None:
            verdict = self._judge_front(search.objectives, own, controls)
        elif isinstance(evaluator, TableEvaluator):
            return judge_by_table(self._rewards(evaluator.evaluations()), agent, rewards)
        else:
            paid = [design.reward for design in controls]
            known = self._rewards(self._known_controls())
            verdict = judge_by_designs(agent, rewards, [*known, *paid], len(paid))
        if references and rewards:
            counted = f"{verdict.sentence} The references that it began with don't count."
            return replace(verdict, sentence=counted)
        return verdict

    def _known_controls(self) -> Iterable[Evaluation]:
        """Of the earlier runs' random designs that it is compared with."""
        return self._search.store.evaluations([self._evaluator.digest], self._plan.known).values()

    def _judge_front(
        self, objectives: Objectives, own: Sequence[Design], controls: Sequence[Design]
    ) -> Verdict:
        agent, evaluator = self._search.config.agent_name, self._evaluator
        values = values_in_full(objectives, [design.evaluation for design in own])
        if isinstance(evaluator, TableEvaluator):
            return judge_front_by_table(objectives.values(evaluator.evaluations()), agent, values)
        evaluations = [*self._known_controls(), *(design.evaluation for design in controls)]
        return judge_front_by_designs(agent, values, values_in_full(objectives, evaluations), len(controls))

    def _problem(self, source: str, budget: Budget, evaluator: Evaluator) -> RecordedProblem:
        self._problems[source] = problem = RecordedProblem(
            partial(self._record, source),
            self._search.setting.space,
            evaluator,
            self._search.reward,
            budget,
            failure_reward=self._search.config.failure_reward,
            clock=self.clock,
            work=self._work,
            objectives=self._search.objectives,
        )
        return problem

    @property
    def stopped_by(self) -> str | None:
        """The rule of an organisation that ended it; None where none did."""
        said = [problem.stopped_by for problem in self._problems.values() if problem.stopped_by]
        if said:
            return said[0]
        budget, hours = self._search.config.budget, self._search.rules.strictest("hours")
        designs = sum(len(problem.designs) for problem in self._problems.values())
        all_there = budget.evaluations is not None and designs >= (self._search.budget.evaluations or 0)
        by_time = hours is not None and budget.time_limit == hours.value * HOUR and not all_there
        return str(hours) if by_time else None

    def _evaluated(self, architecture: Architecture, evaluation: Evaluation, stored: bool) -> None:
        if not stored:
            self._work.trained()
        self._search.observers.evaluated(architecture, evaluation, self._known_reward(evaluation), stored)

    def _known_reward(self, evaluation: Evaluation) -> float | None:
        """None where only the problem, which pays in order, can tell; an error is told there, once."""
        if self._search.reward.sees_history:
            return None
        try:
            return self._rewards([evaluation])[0]
        except RewardError:
            return None

    def _record(self, source: str, designs: Sequence[Design]) -> None:
        for design in designs:
            self._replay.check(source, design)
        self._replay.clock.replay(len(designs))
        seconds, stored = self.clock(), self._stored
        for design in designs:
            if design.evaluation.stopped_at is not None:
                stored.keep(design.architecture, design.evaluation)
        kept = [(design, stored.key(design.evaluation), seconds) for design in designs]
        self._search.store.add_designs(self._search.folder.id, source, kept)
        if self.front is not None:
            self.front.add(designs, [self._found_by(source, design) for design in designs])
        for design in designs:
            self._search.observers.designed(design, source)

    def _found_by(self, source: str, design: Design) -> str:
        if source == CONTROL:
            return CONTROL_AGENT
        names = reference_names(self._search.folder.summary)
        return found_by(design, self._search.config.agent_name, names)

    def _rewards(self, evaluations: Iterable[Evaluation]) -> list[float]:
        return rewards_of(evaluations, self._search.reward, self._search.config.failure_reward)
