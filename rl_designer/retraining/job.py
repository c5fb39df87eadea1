"""`Retraining`: one winner's trainings, its folder, its results."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.datasets import Dataset
from rl_designer.envs.datasets.dataset import PLURALS, TEXT, Targets
from rl_designer.envs.datasets.inputs import RawInputs
from rl_designer.envs.metrics import metric_of
from rl_designer.envs.search_spaces.costs import Costs, check_size
from rl_designer.envs.seeding import seed_of
from rl_designer.envs.training.settings import check_augmentation
from rl_designer.errors import Error
from rl_designer.jobs.jobs import Job
from rl_designer.retraining.answers import ANSWERS, answers_of, part_digest
from rl_designer.retraining.folder import (
    VERSION,
    RetrainedFolder,
    Training,
    load_retrained,
    plain_inputs,
    plain_settings,
    plain_standardisation,
)
from rl_designer.retraining.scores import (
    class_figures,
    guesses,
    outputs_of,
    score,
    spread,
    weakest,
)
from rl_designer.retraining.settings import (
    Plan,
    shape_for,
    standardisation_for,
    takes_features,
)
from rl_designer.retraining.verdicts import with_rivals
from rl_designer.runs.architecture_files import ArchitectureFile

MOST_CLASSES_OF_A_MATRIX = 256

TEST, VALIDATION = "test", "validation"
_NOT_OF_RESULTS = {"class_names", "format", "version", "standardisation", "target_scale", "inputs"}
_DIGEST_IN_NAME = 12


@dataclass(frozen=True)
class Winner:
    """A network to train in full.

    Attributes:
        parent: its folder is made in this one.
        origin: where it comes from, for people and scripts: a run's folder, a file, a reference's name.
    """

    file: ArchitectureFile
    parent: Path
    origin: str

    @property
    def architecture(self) -> Architecture:
        return self.file.architecture

    @property
    def name(self) -> str:
        """What people call it."""
        return self.file.name or self.architecture.digest[:_DIGEST_IN_NAME]


def folder_of(winner: Winner, plan: Plan) -> RetrainedFolder:
    """Where a winner's weights and results are."""
    suffix = f"-{VALIDATION}" if plan.on_validation else ""
    return RetrainedFolder(winner.parent / f"{winner.architecture.digest[:_DIGEST_IN_NAME]}{suffix}")


class Retraining:
    """One winner's trainings."""

    def __init__(self, winner: Winner, dataset: Dataset, plan: Plan) -> None:
        self.winner, self.dataset, self.plan = winner, dataset, plan
        # What the design says of its training wins over the recipe.
        self.settings = plan.settings.decided_by(winner.architecture)
        if self.settings.augment:
            check_augmentation(self.settings.augment, dataset.x_train.shape[1:], dataset.kind == TEXT)
        _check_kind(winner, dataset)
        self.input_shape = shape_for(winner.architecture, dataset.input_shape)
        self.costs: Costs = check_size(winner.architecture, self.input_shape, dataset.num_classes)
        # What is kept of it: with the shape and the classes that it is trained for.
        self.file = replace(winner.file, input_shape=self.input_shape, num_classes=dataset.num_classes)
        trained, there = plan.examples_of(dataset)
        self.training = Training.model_validate(
            {
                "data": {
                    "name": dataset.name,
                    "digest": dataset.digest,
                    "content": dataset.content,
                    "examples": trained,
                    "of": there,
                },
                "scored_on": VALIDATION if plan.on_validation else TEST,
                "input_shape": list(self.input_shape),
                "class_names": list(dataset.class_names),
                "settings": plain_settings(self.settings),
                "target_scale": None if dataset.target_scale is None else asdict(dataset.target_scale),
                "standardisation": plain_standardisation(standardisation_for(winner.architecture, dataset)),
                "inputs": plain_inputs(RawInputs.of(dataset)),
            }
        )
        self.folder = folder_of(winner, plan)

    @property
    def keys(self) -> list[Hashable]:
        """Of its jobs."""
        return [(self.folder.path, number) for number in range(self.plan.seeds)]

    def jobs(self) -> list[Job]:
        """A training each seed; one that was stopped goes on from its checkpoint."""
        from rl_designer.retraining.checkpoint import most_of_checkpoint
        from rl_designer.retraining.training import Task, train_in_worker

        jobs = []
        for number, key in enumerate(self.keys):
            checkpoint, state = self.folder.checkpoint(number), None
            if checkpoint.exists():
                with checkpoint.open("rb") as file:
                    state = file.read(most_of_checkpoint(self.costs.parameters) + 1)
            task = Task(
                self.winner.architecture,
                self.dataset.num_classes,
                self.settings,
                self._seed(number),
                str(checkpoint),
                self.dataset.symbols,
            )
            title = f"{self.winner.name}, seed {number}"
            jobs.append(Job(key, title, train_in_worker, (task,), state))
        return jobs

    def _seed(self, number: int) -> int:
        return seed_of(
            "retrain",
            VERSION,
            self.winner.architecture.digest,
            self.dataset.digest,
            # As seeds were before there was a choice.
            sorted(self.training.settings.items() - {("optimizer", "adamw"), ("class_weights", "none")}),
            number,
        )

    def check_scored(self) -> None:
        """Raises ValueError where trainings were scored without the plan's metric."""
        name = metric_of(self.plan.metric, self.dataset.predicts).name
        for line in (self.folder.results() or {"seeds": []})["seeds"]:
            if "figures" in line and name not in line["figures"]:
                raise Error(
                    f"{self.folder.path} was scored without the metric {name}, and a test split is opened "
                    "once; choose another --output, or leave --metric away"
                )

    def finish(self, failures: Mapping[Hashable, str | None], device: str) -> dict[str, Any]:
        """Scores what has no score yet, and writes the results."""
        known = {int(line["seed"]): line for line in (self.folder.results() or {"seeds": []})["seeds"]}
        known = {number: line for number, line in known.items() if line["failure"] is None}
        fresh = [number for number in range(self.plan.seeds) if number not in known]
        failed = {number: failures.get((self.folder.path, number)) for number in fresh}
        x, y = self._split() if None in failed.values() else (None, None)
        for number, failure in failed.items():
            known[number] = self._line(number, failure, x, y, device)
        guess = {} if y is None else guesses(self.dataset, y, self.plan.metric)
        results = self._results([known[number] for number in sorted(known)], guess)
        self.folder.write_results(results)
        return results

    def _split(self) -> tuple[NDArray[np.float32], Targets]:
        if self.plan.on_validation:
            x, y = self.dataset.x_val, self.dataset.y_val
        else:
            assert self.dataset.sealed_test is not None  # `retrain` has looked
            x, y = self.dataset.sealed_test.open()
        return (x.reshape(len(x), -1) if takes_features(self.winner.architecture) else x), y

    def _line(self, number: int, failure: str | None, x: Any, y: Any, device: str) -> dict[str, Any]:
        from rl_designer.retraining.checkpoint import read_weights

        line: dict[str, Any] = {"seed": number, "failure": failure, "accuracy": None, "loss": None}
        if failure is not None:
            return line
        path = self.folder.weights(number)
        record = read_weights(path, self.costs.parameters)[1]
        outputs = outputs_of(load_retrained(self.folder.path, number).network, x, device)
        found = score(outputs, y, self.plan.metric, self.dataset.target_scale)
        matrix = found.confusion
        return line | {
            "accuracy": found.accuracy,
            "loss": found.loss,
            "figures": dict(found.figures),
            ANSWERS: answers_of(outputs, y, part_digest(self.dataset, x, y)),
            "training_loss": record.losses[-1],
            "training_seconds": round(record.seconds, 3),
            "device": record.device,
            "weights": path.name,
            "confusion_matrix": None
            if matrix is None or len(matrix) > MOST_CLASSES_OF_A_MATRIX
            else matrix.tolist(),
        }

    def _results(self, lines: list[dict[str, Any]], guess: Mapping[str, float]) -> dict[str, Any]:
        before = self.folder.results() or {}
        scored = "val" if self.plan.on_validation else "test"
        matrices = [line["confusion_matrix"] for line in lines if line.get("confusion_matrix") is not None]
        confusion = np.array(matrices, dtype=np.int64).sum(axis=0) if matrices else None
        classes = [] if confusion is None else class_figures(confusion, self.training.class_names)
        file = self.winner.file
        figures = {
            "digest": self.winner.architecture.digest,
            "name": file.name,
            "layers": [layer.to_dict() for layer in self.winner.architecture.layers],
            "parameters": self.costs.parameters,
            "macs": self.costs.macs,
            f"{scored}_accuracy": spread([line["accuracy"] for line in lines]),
            f"{scored}_loss": spread([line["loss"] for line in lines]),
            "metric": metric_of(self.plan.metric, self.dataset.predicts).name,
            f"{scored}_figures": _spreads(lines),
            "guess": dict(guess) or before.get("guess", {}),
            "weakest_classes": weakest(classes) if classes else [],
            "classes": classes,
            "confusion_matrix": None if confusion is None else confusion.tolist(),
            "failures": sum(line["failure"] is not None for line in lines),
            **self.training.model_dump(exclude=_NOT_OF_RESULTS),
            "seeds": lines,
            "folder": str(self.folder.path),
        }
        return with_rivals(figures, before.get("rivals", []), before.get("rivals_left_out", []))


def _check_kind(winner: Winner, dataset: Dataset) -> None:
    """Raises ValueError where a network is for texts and the data are none, or the other way."""
    if winner.architecture.of_texts != (dataset.kind == TEXT):
        takes = "texts" if winner.architecture.of_texts else "numbers, and no texts"
        raise Error(f"{winner.name} takes {takes}, and {dataset.name} holds {PLURALS[dataset.kind]}")


def _spreads(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """By metric, over the seeds; lines of before there was a choice have accuracy and loss alone."""
    figures = [
        line.get("figures") or {"accuracy": line["accuracy"], "log-loss": line["loss"]} for line in lines
    ]
    names = {name: None for line in figures for name, value in line.items() if value is not None}
    return {name: spread([line.get(name) for line in figures]) for name in names}
