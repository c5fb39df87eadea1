"""Whether a search's best design takes what was expected of it, measured where the model is from."""

from collections.abc import Mapping
from typing import Any

from rl_designer.config import SearchConfig
from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.costs import costs_within
from rl_designer.envs.search_spaces.latency import NANOSECOND
from rl_designer.envs.search_spaces.registry import DataSpace
from rl_designer.envs.workers.devices import device_name
from rl_designer.latencies.measuring import evaluator

LATENCY = "latency"


def checked(config: SearchConfig, space: SearchSpace, best: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a run's summary says of its best design's latency, by name; nothing where that isn't limited by a
    model.

    Args:
        best: the design as the summary has it; None where there is none.
    """
    if best is None or not isinstance(space, DataSpace) or space.limits.latency is None:
        return {}
    design = Architecture(space.name, tuple(map(Layer.from_dict, best["layers"])), complete=True)
    spent = costs_within(design, space.input_shape, space.num_classes, space.limits)
    found = {"expected": spent[LATENCY] * NANOSECOND, "limit": space.limits.max_latency, "measured": None}
    if config.subject.latency_from is None:
        device = device_name(config.where.device or "auto")
        [evaluation] = evaluator(space, device).evaluate([design])
        found["measured"] = evaluation.latency_seconds
    return {LATENCY: found}


def latency_told(summary: Mapping[str, Any]) -> str | None:
    """The same in a line; None where there is nothing to tell."""
    found = summary.get(LATENCY)
    if not isinstance(found, Mapping):
        return None
    try:
        expected, limit = (f"{1e3 * found[name]:.4g} ms" for name in ("expected", "limit"))
        measured = found["measured"]
        if measured is None:
            return f"expected to take {expected}, of at most {limit}; not measured, being of another device"
        away = measured / found["expected"] - 1
        kept = "within" if measured <= found["limit"] else "beyond"
        took = f"takes {1e3 * measured:.4g} ms, measured here, {kept} the limit of {limit}"
        return f"{took}; expected were {expected} ({away:+.0%})"
    except (KeyError, TypeError, ZeroDivisionError):  # of a summary that somebody has changed
        return None
