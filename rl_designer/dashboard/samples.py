"""Designs from a run's policy, for the page that samples: drawn, with costs, and each as a file."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_designer.envs.architecture import Architecture
from rl_designer.quantities import parse_count, show_count
from rl_designer.reports.words import figure
from rl_designer.runs.architecture_files import ArchitectureFile
from rl_designer.runs.folder import RunFolder
from rl_designer.runs.reading import read_run
from rl_designer.searches.sampling import Draw, drawn_to_dict, sample_designs
from rl_designer.text import short_design

MOST = 200  # designs at a time


@dataclass(frozen=True)
class Wanted:
    """What a reader has typed, not yet checked."""

    count: Any = 10
    max_parameters: str = ""
    max_macs: str = ""
    temperature: Any = 1.0
    seed: int = 0

    def draw(self) -> Draw:
        """Raises ValueError, naming the field, for what can't be."""
        count, temperature = _number("Designs", self.count), _number("Temperature", self.temperature)
        if count != int(count) or not 1 <= count <= MOST:
            raise ValueError(f"Designs must be a whole number from 1 to {MOST}, got {self.count!r}")
        if not 0 < temperature <= 100:
            raise ValueError(f"Temperature must be more than 0 and at most 100, got {self.temperature!r}")
        return Draw(
            n=int(count),
            unique=True,
            temperature=temperature,
            max_parameters=_limit("At most parameters", self.max_parameters),
            max_macs=_limit("At most multiply-adds", self.max_macs),
            seed=self.seed,
        )


@dataclass(frozen=True)
class Samples:
    """Drawn designs: the table's rows, and each one's `architecture.json`, or why there is none."""

    rows: list[dict[str, Any]]
    files: list[bytes]
    no_files: str
    wanted: int


def draw_samples(run: Path, store: str | None, wanted: Wanted) -> Samples:
    """Draws from a run's policy, all distinct; there may be fewer than wanted.

    Raises:
        ValueError: for wishes that can't be, a run without a policy, limits that leave no design.
    """
    draw = wanted.draw()
    folder = RunFolder.open(run)
    drawn = sample_designs(folder, draw)
    try:
        seen = {d.design.architecture.digest for d in read_run(run, store).designs}
    except ValueError:  # a run that was taken away without its store
        seen = None
    data = drawn_to_dict(drawn, seen)["architectures"]
    architectures = [sample.architecture for sample in drawn.samples]
    rows = [
        {
            "number": number,
            "expected": figure(row["predicted_reward"]),
            "log_probability": f"{row['log_probability']:.2f}",
            "parameters": show_count(row["parameters"]),
            "macs": show_count(row["macs"]),
            "seen": {True: "yes", False: "no", None: "–"}[row["seen"]],
            "design": short_design(architecture),
        }
        for number, (row, architecture) in enumerate(zip(data, architectures, strict=True))
    ]
    if folder.config.subject.table is not None:
        return Samples(
            rows, [], "A design of an architecture table is no network, so it has no file.", draw.n
        )
    return Samples(rows, [_file(architecture, folder) for architecture in architectures], "", draw.n)


def _file(architecture: Architecture, folder: RunFolder) -> bytes:
    setting = folder.summary.get("setting", {})
    shape, classes = setting.get("input_shape"), setting.get("num_classes")
    file = ArchitectureFile(
        architecture,
        None if shape is None else tuple(shape),
        classes,
        source=f"sampled from the policy of {folder.path.name}"[:2_000],
    )
    return (json.dumps(file.to_dict(), indent=2) + "\n").encode()


def _number(field: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{field} must be a number, got {str(value)[:40]!r}")
    return float(value)


def _limit(field: str, text: str) -> int | None:
    if not (text or "").strip():
        return None
    try:
        return parse_count(text)
    except ValueError as error:
        raise ValueError(f"{field} {error}") from None
