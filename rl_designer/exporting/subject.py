"""`Subject`: the network that is exported, and what is known of where it comes from."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.search_spaces.costs import Costs, check_classes, costs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from rl_designer.envs.datasets import Dataset, Standardisation
    from rl_designer.envs.datasets.inputs import RawInputs
    from rl_designer.envs.datasets.targets import TargetScale
    from rl_designer.envs.datasets.texts import Tokeniser
    from rl_designer.exporting.quantisation import Quantised


_MOST_IN_A_NAME = 40


@dataclass(frozen=True)
class Origin:
    """Who made a design, as far as it is known; None where it isn't.

    Attributes:
        source: what was named to be exported: a run's folder, a file, a retrained folder.
        agent: who proposed the design; `random` where the control did.
        seed: of the search.
        evaluations: that the search made, the control's included.
        found_at: which of them it was, from 1.
        config: of the search, as plain values.
        note: what the design's file says of it.
        val_figure: metric and value on the validation part, after the search's short training.
        about: what was said of the data as the search began, a line each.
        approval: who approved it and why; "" where nobody did, and nobody needs to.
    """

    source: str
    agent: str | None = None
    seed: int | None = None
    evaluations: int | None = None
    seconds: float | None = None
    found_at: int | None = None
    reward: float | None = None
    verdict: str | None = None
    config: Mapping[str, Any] | None = None
    note: str | None = None
    val_figure: tuple[str, float] | None = None
    about: Sequence[str] = ()
    approval: str = ""


@dataclass(frozen=True)
class Subject:
    """A network to be exported.

    Attributes:
        network: of `build_network`, in evaluation mode, on the CPU.
        input_shape: of one example.
        class_names: by class number; None where only their number is known, and where a number is predicted.
        name: what people call it, or None.
        data: name of the data, or None.
        split: examples for training and for validation, or None.
        retrained_seed: the number of the training whose weights the network has; None where it has weights
            that nobody trained.
        results: the content of the retrained folder's `results.json`, or None.
        settings: of the full training, or None.
        standardisation: of the data, for one example; None where it isn't known.
        examples: float32 [n, *input_shape], real inputs of the validation part; None where none are at hand.
        inputs: what raw examples are; None where it isn't known.
        target_scale: of a number that is predicted; the files give it in its own unit. None for classes, and
            where it isn't known.
        dataset: the data themselves; None where they aren't at hand.
        metric: by which it is judged, as `metric_of` takes it; None for the usual one.
        quantised: what came of it in 8 bits, where that was asked for.
    """

    architecture: Architecture
    network: "nn.Module"
    input_shape: tuple[int, ...]
    num_classes: int
    origin: Origin
    class_names: tuple[str, ...] | None = None
    name: str | None = None
    data: str | None = None
    split: tuple[int, int] | None = None
    retrained_seed: int | None = None
    results: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] | None = None
    standardisation: "Standardisation | None" = field(default=None, repr=False)
    examples: "NDArray[np.float32] | None" = field(default=None, repr=False)
    inputs: "RawInputs | None" = field(default=None, repr=False)
    target_scale: "TargetScale | None" = None
    dataset: "Dataset | None" = field(default=None, repr=False)
    metric: str | None = None
    quantised: "Quantised | None" = None

    def __post_init__(self) -> None:
        check_classes(self.num_classes)

    @property
    def trained(self) -> bool:
        """Whether the weights were trained."""
        return self.retrained_seed is not None

    @property
    def predicts_number(self) -> bool:
        """Whether its one output is a number."""
        return self.num_classes == 1

    @property
    def columns(self) -> Sequence[Mapping[str, Any]]:
        """Those of a table whose cells become the inputs, as `RowEncoding` has them; empty for other data."""
        encoding = None if self.inputs is None else self.inputs.encoding
        return () if encoding is None else encoding.columns

    @property
    def tokeniser(self) -> "Tokeniser | None":
        """How texts become the inputs; None for other data, and where it isn't known."""
        return None if self.inputs is None else self.inputs.tokeniser

    @property
    def test_figure(self) -> tuple[str, float] | None:
        """The metric and its mean over the full trainings, on the test part; None where there is none."""
        results = self.results or {}
        name = str(results.get("metric") or "accuracy")
        figures = results.get("test_figures") or {"accuracy": results.get("test_accuracy")}
        mean = (figures.get(name) or {}).get("mean")
        return None if mean is None else (name, float(mean))

    @cached_property
    def costs(self) -> Costs:
        return costs(self.architecture, self.input_shape, self.num_classes)

    @property
    def shape(self) -> str:
        """Of an example, for people; of texts that of their symbols' numbers."""
        return ", ".join(map(str, self.input_shape[1 if self.architecture.of_texts else 0 :]))

    @property
    def dtype(self) -> str:
        """Of the inputs."""
        return "int64" if self.architecture.of_texts else "float32"

    @property
    def class_name(self) -> str:
        """Of the Python class."""
        return class_name(self.name or self.architecture.space)


def class_name(name: str) -> str:
    """A Python class's name after a network's: `resnet-8` → `Resnet8Network`, always an identifier."""
    words = re.findall(r"[A-Za-z0-9]+", name)
    joined = "".join(word[0].upper() + word[1:] for word in words)[:_MOST_IN_A_NAME]
    stem = joined.removesuffix("Network")
    return f"{stem if stem[:1].isalpha() else f'Design{stem}'}Network"


def template(name: str, **filters: Callable[..., str]) -> Template:
    """A text of `templates/`, which is no HTML: what comes from outside passes one of the filters."""
    environment = Environment(
        loader=PackageLoader("rl_designer.exporting", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= filters
    return environment.get_template(name)
