"""The page that samples a run's policy: so many more designs within limits, each to be taken away."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nicegui import run, ui

from rl_designer.dashboard.parts import Text, columns, frame, heading, link, told
from rl_designer.dashboard.watch import RunWatch
from rl_designer.envs.architecture import Architecture
from rl_designer.errors import Error
from rl_designer.quantities import parse_bytes, parse_count, show_count, show_figure
from rl_designer.runs.architecture_files import ArchitectureFile
from rl_designer.runs.folder import RunFolder
from rl_designer.runs.reading import read_run
from rl_designer.searches.sampling import Draw, drawn_to_dict, sample_designs
from rl_designer.text import short_design

MOST = 200  # designs at a time
_COLUMNS = {
    "file": "file",
    "parameters": "parameters",
    "macs": "multiply-adds",
    "expected": "expected reward",
    "log_probability": "log-probability",
    "seen": "seen before",
    "design": "design",
}
_TO_FILE = """
<q-td :props="props">
  <q-btn v-if="props.row.has_file" dense flat no-caps label="Download"
         :aria-label="`Download architecture.json of design ${props.row.number + 1}`"
         @click="$parent.$emit('fetch', props.row.number)" />
  <span v-else>–</span>
</q-td>
"""


def sample_page(key: str, watch: RunWatch) -> None:
    """Draws designs on demand."""
    with frame(f"Sample {watch.name}"):
        heading(f"Designs from the policy of {watch.name}", 1)
        link("Back to the run", f"/run/{key}")
        with ui.element("form").classes("card form") as form:
            count = ui.number("Designs", value=10, min=1, max=MOST, step=1)
            parameters = ui.input("At most parameters", placeholder="the run's; such as 50k")
            macs = ui.input("At most multiply-adds", placeholder="the run's; such as 1M")
            ram = ui.input("At most RAM", placeholder="the run's; such as 32kB")
            flash = ui.input("At most flash", placeholder="the run's; such as 128kB")
            temperature = ui.number("Temperature", value=1.0, min=0.1, step=0.1)
            for field in (count, parameters, macs, ram, flash, temperature):
                field.props("stack-label")
            button = ui.button("Sample").props('no-caps outline type="submit"')
        problem = Text("p", classes="problem")
        problem.element.props('role="alert"')
        result = _Result()
    seed = [0]

    async def draw() -> None:
        limits = (parameters.value, macs.value, ram.value, flash.value)
        wanted = Wanted(count.value, *limits, temperature=temperature.value, seed=seed[0])
        button.disable()
        try:
            samples = await run.io_bound(draw_samples, watch.path, watch.store, wanted)
        finally:
            button.enable()
        seed[0] += 1  # the next ones are others
        if samples is not None:  # as when the server ends
            result.show(samples)

    form.on("submit", told(draw, problem), js_handler="(event) => { event.preventDefault(); emit(); }")


@dataclass(frozen=True)
class Wanted:
    """What a reader has typed, not yet checked."""

    count: Any = 10
    max_parameters: str = ""
    max_macs: str = ""
    max_ram: str = ""
    max_flash: str = ""
    temperature: Any = 1.0
    seed: int = 0

    def draw(self) -> Draw:
        """Raises ValueError, naming the field, for what can't be."""
        count, temperature = _number("Designs", self.count), _number("Temperature", self.temperature)
        if count != int(count) or not 1 <= count <= MOST:
            raise Error(f"Designs must be a whole number from 1 to {MOST}, got {self.count!r}")
        if not 0 < temperature <= 100:
            raise Error(f"Temperature must be more than 0 and at most 100, got {self.temperature!r}")
        return Draw(
            n=int(count),
            unique=True,
            temperature=temperature,
            limits={
                "max_parameters": _limit("At most parameters", self.max_parameters),
                "max_macs": _limit("At most multiply-adds", self.max_macs),
                "max_ram": _limit("At most RAM", self.max_ram, parse_bytes),
                "max_flash": _limit("At most flash", self.max_flash, parse_bytes),
            },
            seed=self.seed,
        )


@dataclass(frozen=True)
class Samples:
    """Drawn designs: the table's rows, and each one's `architecture.json`, or why there is none."""

    rows: list[dict[str, Any]]
    files: list[bytes]
    no_files: str
    wanted: int


class _Result:
    """The table of what was drawn."""

    def __init__(self) -> None:
        self._told = Text("p", classes="muted")
        self._told.element.props('role="status"')
        self._table = ui.table(rows=[], columns=columns(_COLUMNS, ("design", "file")), row_key="number")
        self._table.props("flat wrap-cells").classes("card wide-table")
        self._table.add_slot("body-cell-file", _TO_FILE)
        self._table.on("fetch", lambda event: self._fetch(event.args))
        self._table.set_visibility(False)
        self._samples: Samples | None = None

    def show(self, samples: Samples) -> None:
        self._samples = samples
        drawn = len(samples.rows)
        told = f"{drawn:,} distinct designs."
        if drawn < samples.wanted:
            told = f"Only {drawn:,} distinct designs were found; a higher temperature finds more."
        self._told.show(f"{told} {samples.no_files}".strip())
        self._table.rows = [row | {"has_file": bool(samples.files)} for row in samples.rows]
        self._table.set_visibility(True)

    def _fetch(self, number: Any) -> None:
        files = [] if self._samples is None else self._samples.files
        if isinstance(number, int) and 0 <= number < len(files):
            name = f"architecture-{number + 1}.json"
            ui.download.content(files[number], name, media_type="application/json")


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
            "expected": show_figure(row["predicted_reward"]),
            "log_probability": f"{row['log_probability']:.2f}",
            "parameters": show_count(row["parameters"]),
            "macs": show_count(row["macs"]),
            "seen": {True: "yes", False: "no", None: "–"}[row["seen"]],
            "design": short_design(architecture),
        }
        for number, (row, architecture) in enumerate(zip(data, architectures, strict=True))
    ]
    if no_data := folder.config.subject.no_data:
        return Samples(rows, [], f"A design of {no_data} is no network, so it has no file.", draw.n)
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
        raise Error(f"{field} must be a number, got {str(value)[:40]!r}")
    return float(value)


def _limit(field: str, text: str, parse: Callable[[str], int] = parse_count) -> int | None:
    if not (text or "").strip():
        return None
    try:
        return parse(text)
    except ValueError as error:
        raise Error(f"{field} {error}") from None
