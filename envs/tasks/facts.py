"""`facts_of`: what is known of a task before any network is trained, in a second."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.seeding import stream
from rl_designer.envs.workers.devices import one_blas_thread

Values = NDArray[np.float64]

_MOST_EXAMPLES = 500  # of each part, that are looked at
_MOST_VALUES = 2_048  # of an example, that a model sees
_PENALTIES = (0.01, 0.1, 1.0, 10.0)
_BINS = 6  # of each value, for a sum of functions of one value each
_LAGS = (1, 2, 4, 8)


class Parts(Protocol):
    """What is read of a data set."""

    @property
    def x_train(self) -> NDArray[np.float32]: ...
    @property
    def y_train(self) -> NDArray[np.int64] | NDArray[np.float32]: ...
    @property
    def x_val(self) -> NDArray[np.float32]: ...
    @property
    def y_val(self) -> NDArray[np.int64] | NDArray[np.float32]: ...
    @property
    def num_classes(self) -> int: ...


@one_blas_thread()
def facts_of(data: Parts) -> dict[str, float]:
    """Facts of a task by name, in the order of `FACTS`, finite numbers of order 1: how much there is, what
    guessing and simple models reach on the validation part (`skill`: 0 as guessing, 1 all right; of numbers
    r2), how rough and how alike the examples are. At most 500 examples a part are looked at.
    """
    train, val = (_some(data, part) for part in ("train", "val"))
    y, y_val = train[1], val[1]
    targets = _targets(y, data.num_classes)
    found = _sizes(data)
    for name, view in _VIEWS.items():
        seen, unseen = (_flat(view(part[0], train[0])) for part in (train, val))
        found[f"{name}_skill"] = _skill(_linear(seen, targets, unseen), y, y_val, data.num_classes)
    seen, unseen = _flat(train[0]), _flat(val[0])
    found["curved_skill"] = _skill(_curved(seen, targets, unseen), y, y_val, data.num_classes)
    found["neighbours_skill"] = _skill([_nearest(seen, targets, unseen)], y, y_val, data.num_classes)
    return found | _shapes(train[0])


def _some(data: Parts, part: str) -> tuple[Values, NDArray[np.int64] | NDArray[np.float32]]:
    x, y = getattr(data, f"x_{part}"), getattr(data, f"y_{part}")
    chosen = stream(0, "facts", part).permutation(len(y))[:_MOST_EXAMPLES]
    return x[chosen].astype(np.float64), y[chosen]


def _sizes(data: Parts) -> dict[str, float]:
    shape = data.x_train.shape[1:]
    counts = np.bincount(data.y_train) if data.num_classes > 1 else np.array([len(data.y_train)])
    return {
        "examples": np.log10(len(data.y_train)),
        "classes": np.log10(data.num_classes),
        "largest_class": counts.max() / counts.sum() if data.num_classes > 1 else 0.0,
        "channels": np.log10(shape[0]) if len(shape) > 1 else 0.0,
        "size": np.log10(shape[-1]),
        "values": np.log10(np.prod(shape)),
    }


def _targets(y: NDArray[np.int64] | NDArray[np.float32], num_classes: int) -> Values:
    """[n, outputs], centred."""
    table = np.eye(num_classes)[y] if num_classes > 1 else np.asarray(y, np.float64)[:, None]
    return table - table.mean(axis=0)


def _skill(
    answers: Sequence[Values],
    y: NDArray[np.int64] | NDArray[np.float32],
    y_val: NDArray[np.int64] | NDArray[np.float32],
    num_classes: int,
) -> float:
    """The best of some models' answers [n, outputs], from -0.5 to 1."""
    if num_classes == 1:
        mean = float(np.mean(y))
        guess = float(np.mean((y_val - mean) ** 2)) or 1.0
        found = max(1 - float(np.mean((y_val - mean - a[:, 0]) ** 2)) / guess for a in answers)
    else:
        counts = np.bincount(y, minlength=num_classes)
        shares = counts / len(y)
        guess = float(np.mean(y_val == counts.argmax()))
        right = max(float(np.mean((a + shares).argmax(axis=1) == y_val)) for a in answers)
        found = (right - guess) / max(1 - guess, 1e-9)
    return float(np.clip(found, -0.5, 1.0))


def _linear(x: Values, targets: Values, unseen: Values) -> list[Values]:
    """Ridge regression on standardised values, at each penalty."""
    centre, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 1e-9, spread, np.inf) * np.sqrt(x.shape[1])
    x, unseen = (x - centre) / spread, (unseen - centre) / spread
    return _by_kernel(x @ x.T, unseen @ x.T, targets)


def _curved(x: Values, targets: Values, unseen: Values) -> list[Values]:
    """Ridge regression with a Gaussian kernel as wide as the median distance, and half of that."""
    squares, across = _squares(x, x), _squares(unseen, x)
    median = np.median(squares[squares > 0]) if (squares > 0).any() else 1.0
    answers = []
    for width in (median, median / 4):
        answers += _by_kernel(np.exp(-squares / width), np.exp(-across / width), targets)
    return answers


def _by_kernel(kernel: Values, across: Values, targets: Values) -> list[Values]:
    values, vectors = np.linalg.eigh(kernel)
    turned = vectors.T @ targets
    return [across @ (vectors @ (turned / (np.maximum(values, 0) + p)[:, None])) for p in _PENALTIES]


def _nearest(x: Values, targets: Values, unseen: Values) -> Values:
    """The mean of the three nearest."""
    nearest = np.argpartition(_squares(unseen, x), min(3, len(x) - 1), axis=1)[:, :3]
    return targets[nearest].mean(axis=1)


def _squares(a: Values, b: Values) -> Values:
    """Squared distances, [len(a), len(b)]."""
    return np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T, 0)


def _flat(x: Values) -> Values:
    """[n, values], at most `_MOST_VALUES`, evenly chosen."""
    flat = x.reshape(len(x), -1)
    step = -(-flat.shape[1] // _MOST_VALUES)
    return flat[:, ::step]


def _as_it_is(x: Values, _: Values) -> Values:
    return x


def _binned(x: Values, train: Values) -> Values:
    """Which part of its range each value is in, so that a linear model is a sum of curves."""
    flat, seen = _flat(x), _flat(train)
    edges = np.quantile(seen, np.arange(1, _BINS) / _BINS, axis=0)
    return np.concatenate([flat > edge for edge in edges], axis=1).astype(np.float64)


def _spectrum(x: Values, _: Values) -> Values:
    """How strong each frequency is, wherever it comes; rows stay what they are."""
    if x.ndim == 2:
        return x
    power = np.abs(np.fft.rfftn(x, axes=tuple(range(2, x.ndim))))
    return np.log(power + 1e-3)


def _statistics(x: Values, _: Values) -> Values:
    """Of each channel its moments, its extremes, and how it follows on itself."""
    if x.ndim == 2:
        return np.sort(x, axis=1)
    series = x.reshape(*x.shape[:2], -1)
    mean, deviation = series.mean(axis=2), series.std(axis=2) + 1e-9
    ready = (series - mean[..., None]) / deviation[..., None]
    lags = [lag for lag in _LAGS if lag < series.shape[2]]
    parts = [mean, np.log(deviation), (ready**3).mean(axis=2), np.log((ready**4).mean(axis=2) + 1e-9)]
    parts += [series.max(axis=2), series.min(axis=2)]
    parts += [(ready[..., lag:] * ready[..., :-lag]).mean(axis=2) for lag in lags]
    return np.concatenate(parts, axis=1)


_VIEWS: Mapping[str, Callable[[Values, Values], Values]] = {
    "linear": _as_it_is,
    "additive": _binned,
    "spectrum": _spectrum,
    "statistics": _statistics,
}


def _shapes(x: Values) -> dict[str, float]:
    """How examples run along their last axis, and how they are spread; 0 for rows where it has no meaning."""
    found = {f"lag_{lag}": 0.0 for lag in _LAGS} | {"low_frequencies": 0.0}
    if x.ndim > 2:
        lines = x.reshape(-1, x.shape[-1])
        lines = lines - lines.mean(axis=1, keepdims=True)
        power = (lines**2).mean() + 1e-9
        for lag in _LAGS:
            if lag < lines.shape[1]:
                found[f"lag_{lag}"] = float((lines[:, lag:] * lines[:, :-lag]).mean() / power)
        spectrum = (np.abs(np.fft.rfft(lines, axis=1)) ** 2).mean(axis=0)
        found["low_frequencies"] = float(spectrum[: len(spectrum) // 4 + 1].sum() / (spectrum.sum() + 1e-9))
    flat = _flat(x)
    found["heavy_tails"] = float(np.log10(np.clip((flat**4).mean() / ((flat**2).mean() ** 2 + 1e-9), 1, 1e4)))
    deviations = flat.std(axis=1)
    found["unequal_examples"] = float(deviations.std() / (deviations.mean() + 1e-9))
    kinds = [len(np.unique(column)) for column in flat.T[:64]]
    found["few_values"] = float(np.mean([kind <= 10 for kind in kinds]))
    return found


class _Nothing:
    """A task of the smallest size, by which the facts' names are known."""

    x_train = x_val = np.arange(8, dtype=np.float32).reshape(4, 2)
    y_train = y_val = np.array([0, 1, 0, 1])
    num_classes = 2


FACTS: tuple[str, ...] = tuple(facts_of(_Nothing()))
