"""Exported networks against the originals, over random architectures of each space, in all formats.

Usage: python benchmarks/export_parity.py [--count 200] [--space NAME ...] [--format NAME ...] [--seed 0]
           [--alone PYTHON]

Weights, the statistics of batch norms and what inputs are standardised with are random, so that no module is
an identity. The Python files are also checked by ruff and mypy, where they are installed, and run in a
process that can't import this package, NumPy or safetensors; `--alone` names another Python to do that.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from rl_designer.envs.datasets import Standardisation
from rl_designer.envs.networks.network import build_network
from rl_designer.envs.search_spaces.registry import DataSpace, make_space
from rl_designer.exporting.export import export
from rl_designer.exporting.formats import FORMATS
from rl_designer.exporting.subject import Origin, Subject

SPACES = {
    "cell": (3, 15, 18),
    "cell1d": (2, 41),
    "convnet": (3, 15, 18),
    "convnet1d": (2, 41),
    "convnet1d-wide": (2, 41),
    "mlp": (13,),
    "mlp-wide": (13,),
}
CLASSES, MOST_PARAMETERS = 5, 100_000
CONFIG = Path(__file__).parents[1] / "pyproject.toml"
ALONE = """
import sys
sys.modules |= dict.fromkeys(["rl_designer", "safetensors", "numpy"])
import importlib.util, torch
for path in sys.argv[1:]:
    spec = importlib.util.spec_from_file_location("network", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    standardised = getattr(module, "standardised", lambda x: x)  # where the constants are known
    x = standardised(torch.zeros(2, *module.INPUT_SHAPE))
    assert module.load()(x).shape == (2, module.NUM_CLASSES)
"""


def randomised(network: nn.Module, generator: torch.Generator) -> nn.Module:
    """The network in evaluation mode, with random statistics and affine maps in its norms and biases."""
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith(("running_mean", "bias")):
                tensor.normal_(0, 0.3, generator=generator)
            elif name.endswith("running_var") or (name.endswith("weight") and tensor.dim() == 1):
                tensor.uniform_(0.5, 1.5, generator=generator)
    return network.eval()


def subjects(space: DataSpace, count: int, seed: int) -> list[Subject]:
    """Random designs with random weights, as if they had been trained."""
    generator, numbers = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    shape, found = space.input_shape, []
    for design in space.architectures(space.random_actions(count, numbers)):
        network = randomised(build_network(design, shape, CLASSES, generator=generator), generator)
        mean, deviation = numbers.normal(size=shape[0]), numbers.lognormal(size=shape[0])
        known = Standardisation.of_values(mean.tolist(), deviation.tolist(), shape)
        more: dict[str, Any] = {"retrained_seed": 0, "standardisation": known}
        found.append(Subject(design, network, shape, CLASSES, Origin("random"), **more))
    return found


def parity(found: list[Subject], name: str, folder: Path) -> dict[str, object]:
    """The largest difference over the designs, and what failed."""
    started, differences, failures = time.perf_counter(), [], []
    for number, subject in enumerate(found):
        try:
            files = export(subject, folder / f"{name}{number}", [name])
        except Exception as error:
            failures.append(f"{subject.architecture}: {type(error).__name__}: {str(error)[:300]}")
            continue
        differences.append(files[0].difference or 0.0)
    seconds = (time.perf_counter() - started) / max(len(found), 1)
    return {
        "designs": len(found),
        "failures": failures,
        "largest_difference": max(differences, default=None),
        "seconds_a_design": round(seconds, 3),
    }


def checked_by_others(files: list[Path], alone: str = sys.executable) -> dict[str, str]:
    """What ruff, mypy and a process with torch alone say of the Python files; empty texts are praise."""
    paths = [str(path) for path in files]
    ruff = [sys.executable, "-m", "ruff"]
    typed = ["mypy", "--strict", "--config-file", str(CONFIG), "--scripts-are-modules"]
    commands = {
        "ruff check": [*ruff, "check", "--quiet", "--config", str(CONFIG), *paths],
        "ruff format": [*ruff, "format", "--quiet", "--check", "--config", str(CONFIG), *paths],
        "alone": [alone, "-I", "-c", ALONE, *paths],
    }
    said = {name: _said(command) for name, command in commands.items()}
    # Files of one name are one module to mypy, so they get a name each.
    with tempfile.TemporaryDirectory() as folder:
        copies = [Path(folder) / f"network_{number}.py" for number in range(len(files))]
        for path, copy in zip(files, copies, strict=True):
            copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        said["mypy"] = _said([sys.executable, "-m", *typed, *map(str, copies)])
    return said


def _said(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stdout + done.stderr)[-2000:] or str(done.returncode)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--space", choices=list(SPACES), action="append")
    parser.add_argument("--format", choices=list(FORMATS), action="append")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--alone", default=sys.executable)
    given = parser.parse_args()
    torch.set_num_threads(1)
    results: dict[str, object] = {}
    for name in given.space or SPACES:
        space = make_space(name, SPACES[name], CLASSES, max_parameters=MOST_PARAMETERS)
        found = subjects(space, given.count, given.seed)
        with tempfile.TemporaryDirectory() as folder:
            for wanted in given.format or FORMATS:
                results[f"{name} {wanted}"] = parity(found, wanted, Path(folder))
                print(name, wanted, json.dumps(results[f"{name} {wanted}"]), file=sys.stderr, flush=True)
            written = sorted(Path(folder).glob("python*/network.py"))
            if written:
                results[f"{name} python, checked by others"] = checked_by_others(written, given.alone)
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
