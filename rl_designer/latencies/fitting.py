"""`fitted`: a model of latency from measured networks, and how far it is off on those it hasn't seen."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.config.subject import LATENCY_FROM
from rl_designer.envs.layers import KINDS
from rl_designer.envs.layers.kind import Part
from rl_designer.envs.search_spaces.costs import parts_of
from rl_designer.envs.search_spaces.latency import (
    CLASSIFIER,
    NANOSECOND,
    NETWORK,
    SHARED,
    LatencyModel,
    terms_of,
)
from rl_designer.envs.seeding import stream
from rl_designer.errors import Error, usage_errors
from rl_designer.latencies.files import Latencies

FEWEST = 10  # networks that a model is fitted to
_PENALTY = 1e-3  # on the square of what a term of one kind of layers adds, as a share of the latency
_FOLDS = 5

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """A model, and what is known of it.

    Attributes:
        designs: how many networks were measured.
        error: median of the error's size as a share of what was measured, on networks that a model of the
            others hasn't seen (five-fold cross-validation).
        rank: rank correlation (Spearman) of what was expected of these with what was measured.
    """

    model: LatencyModel
    designs: int
    error: float
    rank: float


def fitted(latencies: Latencies) -> Fitted:
    """The model of what was measured.

    Non-negative least squares on relative errors (Lawson & Hanson 1974, chapter 23), with a small penalty on
    all terms but those that all kinds of layers share, so that a term that few networks have says little.

    Raises:
        ValueError: for fewer than 10 measured networks.
    """
    known = [(d, s) for d, s in zip(latencies.designs, latencies.seconds, strict=True) if s is not None]
    if len(known) < FEWEST:
        raise Error(f"a model of latency needs at least {FEWEST} measured networks, got {len(known)}")
    rows = [_terms(list(parts_of(d, latencies.input_shape, latencies.num_classes))) for d, _ in known]
    measured = np.array([seconds / NANOSECOND for _, seconds in known])
    expected = np.empty(len(known))
    fold = stream(0, "latency", "folds").permutation(len(known)) % _FOLDS
    for number in range(_FOLDS):
        kept = np.flatnonzero(fold != number)
        model = _fit([rows[i] for i in kept], measured[kept])
        for i in np.flatnonzero(fold == number):
            expected[i] = sum(model.get(name, 0.0) * count for name, count in rows[i].items())
    error = float(np.median(np.abs(expected / measured - 1)))
    model = _fit(rows, measured)
    rank = rank_correlation(expected, measured)
    told = (
        f"latency as expected from {len(known):,} networks measured on {latencies.device}: on others about "
        f"{error:.1%} off, rank correlation {rank:.2f} (cross-validated)"
    )
    return Fitted(LatencyModel(model, told), len(known), error, rank)


def with_model(limits: Mapping[str, Any]) -> dict[str, Any]:
    """Limits by name, with the model of `latency_from` in place of that file's path, where it is given.

    Raises:
        WrongUsage: for a file that can't be used.
    """
    found = {name: limit for name, limit in limits.items() if name != LATENCY_FROM}
    if (path := limits.get(LATENCY_FROM)) is not None:
        with usage_errors():
            found["latency"] = fitted(Latencies.read(Path(path))).model
    return found


def rank_correlation(one: Numbers, other: Numbers) -> float:
    """Spearman's; 0 where either is the same for all."""
    from scipy.stats import rankdata

    ranks = rankdata(one), rankdata(other)
    if min(np.ptp(rank) for rank in ranks) == 0:
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])


def _terms(parts: Sequence[Part]) -> Counter[str]:
    """How often a network has each term."""
    found = Counter[str]({NETWORK: 1})
    for part in parts:
        for layer in part.parts or (part,):
            for name, count in terms_of(layer):
                found[name] += int(count)
    return found


def _fit(rows: Sequence[Counter[str]], measured: Numbers) -> dict[str, float]:
    """Nanoseconds of each term."""
    from scipy.optimize import nnls

    names = sorted({name for row in rows for name, count in row.items() if count})
    shares = np.array([[row[name] for name in names] for row in rows]) / measured[:, None]
    scale = np.sqrt((shares**2).mean(axis=0))
    penalty = np.array([name not in SHARED for name in names]) * _PENALTY * len(rows)
    system = np.concatenate([shares / scale, np.diag(np.sqrt(penalty))])
    wanted = np.concatenate([np.ones(len(rows)), np.zeros(len(names))])
    found, _ = nnls(system, wanted)
    terms = zip(names, found / scale, strict=True)
    kept = (*SHARED, *KINDS, CLASSIFIER)  # also what takes nothing, to be told from what isn't known
    return {name: float(f"{value:.6g}") for name, value in terms if value or name in kept}
