"""`measured`: what random designs of a space take on this machine, by PyTorch."""

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluators.latency import LatencyEvaluator, how, processor
from rl_designer.envs.search_spaces.registry import DataSpace
from rl_designer.envs.seeding import stream
from rl_designer.envs.workers.devices import device_name
from rl_designer.errors import Error
from rl_designer.latencies.files import Latencies

DESIGNS = 32
ROUNDS = 15
_MOST_DRAWN = 20  # times as many, where a space has few


def chosen(space: DataSpace, designs: int = DESIGNS, seed: int = 0) -> tuple[Architecture, ...]:
    """So many distinct random designs, or as many as a small space has; of many random ones first such as
    have kinds of layers that those before lack.
    """
    drawn: dict[str, Architecture] = {}
    generator = stream(seed, "latency", "designs")
    for _ in range(_MOST_DRAWN):
        for design in space.architectures(space.random_actions(designs, generator)):
            drawn.setdefault(design.digest, design)
    known: set[str] = set()
    first: dict[str, Architecture] = {}
    for digest, design in drawn.items():
        kinds = {layer.kind for layer in design.network}
        if not kinds <= known:
            first[digest] = design
            known |= kinds
    return tuple({**first, **drawn}.values())[:designs]


def measured(space: DataSpace, device: str = "auto", designs: int = DESIGNS, seed: int = 0) -> Latencies:
    """Takes seconds. Nothing else should run meanwhile; of some rounds the quickest counts.

    Raises:
        ValueError: for a device that isn't there, and where no design can be run.
    """
    device = device_name(device)
    networks = chosen(space, designs, seed)
    evaluations = evaluator(space, device).evaluate(networks)
    seconds = tuple(evaluation.latency_seconds for evaluation in evaluations)
    if not any(seconds):
        raise Error(f"no design could be run: {evaluations[0].failure}")
    where = name_of(device)
    return Latencies(
        where, f"PyTorch, {how(ROUNDS)}", space.input_shape, space.num_classes, networks, seconds
    )


def evaluator(space: DataSpace, device: str) -> LatencyEvaluator:
    """What measures designs of a space: in more rounds than a table has, whose designs are many."""
    return LatencyEvaluator(space.input_shape, space.num_classes, device, ROUNDS)


def name_of(device: str) -> str:
    """What a device is, for people."""
    if device == "cpu":
        return processor()
    import torch

    return torch.cuda.get_device_name(device)
