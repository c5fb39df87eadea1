"""Predictions for the examples of a file, as rows of a table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rl_designer.envs.datasets.errors import DatasetError, named
from rl_designer.envs.datasets.inputs import RawInputs
from rl_designer.envs.datasets.readers.examples import read_examples
from rl_designer.retraining.retrained import Predictions, Retrained

FILE, PREDICTION, PROBABILITY = "file", "prediction", "probability"


@dataclass(frozen=True, eq=False)
class FilePredictions:
    """Of the examples of a file.

    Attributes:
        files: names of images, in the order of the predictions; () of other data.
    """

    predictions: Predictions
    files: tuple[str, ...] = ()

    def header(self, probabilities: bool) -> list[str]:
        """Names of the columns; of a class its name stands for its probability."""
        names = self.predictions.class_names if probabilities else ()
        return [*([FILE] if self.files else []), PREDICTION, *(f"{PROBABILITY} {name}" for name in names)]

    def rows(self, probabilities: bool) -> Iterator[list[Any]]:
        """A row an example."""
        predicted = self.predictions.predicted.tolist()
        for index, value in enumerate(predicted):
            more = self.predictions.outputs[index].tolist() if probabilities else []
            yield [*self.files[index : index + 1], value, *more]

    def to_dict(self, probabilities: bool) -> dict[str, Any]:
        """JSON-ready."""
        found = self.predictions
        more: dict[str, Sequence[Any]] = {"files": self.files} if self.files else {}
        if found.class_names:
            more |= {"classes": found.class_names}
            more |= {"probabilities": found.outputs.tolist()} if probabilities else {}
        return {"predictions": found.predicted.tolist(), **more, "notes": found.notes}


def predict_file(network: Retrained, path: Path) -> FilePredictions:
    """What a network says of the examples of a file.

    Raises:
        ValueError: as `read_examples` and `Retrained.predict`, with the file's name.
    """
    examples = read_examples(path, network.inputs or RawInputs(network.input_shape))
    try:
        found = network.predict(examples.values, examples.channels_last)
    except DatasetError as error:
        raise DatasetError(f"{named(path)}: {error}") from error
    return FilePredictions(replace(found, notes=(*examples.notes, *found.notes)), examples.files)
