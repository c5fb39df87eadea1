"""Rivals trained on what a winner is trained on, scored on the same part, and kept in its results."""

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets import Dataset
from rl_designer.envs.datasets.dataset import Targets
from rl_designer.envs.datasets.targets import metric_in_unit
from rl_designer.envs.metrics import metric_of
from rl_designer.envs.workers.devices import cores
from rl_designer.envs.workers.failures import failure_of
from rl_designer.errors import Interrupted
from rl_designer.interruption import uninterrupted
from rl_designer.quantities import show_seconds
from rl_designer.retraining.answers import ANSWERS, answers_of, part_digest
from rl_designer.retraining.folder import RetrainedFolder
from rl_designer.retraining.rival import MOST_SECONDS, QUICK_SECONDS, Rival, Setup, Size, outputs_of
from rl_designer.retraining.rivals import FOLDS, RIVALS
from rl_designer.retraining.scores import score, spread
from rl_designer.retraining.settings import Plan
from rl_designer.retraining.verdicts import with_rivals

_OF_ONE_THREAD = 200_000  # numbers in all examples
_QUICK_KINDS = ("features", "signal", "text")

Parts = tuple[NDArray[np.float32], Targets]
Results = dict[Path, dict[str, Any]]
Told = Callable[[str], None]


@dataclass(frozen=True)
class Contest:
    """The arrays, and how much of them rivals get.

    Attributes:
        x, y: what is trained on, as `Dataset` has it.
        limit: seconds for one rival, see `Rival.seconds`.
    """

    dataset: Dataset
    plan: Plan
    x: NDArray[np.float32]
    y: Targets
    limit: float

    @classmethod
    def of(cls, dataset: Dataset, plan: Plan, x: NDArray[np.float32], y: Targets) -> "Contest":
        return cls(dataset, plan, x, y, MOST_SECONDS if plan.rivals else QUICK_SECONDS)

    @property
    def split(self) -> str:
        """Which part is scored on."""
        return "val" if self.plan.on_validation else "test"

    @cached_property
    def size(self) -> Size:
        """Of what is trained on."""
        features, unit = math.prod(self.dataset.input_shape), "numbers"
        if self.dataset.texts is not None:
            features, unit = max(1, round(fmean(map(len, self.given)))), "characters"
        return Size(len(self.y), features, self.dataset.num_classes, unit)

    @cached_property
    def given(self) -> NDArray[Any]:
        """What rivals are trained on: the inputs, or the texts themselves."""
        if self.dataset.texts is None:
            return self.x
        return self.dataset.texts[0] if self.plan.on_validation else np.concatenate(self.dataset.texts)

    @cached_property
    def asked(self) -> NDArray[Any]:
        """What they are scored on, of the part that is."""
        texts = self.dataset.texts
        if texts is None:
            return self.scored[0]
        if self.plan.on_validation:
            return texts[1]
        assert self.dataset.sealed_test is not None  # `retrain` has looked
        opened = self.dataset.sealed_test.open_texts()
        assert opened is not None  # of texts there always are some
        return opened

    @property
    def threads(self) -> int | None:
        """Of the libraries; None for as many as they would take."""
        return 1 if self.size.cells <= _OF_ONE_THREAD else None

    @property
    def entrants(self) -> list[Rival]:
        """Those for such data; of images only where they are asked for."""
        if self.plan.rivals is False or not (self.plan.rivals or self.dataset.kind in _QUICK_KINDS):
            return []
        return [rival for rival in RIVALS.values() if self.dataset.kind in rival.kinds]

    @cached_property
    def scored(self) -> Parts:
        """The part that is scored on; of the test this opens it."""
        if self.plan.on_validation:
            return self.dataset.x_val, self.dataset.y_val
        assert self.dataset.sealed_test is not None  # `retrain` has looked
        return self.dataset.sealed_test.open()

    @property
    def splits(self) -> Any:
        """Of what is trained on, for cross-validation: no group of examples is on both sides of one."""
        from sklearn.model_selection import KFold, PredefinedSplit, StratifiedKFold

        if self.dataset.grouped:
            added = np.zeros(len(self.y) - len(self.dataset.folds), dtype=np.int8)  # the validation part
            return PredefinedSplit(np.concatenate([self.dataset.folds, added]))
        number = self.y.dtype.kind == "f"
        most = len(self.y) if number else int(np.bincount(self.y).max())
        folds = max(2, min(FOLDS, most))  # no more than there are examples of the largest class
        return (KFold if number else StratifiedKFold)(folds, shuffle=True, random_state=0)

    def searches(self, rival: Rival) -> bool:
        """Whether it can choose by cross-validation: there must be time, and groups enough."""
        enough = not self.dataset.grouped or len(self.dataset.folds) > 0
        return enough and rival.searches(self.size, self.limit)

    def seeds(self, rival: Rival) -> range:
        """Of the trainings of a rival: fewer than the network's where they would take too long."""
        affordable = int(self.limit / rival.seconds(self.size))
        wanted = rival.seeds(self.size.examples, self.plan.seeds)
        return range(min(wanted, max(1, affordable)))


def compete(contest: Contest, results: Results, told: Told) -> Results:
    """The results with rivals beside them, as they are written, after each rival.

    All winners have the same rivals, and what one of them has is not made again.

    Args:
        results: by folder, on the same data.
        told: of each rival that was trained.

    Raises:
        Interrupted: on Ctrl-C; its text says how to go on.
    """
    if not contest.entrants:
        return results
    known = _known(results)
    left_out: list[dict[str, str]] = []
    try:
        for rival in contest.entrants:
            line = known.get(rival.name)
            lack = rival.lack(contest.size, contest.limit)
            if lack is not None and line is None:
                left_out.append({"name": rival.name, "reason": lack})
                continue
            known[rival.name] = _take_part(rival, contest, line, [] if lack else contest.seeds(rival), told)
            _write(results, known, left_out)
    except KeyboardInterrupt:
        raise Interrupted(
            "stopped while rivals were trained; what has ended is kept: give the same command again, "
            "or with --no-rivals"
        ) from None
    _write(results, known, left_out)
    return results


def _known(results: Results) -> dict[str, dict[str, Any]]:
    """By name, of each the line with most trainings."""
    lines = [line for figures in results.values() for line in figures["rivals"]]
    return {line["name"]: line for line in sorted(lines, key=lambda line: len(line["seeds"]))}


def _write(results: Results, known: Mapping[str, dict[str, Any]], left_out: list[dict[str, str]]) -> None:
    for path, figures in results.items():
        changed = with_rivals(figures, [known[name] for name in RIVALS if name in known], left_out)
        if changed != figures:
            results[path] = changed
            with uninterrupted():
                RetrainedFolder(path).write_results(changed)


def _take_part(
    rival: Rival, contest: Contest, known: Mapping[str, Any] | None, seeds: Sequence[int], told: Told
) -> dict[str, Any]:
    """A rival's line, see docs/retraining.md. What is known isn't made again, a failure is.

    Args:
        known: its line of before.
        seeds: those that are wanted.
    """
    lines = {line["seed"]: line for line in (known or {}).get("seeds", ()) if line["failure"] is None}
    searched = contest.searches(rival)
    for seed in seeds:
        if seed not in lines:
            lines[seed] = line = _line(rival, contest, seed, searched)
            outcome = (
                f"after {show_seconds(line['seconds'] or 0)}" if not line["failure"] else line["failure"]
            )
            told(f"{rival.name}: {'trained, ' if not line['failure'] else 'failed: '}{outcome}")
    ordered = [lines[seed] for seed in sorted(lines)]
    what = rival.told(searched) if known is None else known["what"]
    return {"name": rival.name, "what": what, **_summary(rival, contest, ordered)}


def _summary(rival: Rival, contest: Contest, lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    # One that is the same with every seed has its figure for each of them.
    same = rival.seeds(contest.size.examples, 2) == 1
    told = list(lines) * (contest.plan.seeds if same else 1)
    made = [line for line in lines if line["failure"] is None]
    names = {name: None for line in made for name in line["figures"]}
    return {
        "metric": metric_of(contest.plan.metric, contest.dataset.predicts).name,
        f"{contest.split}_figures": {
            name: spread([line["figures"].get(name) for line in told]) for name in names
        },
        "seconds": round(math.fsum(line["seconds"] for line in made) / len(made), 3) if made else None,
        "size": round(math.fsum(line["size"] for line in made) / len(made)) if made else None,
        "size_of": rival.size_of,
        "failure": next((line["failure"] for line in lines if line["failure"] is not None), None),
        "seeds": list(lines),
    }


def _line(rival: Rival, contest: Contest, seed: int, searched: bool) -> dict[str, Any]:
    from threadpoolctl import threadpool_limits

    line: dict[str, Any] = {"seed": seed, "failure": None, "figures": {}, "seconds": None, "size": None}
    try:
        # On few numbers threads wait for each other longer than they work.
        with threadpool_limits(contest.threads), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of rare classes in folds, and of iterations that end too early
            return line | _trained(rival, contest, seed, searched)
    except Exception as error:
        return line | {"failure": failure_of(error)}


def _trained(rival: Rival, contest: Contest, seed: int, searched: bool) -> dict[str, Any]:
    dataset, metric = contest.dataset, contest.plan.metric
    setup = Setup(
        dataset.num_classes,
        metric_in_unit(metric_of(metric, dataset.predicts), dataset.target_scale),
        contest.plan.settings.class_weights == "balanced",
        searched,
        contest.splits,
        seed,
        contest.threads or cores(),
    )
    model = rival.build(setup)
    shaped = _flat if rival.flat and dataset.texts is None else (lambda examples: examples)
    begun = time.perf_counter()
    model.fit(shaped(contest.given), contest.y)
    seconds = time.perf_counter() - begun
    x, y = contest.scored
    outputs = outputs_of(model, shaped(contest.asked), dataset.num_classes)
    figures = dict(score(outputs, y, metric, dataset.target_scale).figures)
    if dataset.class_names and not hasattr(model, "predict_proba"):
        figures.pop("log-loss")  # what it says are no probabilities
    size = rival.size(getattr(model, "best_estimator_", model))
    answers = answers_of(outputs, y, part_digest(dataset, x, y))
    return {"figures": figures, ANSWERS: answers, "seconds": round(seconds, 3), "size": size}


def _flat(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return x.reshape(len(x), -1)
