"""How well a few measured networks tell what others take: the model of `--max-latency`, on unseen networks.

Usage: python benchmarks/latency_model.py [--fitted 32] [--others 100] [--seeds 2] [--space NAME ...]
           [--output FILE]

Of each space so many random designs are measured on this machine by PyTorch, in one go; a model is fitted to
the first of them and asked about the others. Beside it stand multiply-adds and parameters, scaled to the same
networks. Run it on an idle core (`taskset -c 0`), with OMP_NUM_THREADS=1.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.search_spaces.costs import costs_within
from rl_designer.envs.search_spaces.latency import NANOSECOND
from rl_designer.envs.search_spaces.limits import UNLIMITED, Limits
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.latencies.files import Latencies
from rl_designer.latencies.fitting import fitted, rank_correlation
from rl_designer.latencies.measuring import measured

SPACES = {
    "mlp": (30,),
    "convnet1d": (1, 128),
    "convnet1d-wide": (1, 128),
    "convnet": (3, 32, 32),
    "cell1d": (1, 128),
    "cell": (3, 32, 32),
    "textnet": (60, 48),
}
CLASSES = 10
LIMITS = {"max_parameters": 100_000, "max_macs": 20_000_000}


def judged(name: str, first: int, others: int, seed: int) -> dict[str, Any]:
    """Errors on the others of a model that was fitted to the first."""
    space = make_space(name, SPACES[name], CLASSES, **LIMITS)
    known = measured(space, "cpu", first + others, seed)
    seconds = np.array([float(s or np.nan) for s in known.seconds])
    found = fitted(_part(known, 0, first))
    limits = Limits(max_latency=UNLIMITED * NANOSECOND, latency=found.model)

    def spent(design: Architecture) -> dict[str, int]:
        return costs_within(design, space.input_shape, CLASSES, limits)

    costs = [spent(design) for design in known.designs]
    return {
        "seed": seed,
        "milliseconds": [round(1e3 * float(s), 4) for s in (seconds.min(), seconds.max())],
        "model": _errors([c["latency"] * NANOSECOND for c in costs[first:]], seconds[first:]),
        "said": {"median_error": found.error, "rank_correlation": found.rank},
        **{cost: _scaled([c[cost] for c in costs], seconds, first) for cost in ("macs", "parameters")},
    }


def _part(known: Latencies, first: int, last: int) -> Latencies:
    return replace(known, designs=known.designs[first:last], seconds=known.seconds[first:last])


def _scaled(cost: Sequence[int], seconds: np.ndarray[Any, Any], first: int) -> dict[str, float]:
    """A line through what was measured of the first."""
    slope, start = np.polyfit(cost[:first], seconds[:first], 1)
    return _errors([start + slope * c for c in cost[first:]], seconds[first:])


def _errors(expected: Sequence[float], seconds: np.ndarray[Any, Any]) -> dict[str, float]:
    away = np.abs(np.array(expected) / seconds - 1)
    return {
        "rank_correlation": rank_correlation(np.array(expected), seconds),
        "median_error": float(np.median(away)),
        "error_of_nine_in_ten": float(np.quantile(away, 0.9)),
    }


def main(told: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True)) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--fitted", type=int, default=32)
    parser.add_argument("--others", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--space", choices=list(SPACES), action="append")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    started, results = time.process_time(), {}
    for name in given.space or SPACES:
        results[name] = [judged(name, given.fitted, given.others, seed) for seed in range(given.seeds)]
        told(f"{name} {json.dumps(results[name])}")
    text = json.dumps({**results, "seconds": round(time.process_time() - started, 1)}, indent=2)
    print(text)
    if given.output is not None:
        given.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
