"""What a run found: its designs, read from the store, and its figures as JSON-ready objects."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.metrics import ACCURACY, Objective
from rl_designer.envs.problem import Design, best_of, rank
from rl_designer.envs.rewards import BestBy
from rl_designer.envs.search_spaces.limits import ON_DEVICE
from rl_designer.oversight.audit import digest_of
from rl_designer.quantities import show_figure
from rl_designer.runs.finalists import Finalist, finalists_of
from rl_designer.runs.folder import DATA_CONTENT, RunFolder
from rl_designer.runs.fronts import Facts, FrontDesign, front_of, objectives_of
from rl_designer.runs.verdict import CONTROL_AGENT, Verdict, quarter_means
from rl_designer.store.store import Store, StoredDesign
from rl_designer.text import printable


@dataclass(frozen=True)
class RunReport:
    """A run's folder and its designs, the agent's first.

    Attributes:
        controls: evaluations of the earlier runs' random designs that it is compared with.
    """

    folder: RunFolder
    designs: list[StoredDesign]
    controls: Sequence[Evaluation] = ()

    @property
    def agent(self) -> str:
        """The agent's name, without its options."""
        return self.folder.config.agent_name

    @property
    def title(self) -> str:
        """Which agent it was on what."""
        return f"{self.agent} on {self.folder.summary.get('title') or self.folder.config.subject.name}"

    @property
    def winners(self) -> list[StoredDesign]:
        """Distinct designs that were trained in full, the best first: the finalists as they were after their
        longer training, or the front with objectives, then the others by `rank`.
        """
        trained = [d for d in self.designs if d.design.evaluation.in_full]
        best: dict[str, StoredDesign] = {}
        for found in sorted(trained, key=lambda d: rank(d.design, self.best_by)):
            best.setdefault(found.design.architecture.digest, found)
        places = {finalist.digest: place for place, finalist in enumerate(self.finalists)}
        places |= {on_front.digest: place for place, on_front in enumerate(self.front)}
        return sorted(best.values(), key=lambda d: places.get(d.design.architecture.digest, len(places)))

    @property
    def objectives(self) -> list[Facts]:
        """What it searched for at once; none where that was a reward."""
        return objectives_of(self.folder.summary)

    @cached_property
    def front(self) -> list[FrontDesign]:
        """With objectives the designs that no other beats, the best by the leading objective first."""
        return front_of(self.folder.summary, self.designs)

    def shown(self, objective: Facts, figure: float) -> str:
        """A figure of an objective for people, by the run's metric where it is the score."""
        return show_figure(self.objective.value_of(figure)) if objective.is_score else objective.shown(figure)

    def title_of(self, objective: Facts) -> str:
        """An objective for people."""
        if objective.is_score:
            return f"val. {self.objective.metric}"
        unit = objective.unit
        name = objective.label
        return f"{name} ({unit})" if unit not in ("", name) else name

    @property
    def finalists(self) -> list[Finalist]:
        """Those that were trained longer and have a score, the best first."""
        known = finalists_of(self.folder.summary)
        return [finalist for finalist in known if finalist.val_score is not None]

    @property
    def best_by(self) -> BestBy:
        """What the designs are ranked by: reward, or accuracy where the reward saw the history."""
        return "val_accuracy" if self.folder.summary.get("best_by") == "val_accuracy" else "reward"

    @property
    def about(self) -> Sequence[str]:
        """What people should know of the data, a line each."""
        return self.folder.summary.get("about") or []

    @property
    def references(self) -> Mapping[str, str]:
        """The networks designed by hand that it began with: digest → name."""
        return reference_names(self.folder.summary)

    @property
    def objective(self) -> Objective:
        """What is good on the run's data; of a run of before there was a choice, and on a table, accuracy."""
        known = self.folder.summary.get("objective")
        return Objective(ACCURACY.name, math.nan) if known is None else Objective(**known)

    def measured(self, evaluation: Evaluation) -> float | None:
        """The value of the run's metric, see `objective`; None where it isn't known."""
        return None if evaluation.score is None else self.objective.value_of(evaluation.score)

    def measured_longer(self, design: StoredDesign) -> float | None:
        """The same after a finalist's longer training; None of other designs."""
        digest = design.design.architecture.digest
        scores = (finalist.val_score for finalist in self.finalists if finalist.digest == digest)
        score = next(scores, None)
        return None if score is None else self.objective.value_of(score)

    def position(self, design: StoredDesign) -> int:
        """Which evaluation of the run it was, from 1; the control's come after the agent's."""
        agents = sum(d.source == "agent" for d in self.designs)
        return design.design.index + 1 + (0 if design.source == "agent" else agents)

    def is_own(self, design: StoredDesign) -> bool:
        """Whether the agent proposed it; the references that it began with it didn't."""
        return design.source == "agent" and design.design.architecture.digest not in self.references

    def found_by(self, design: StoredDesign) -> str:
        """The agent's name, the control's, or a reference's."""
        if design.source != "agent":
            return CONTROL_AGENT
        return printable(found_by(design.design, self.agent, self.references))


def read_run(run: Path | RunFolder, store: str | None = None) -> RunReport:
    """A run with its designs; also one that is still running or was stopped.

    Args:
        run: its folder; a path is opened.
        store: where its store is now; None for where it was.

    Raises:
        ValueError: where there is no run, or no store.
    """
    folder = RunFolder.open(run) if isinstance(run, Path) else run
    with Store(store or folder.store_location, create=False) as opened:
        known = (folder.summary.get("control_plan") or {}).get("known", [])
        evaluator = str(folder.summary.get("evaluator", ""))
        controls = opened.evaluations([evaluator], known) if known else {}
        designs = _on_device(opened.designs(folder.id), folder.summary.get("setting") or {})
        return RunReport(folder, designs, list(controls.values()))


def _on_device(designs: list[StoredDesign], setting: Mapping[str, Any]) -> list[StoredDesign]:
    """With what the run counts on its device; the store, open to runs for other devices, doesn't keep it."""
    if not setting.get("device_numbers"):
        return designs
    from rl_designer.envs.search_spaces.costs import counted_beside

    def costing(design: Design) -> Design:
        counted = counted_beside(design.architecture, setting)
        known: dict[str, Any] = {cost: counted[cost] for cost in ON_DEVICE if cost in counted}
        return replace(design, evaluation=replace(design.evaluation, **known))

    return [replace(found, design=costing(found.design)) for found in designs]


def report_to_dict(reports: Sequence[RunReport]) -> dict[str, Any]:
    """What `report --json` prints: the designs of all runs, the best of them, and each run's figures."""
    designs = [
        {"run": str(report.folder.path), **design_to_dict(d.design, report.found_by(d)), "seconds": d.seconds}
        for report in reports
        for d in report.designs
    ]
    # Of a run with finalists, or a front, only the first of them can be the best of all.
    chosen = [r for r in reports if r.finalists or r.front]
    decided = {str(r.folder.path): r.winners[0].design.architecture.digest for r in chosen}
    trained = [
        design
        for design in designs
        if design["failure"] is None
        and design["stopped_at"] is None
        and design["digest"] == decided.get(design["run"], design["digest"])
    ]
    by_accuracy = any(report.best_by == "val_accuracy" for report in reports)
    best_by = "val_accuracy" if by_accuracy else "reward"
    return {
        "designs": designs,
        "best": max(trained, key=lambda design: design[best_by] or 0.0, default=None),
        "runs": [{"run": str(report.folder.path), **public_summary(report.folder)} for report in reports],
    }


def public_summary(folder: RunFolder) -> dict[str, Any]:
    """A run's summary without what only a resumed run needs."""
    inside = {"place", "control_plan", "space_key", "evaluator", "setting", DATA_CONTENT}
    inside |= {"limits", "used", "audit"}
    return {name: value for name, value in folder.summary.items() if name not in inside} | {
        "run": str(folder.path)
    }


def design_to_dict(design: Design, found_by: str) -> dict[str, Any]:
    """A design as `train --json` and `report --json` give it."""
    evaluation = design.evaluation
    return {
        "index": design.index,
        "digest": design.architecture.digest,
        "layers": [layer.to_dict() for layer in design.architecture.layers],
        "reward": design.reward,
        "val_accuracy": evaluation.val_accuracy,
        "val_score": evaluation.score,
        "parameters": evaluation.parameters,
        "macs": evaluation.macs,
        "failure": evaluation.failure,
        "stopped_at": evaluation.stopped_at,
        "found_by": found_by,
    }


def designs_digest(designs: Sequence[StoredDesign]) -> str:
    """Changes with any design of a run, its reward, its place and who proposed it; 64 hexadecimal digits."""
    told = [(d.source, d.design.index, d.design.architecture.digest, d.design.reward) for d in designs]
    return digest_of(json.dumps(sorted(told)).encode())


def reference_names(run_summary: Mapping[str, Any]) -> Mapping[str, str]:
    """The networks designed by hand that a run began with: digest → name."""
    found = run_summary.get("references", {}).get("found", ())
    return {reference["digest"]: reference["name"] for reference in found}


def found_by(design: Design, agent: str, references: Mapping[str, str]) -> str:
    """The agent's name, or a reference's, such as `reference resnet-8`."""
    name = references.get(design.architecture.digest)
    return agent if name is None else f"reference {name}"


def improvement(designs: Sequence[Design]) -> dict[str, float] | None:
    """Mean reward of the first and of the last quarter of an agent's designs; None for fewer than 4."""
    means = quarter_means([design.reward for design in designs])
    return None if means is None else {"first_quarter": means[0], "last_quarter": means[1]}


def summary_of(
    agent: str,
    designs: Sequence[Design],
    controls: Sequence[Design],
    verdict: Verdict,
    *,
    best_by: BestBy = "reward",
    references: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """The figures of a finished search. `best` is of all designs, `agent_best` of the agent's.

    Args:
        best_by: how the best is chosen; see `best_of`.
        references: digest → name of those among the agent's designs that were made by hand.
    """
    agent_best, control_best = (best_of(found, best_by) for found in (designs, controls))
    own = agent if agent_best is None else found_by(agent_best, agent, references)
    best, whose = agent_best, own
    if control_best is not None and (agent_best is None or control_best.reward > agent_best.reward):
        best, whose = control_best, CONTROL_AGENT
    learned = [design for design in designs if design.architecture.digest not in references]
    return {
        "agent": agent,
        "evaluations": len(designs) + len(controls),
        "agent_evaluations": len(designs),
        "failures": sum(d.evaluation.failure is not None for d in chain(designs, controls)),
        "stopped_early": sum(d.evaluation.stopped_at is not None for d in chain(designs, controls)),
        "best": None if best is None else design_to_dict(best, whose),
        "agent_best": None if agent_best is None else design_to_dict(agent_best, own),
        "improvement": improvement(learned) if best_by == "reward" else None,
        "control": None if verdict.control is None else verdict.control.to_dict(),
        "better_than_control": verdict.better,
        "p_value": verdict.p_value,
        "verdict": verdict.sentence,
    }
