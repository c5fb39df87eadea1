"""`Retraining`: one winner's trainings, its folder, its results."""

import math
import statistics
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.datasets import Dataset
from rl_designer.envs.search_spaces.costs import Costs, check_size
from rl_designer.envs.seeding import seed_of
from rl_designer.jobs.jobs import Job
from rl_designer.retraining.folder import (
    VERSION,
    RetrainedFolder,
    Training,
    load_retrained,
    plain_settings,
    plain_standardisation,
)
from rl_designer.retraining.settings import (
    Plan,
    shape_for,
    standardisation_for,
    takes_features,
)
from rl_designer.runs.architecture_files import ArchitectureFile

if TYPE_CHECKING:
    from torch import nn

MOST_CLASSES_OF_A_MATRIX = 256
WEAKEST = 3
_BATCH = 512

TEST, VALIDATION = "test", "validation"
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
        self.input_shape = shape_for(winner.architecture, dataset.input_shape)
        self.costs: Costs = check_size(winner.architecture, self.input_shape, dataset.num_classes)
        # What is kept of it: with the shape and the classes that it is trained for.
        self.file = replace(winner.file, input_shape=self.input_shape, num_classes=dataset.num_classes)
        self.training = Training.model_validate(
            {
                "data": {
                    "name": dataset.name,
                    "digest": dataset.digest,
                    "examples": len(dataset.y_train) + (0 if plan.on_validation else len(dataset.y_val)),
                },
                "scored_on": VALIDATION if plan.on_validation else TEST,
                "input_shape": list(self.input_shape),
                "class_names": list(dataset.class_names),
                "settings": plain_settings(plan.settings),
                "standardisation": plain_standardisation(standardisation_for(winner.architecture, dataset)),
            }
        )
        self.folder = folder_of(winner, plan)

    def jobs(self) -> list[Job]:
        """A training each seed; one that was stopped goes on from its checkpoint."""
        from rl_designer.retraining.checkpoint import most_of_checkpoint
        from rl_designer.retraining.training import Task, train_in_worker

        jobs = []
        for number in range(self.plan.seeds):
            checkpoint, state = self.folder.checkpoint(number), None
            if checkpoint.exists():
                with checkpoint.open("rb") as file:
                    state = file.read(most_of_checkpoint(self.costs.parameters) + 1)
            task = Task(
                self.winner.architecture,
                self.dataset.num_classes,
                self.plan.settings,
                self._seed(number),
                str(checkpoint),
            )
            title = f"{self.winner.name}, seed {number}"
            jobs.append(Job((self.folder.path, number), title, train_in_worker, (task,), state))
        return jobs

    def _seed(self, number: int) -> int:
        return seed_of(
            "retrain",
            VERSION,
            self.winner.architecture.digest,
            self.dataset.digest,
            # As seeds were before there was a choice.
            sorted(self.training.settings.items() - {("optimizer", "adamw")}),
            number,
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
        results = self._results([known[number] for number in sorted(known)])
        self.folder.write_results(results)
        return results

    def _split(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
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
        found = score(logits_of(load_retrained(self.folder.path, number).network, x, device), y)
        small = len(found.confusion) <= MOST_CLASSES_OF_A_MATRIX
        return line | {
            "accuracy": found.accuracy,
            "loss": found.loss,
            "training_loss": record.losses[-1],
            "training_seconds": round(record.seconds, 3),
            "device": record.device,
            "weights": path.name,
            "confusion_matrix": found.confusion.tolist() if small else None,
        }

    def _results(self, lines: list[dict[str, Any]]) -> dict[str, Any]:
        scored = "val" if self.plan.on_validation else "test"
        matrices = [line["confusion_matrix"] for line in lines if line.get("confusion_matrix") is not None]
        confusion = np.array(matrices, dtype=np.int64).sum(axis=0) if matrices else None
        classes = [] if confusion is None else class_figures(confusion, self.training.class_names)
        file = self.winner.file
        return {
            "digest": self.winner.architecture.digest,
            "name": file.name,
            "layers": [layer.to_dict() for layer in self.winner.architecture.layers],
            "parameters": self.costs.parameters,
            "macs": self.costs.macs,
            f"{scored}_accuracy": spread([line["accuracy"] for line in lines]),
            f"{scored}_loss": spread([line["loss"] for line in lines]),
            "weakest_classes": weakest(classes) if classes else [],
            "classes": classes,
            "confusion_matrix": None if confusion is None else confusion.tolist(),
            "failures": sum(line["failure"] is not None for line in lines),
            **self.training.model_dump(exclude={"class_names", "format", "version", "standardisation"}),
            "seeds": lines,
            "folder": str(self.folder.path),
        }


# -- what a trained network gets right ---------------------------------------------------------------


@dataclass(frozen=True)
class Score:
    """One network on one split.

    Attributes:
        accuracy: fraction that is right, 0–1.
        loss: mean cross-entropy in nats.
        confusion: int64 [classes, classes]: examples by true class (row) and predicted class (column).
    """

    accuracy: float
    loss: float
    confusion: NDArray[np.int64]


def logits_of(network: "nn.Module", x: NDArray[np.float32], device: str) -> NDArray[np.float64]:
    """Logits, float64 [n, classes], of a network of `build_network`, which is left on the device."""
    import torch

    from rl_designer.envs.training.steps import laid_out, placed
    from rl_designer.envs.workers.devices import one_thread

    with one_thread(), torch.inference_mode():
        inputs = torch.from_numpy(np.require(x, requirements=["C", "W"]))
        ready = placed(network.eval(), inputs[:1].to(device))
        parts = [ready(laid_out(batch.to(device))).double().cpu() for batch in inputs.split(_BATCH)]
    return torch.cat(parts).numpy()


def score(logits: NDArray[np.float64], y: NDArray[np.int64]) -> Score:
    """Of logits [n, classes] and true classes [n]; among equal logits the first class is predicted."""
    classes = logits.shape[1]
    predicted = logits.argmax(axis=1)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    loss = float((log_sums - shifted[np.arange(len(y)), y]).mean())
    confusion = np.bincount(y * classes + predicted, minlength=classes * classes)
    return Score(float((predicted == y).mean()), loss, confusion.reshape(classes, classes))


def spread(values: Sequence[float | None]) -> dict[str, Any]:
    """Mean and standard deviation (n − 1) over seeds, and each seed's; None where a seed failed, and for the
    deviation of fewer than two.
    """
    known = [value for value in values if value is not None]
    return {
        "mean": math.fsum(known) / len(known) if known else None,
        "standard_deviation": statistics.stdev(known) if len(known) > 1 else None,
        "per_seed": list(values),
    }


def class_figures(confusion: NDArray[np.int64], names: Sequence[str]) -> list[dict[str, Any]]:
    """For each class that has examples: how many, over all seeds, which share is right, and which class the
    others are most often taken for (None where all are right).
    """
    figures = []
    for index, row in enumerate(confusion):
        if not row.sum():
            continue
        wrong = row.copy()
        wrong[index] = 0
        mistaken = int(wrong.argmax())
        figures.append(
            {
                "class": names[index],
                "examples": int(row.sum()),
                "accuracy": float(row[index] / row.sum()),
                "mistaken_for": names[mistaken] if wrong[mistaken] else None,
                "mistaken_share": float(wrong[mistaken] / row.sum()),
            }
        )
    return figures


def weakest(figures: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The classes with the lowest accuracy, at most `WEAKEST` and at most half of them, the lowest first."""
    count = min(WEAKEST, max(1, len(figures) // 2))
    return sorted(figures, key=lambda figure: figure["accuracy"])[:count]
