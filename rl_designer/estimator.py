"""`NetworkClassifier`, `NetworkRegressor`: a search and a full training behind scikit-learn's methods."""

import copy
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    assert_all_finite,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from rl_designer.api.fitting import array_checks, search_on, trained_in_full
from rl_designer.envs.datasets.dataset import KINDS, Dataset
from rl_designer.envs.datasets.dividing import FOLDS, fold_numbers, held_out
from rl_designer.envs.datasets.inputs import RawInputs
from rl_designer.envs.datasets.preparation import RawData, prepare
from rl_designer.envs.datasets.readers.frames import is_mixed, rows_of, typed_rows
from rl_designer.envs.datasets.rows import Rows
from rl_designer.envs.datasets.targets import strata
from rl_designer.envs.datasets.texts.texts import Reading, Texts, texts_in
from rl_designer.envs.metrics import MetricFunction, Predicts, metric_name
from rl_designer.envs.rewards import RewardFunction, name_of
from rl_designer.envs.search_spaces.registry import kind_of
from rl_designer.errors import Error
from rl_designer.results import Run

if TYPE_CHECKING:
    from torch import nn

# No settings of a search.
_OWN = ("reward", "final_epochs", "n_jobs", "random_state")
_ROWS = 4_096  # examples whose outputs are computed at a time
_FEWEST_NUMBERS = 5  # examples with a number to predict, of which one is held out


@dataclass(kw_only=True, eq=False, repr=False)
class _NetworkEstimator(BaseEstimator):
    """What both have in common: `_targets` says what y is, `predict` what outputs are."""

    _predicts: ClassVar[Predicts]

    max_parameters: int | None = None
    max_macs: int | None = None
    max_ram: int | str | None = None
    max_flash: int | str | None = None
    device_numbers: Literal["int8", "float32"] | None = None
    max_latency: float | str | None = None
    latency_from: str | None = None
    evaluations: int = 64
    epochs: int = 12
    final_epochs: int | None = None
    finalists: int | None = None
    finalist_epochs: int | None = None
    agent: str = "ppo"
    reward: str | RewardFunction = "accuracy"
    metric: str | MetricFunction | None = None
    folds: int | None = None
    space: str | None = None
    hyperparameters: bool | None = None
    augment: str | None = None
    symbols: Literal["characters", "words", "pieces"] | None = None
    vocabulary: int | None = None
    control_share: float = 0.25
    device: str = "auto"
    n_jobs: int | None = None
    random_state: Any = None

    def fit(self, X: Any, y: Any) -> Self:
        """Searches and trains.

        Raises:
            ValueError: for X or y that can't be used, settings that can't be, and where no design of the
                search could be trained.
        """
        seed = int(check_random_state(self.random_state).randint(2**31))
        notes: tuple[str, ...] = ()
        if (texts := texts_in(X)) is not None:
            X, y = texts, self._checked_targets(y)
            check_consistent_length(X.values, y)
        elif is_mixed(X):
            y = self._checked_with(X, y)
            X, notes = typed_rows(X, "X")
        else:
            X, y = validate_data(self, X, y, **array_checks(X), y_numeric=self._predicts == "number")
        if X.ndim - 1 not in KINDS:
            raise Error(f"X must have 2, 3 or 4 axes, see {type(self).__name__}; got {list(X.shape)}")
        dataset = self._dataset(X, *self._targets(y), notes, seed)
        with tempfile.TemporaryDirectory(prefix="rl-designer-") as folder:
            self.run_ = self._search(dataset, Path(folder), seed)
            if self.run_.best is None:
                failure = self.run_.designs[0].evaluation.failure if self.run_.designs else "none was tried"
                raise Error(f"no design could be trained; the first: {failure}")
            self.architecture_ = self.run_.best.architecture
            self.network_ = self._train(dataset, Path(folder))
        self._inputs = RawInputs.of(dataset)
        self._input_shape, self._standardisation = dataset.input_shape, dataset.standardisation
        self._target_scale, self._encoding = dataset.target_scale, dataset.encoding
        return self

    def _checked_with(self, X: Any, y: Any) -> NDArray[Any]:
        """The targets of a DataFrame whose cells scikit-learn has no check for."""
        validate_data(self, X, skip_check_array=True)
        y = self._checked_targets(y)
        check_consistent_length(X, y)
        return y

    def _checked_targets(self, y: Any) -> NDArray[Any]:
        y = column_or_1d(y, dtype=np.float64 if self._predicts == "number" else None, warn=True)
        assert_all_finite(y, input_name="y")
        return y

    def _targets(self, y: NDArray[Any]) -> tuple[NDArray[Any], tuple[str, ...]]:
        """What is learned, class numbers int64 [n] or numbers float64 [n], and the classes' names."""
        raise NotImplementedError

    def _outputs(self, X: Any) -> NDArray[np.float64]:
        """The network's outputs, float64 [n, outputs]."""
        import torch

        check_is_fitted(self)
        inputs = self._ready(X)
        # In double precision, so that an example's figures don't depend on those beside it.
        network = copy.deepcopy(self.network_).double()
        with torch.no_grad():
            parts = torch.from_numpy(inputs).double().split(_ROWS)
            return torch.cat([network(part) for part in parts]).numpy()

    def _ready(self, X: Any) -> NDArray[np.float32]:
        """Inputs as the network takes them."""
        if self._inputs.tokeniser is not None:
            return self._inputs.ready(X, None, self._input_shape)[0]
        assert self._standardisation is not None  # of texts alone there is none
        X = self._features(X)
        return self._standardisation.apply(X.reshape(len(X), *self._input_shape))

    def _features(self, X: Any) -> NDArray[Any]:
        """Inputs [n, …] as the network has them but for the standardisation."""
        if self._encoding is not None:
            validate_data(self, X, reset=False, skip_check_array=True)
            return self._encoding.apply(rows_of(X, "X"))
        X = validate_data(self, X, reset=False, **array_checks(X))
        if np.prod(X.shape[1:]) != np.prod(self._input_shape):
            shape = ["n", *self._input_shape]
            raise Error(f"X must be of the shape {shape} that fit had, got {list(X.shape)}")
        return X

    def _dataset(
        self,
        X: NDArray[Any] | Rows | Texts,
        y: NDArray[Any],
        names: tuple[str, ...],
        notes: tuple[str, ...],
        seed: int,
    ) -> Dataset:
        """Training and validation part; a class of a single example is in the first alone."""
        cut = held_out(strata(y), seed)
        if not cut.any():
            raise Error(
                f"{type(self).__name__} needs at least 2 examples of some class, to hold one out and score "
                f"designs on; got n_samples={len(y)} of {len(names)} classes"
            )
        x = {"train": X[~cut], "val": X[cut]}
        targets = {"train": y[~cut], "val": y[cut]}
        # What a table holds is told by its cells, and only arrays' kind by their axes.
        native = None if isinstance(X, Rows | Texts) else KINDS[X.ndim - 1]
        kind = native if self.space is None else kind_of(self.space)
        raw = RawData("X", x, targets, "X", native, names or None, notes)
        reading = Reading(self.symbols, self.vocabulary)
        dataset = prepare(raw, kind, seed, sealed=False, predicts=self._predicts, reading=reading)
        # `prepare` takes a validation part that it is given for the data's own, which isn't folded.
        known = strata(dataset.y_train)
        return replace(dataset, folds=fold_numbers(known, seed)) if len(known) >= FOLDS - 1 else dataset

    def _search(self, dataset: Dataset, folder: Path, seed: int) -> Run:
        function = None if isinstance(self.reward, str) else self.reward
        settings = {name: value for name, value in self.get_params().items() if name not in _OWN}
        settings |= {"data": dataset.name, "seed": seed, "tensorboard": False}
        settings |= {"reward": self.reward if function is None else name_of(function)}
        settings |= {"metric": metric_name(self.metric)}
        given = {name: value for name, value in settings.items() if value is not None}
        return search_on(dataset, given, folder, reward=function, jobs=self.n_jobs, asker=type(self).__name__)

    def _train(self, dataset: Dataset, folder: Path) -> "nn.Module":
        """The winner, trained on training and validation part together."""
        return trained_in_full(
            self.architecture_,
            dataset,
            {"epochs": self.final_epochs, "augment": self.augment, **self._of_loss()},
            folder,
            device=self.device,
            metric=metric_name(self.metric),
            asker=type(self).__name__,
        )

    def _of_loss(self) -> dict[str, Any]:
        """Settings of the trainings' loss."""
        return {}


@dataclass(kw_only=True, eq=False, repr=False)
class NetworkClassifier(ClassifierMixin, _NetworkEstimator):
    """Searches for a network within limits, and trains the best one in full on all that `fit` gets.

    X is [n, features], [n, channels, length] (signals) or [n, channels, height, width] (images), real
    numbers; or a DataFrame, whose columns may be text, truth values and dates and have gaps; or texts, a list
    or a column alone; y is [n], any classes. Of each class with two examples or more a fifth is held out in
    the search, to score designs on. Nothing is left on the disk.

    Args:
        max_parameters, max_macs, max_ram, max_flash, device_numbers, max_latency, latency_from: limits of
            every design, as `rl_designer.search` takes them; None is without limit. See docs/devices.md.
        evaluations: designs to train, the control's included.
        epochs: of each of these trainings.
        final_epochs: of the full training; None for 30 to 100, by the number of examples, and on rows, texts
            and few examples by what is best on those held out, as other settings of it are then.
        finalists: best designs to train longer, on the same part as the others, before one of them is
            trained in full; a part of `evaluations`, see docs/designing.md. None for none.
        finalist_epochs: of these trainings; None for 30 to 100, by the number of examples.
        metric: what is good, in the search; None for accuracy. A name (see `rl-designer list metrics`),
            `file.py:function`, or a function at the top level of a file. `score` is accuracy all the same.
        class_weights: `none`, or `balanced`: rare classes weigh as much as others in the loss.
        folds: parts of the examples, at most 5, of which each in turn is held out; None for 5 where fewer
            than 200 would be, else 1.
        symbols, vocabulary: of texts, see docs/designing.md; None for what suits them.
        agent, reward, space, hyperparameters, augment, control_share: as `rl_designer.search` takes them.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        n_jobs: trainings at the same time, in processes; None or 1 trains in this one, -1 is one a core.
        random_state: of everything random: an int, a RandomState, or None for NumPy's global state.

    Attributes:
        classes_: in the order of `predict_proba`'s columns.
        network_: the torch module, float32 [n, *input_shape], standardised, to logits.
        architecture_: its design.
        run_: the search, as a `Run` whose folder is gone.
        n_features_in_: X.shape[1]; not of texts.
    """

    _predicts = "class"

    class_weights: Literal["none", "balanced"] | None = None

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """The probability of each class, float64 [n, classes]."""
        import torch

        return torch.softmax(torch.from_numpy(self._outputs(X)), dim=1).numpy()

    def predict(self, X: Any) -> NDArray[Any]:
        """The likeliest class of each example, [n]."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def _targets(self, y: NDArray[Any]) -> tuple[NDArray[Any], tuple[str, ...]]:
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise Error(f"{type(self).__name__} needs examples of at least 2 classes, got 1 class")
        return numbers, tuple(map(str, self.classes_))

    def _of_loss(self) -> dict[str, Any]:
        return {"class_weights": self.class_weights}


@dataclass(kw_only=True, eq=False, repr=False)
class NetworkRegressor(RegressorMixin, _NetworkEstimator):
    """Searches for a network that predicts a number, and trains the best one in full on all that `fit` gets.

    X is as `NetworkClassifier` takes it; y is [n], numbers in any unit. A fifth is held out in the search, of
    low and high numbers alike, to score designs on. Nothing is left on the disk.

    Args:
        metric: what is good, in the search: r2 (None), rmse, mae, or an own one, as `NetworkClassifier` takes
            it. `score` is R² all the same.
        reward: `accuracy` pays the score by the metric.

    All other arguments are those of `NetworkClassifier`.

    Attributes:
        network_: the torch module, float32 [n, *input_shape] to float32 [n, 1], both standardised.
        architecture_, run_, n_features_in_: as `NetworkClassifier` has them.
    """

    _predicts = "number"

    def predict(self, X: Any) -> NDArray[np.float64]:
        """The number of each example in y's unit, float64 [n]."""
        outputs = self._outputs(X)[:, 0]
        assert self._target_scale is not None  # of a number every data set has it
        return self._target_scale.in_unit(outputs)

    def _targets(self, y: NDArray[Any]) -> tuple[NDArray[Any], tuple[str, ...]]:
        if len(y) < _FEWEST_NUMBERS:
            raise Error(
                f"{type(self).__name__} needs at least {_FEWEST_NUMBERS} examples, got n_samples={len(y)}"
            )
        if not np.ptp(y):
            raise Error(f"y is {y[0]:g} in all {len(y)} examples: there is nothing to predict")
        return y.astype(np.float64), ()
