"""The page that samples a run's policy: so many more designs within limits, each to be taken away."""

from typing import Any

from nicegui import run, ui

from rl_designer.dashboard.parts import Text, columns, frame, heading, link, told
from rl_designer.dashboard.samples import MOST, Samples, Wanted, draw_samples
from rl_designer.dashboard.watch import RunWatch

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
            temperature = ui.number("Temperature", value=1.0, min=0.1, step=0.1)
            for field in (count, parameters, macs, temperature):
                field.props("stack-label")
            button = ui.button("Sample").props('no-caps outline type="submit"')
        problem = Text("p", classes="problem")
        problem.element.props('role="alert"')
        result = _Result()
    seed = [0]

    async def draw() -> None:
        wanted = Wanted(count.value, parameters.value, macs.value, temperature.value, seed[0])
        button.disable()
        try:
            samples = await run.io_bound(draw_samples, watch.path, watch.store, wanted)
        finally:
            button.enable()
        seed[0] += 1  # the next ones are others
        if samples is not None:  # as when the server ends
            result.show(samples)

    form.on("submit", told(draw, problem), js_handler="(event) => { event.preventDefault(); emit(); }")


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
