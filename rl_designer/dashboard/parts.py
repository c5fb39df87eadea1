"""What the pages are made of. Texts reach the browser as texts, never as HTML."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from nicegui import run, ui

from rl_designer.dashboard.facts import Tile
from rl_designer.dashboard.figures import figure_of, legend_of
from rl_designer.reports.plots import Plot
from rl_designer.text import printable

POLL_SECONDS = 1.0
Found = TypeVar("Found")

# Tells whether the page is seen, since only then it is brought up to date.
HEAD = """
<script>
  const tell = () => window.emitEvent && emitEvent("seen", !document.hidden);
  document.addEventListener("visibilitychange", tell);
</script>
"""
_KEPT_COLOURS = 'localStorage.dark && Quasar.Dark.set(localStorage.dark === "yes")'
_OTHER_COLOURS = '() => { Quasar.Dark.toggle(); localStorage.dark = Quasar.Dark.isActive ? "yes" : "no"; }'


@contextmanager
def frame(title: str) -> Iterator[None]:
    """A page with its head; within it, its content."""
    ui.page_title(f"{printable(title)} – rl-designer")
    with ui.element("a").classes("skip").props('href="#content"'):
        ui.label("To the content")
    with ui.element("header"), ui.element("div").classes("inner"):
        link("rl-designer", "/").classes("brand")
        with ui.element("nav").props('aria-label="Pages"'):
            link("Runs", "/")
            link("Compare", "/compare")
            ui.button("Colours").props('no-caps flat dense aria-label="Light or dark colours"').on(
                "click", js_handler=_OTHER_COLOURS
            )
    ui.timer(0, lambda: ui.run_javascript(_KEPT_COLOURS), once=True)
    with ui.element("div").classes("page").props('id="content" tabindex="-1"'):
        yield


def link(text: str, target: str) -> ui.link:
    """To another page of the dashboard."""
    return ui.link(printable(text), target)


def heading(text: str, level: int = 2) -> "Text":
    """A heading with its text."""
    return Text(f"h{level}", text)


class Text:
    """An element that holds one text."""

    def __init__(self, tag: str, text: str = "", classes: str = "") -> None:
        self.element = ui.element(tag).classes(classes)
        with self.element:
            self._label = ui.label().classes("text")
        self.show(text)

    def show(self, text: str) -> None:
        self._label.set_text(printable(text))
        self.element.set_visibility(bool(text))


class Tiles:
    """Figures with what they are and what there is to add."""

    def __init__(self) -> None:
        self._list = ui.element("dl").classes("tiles")
        self._texts: list[tuple[ui.label, ui.label]] = []
        self._names: list[str] = []

    def show(self, tiles: Sequence[Tile]) -> None:
        if self._names != [name for name, _, _ in tiles]:
            self._build([name for name, _, _ in tiles])
        for (figure, note), (_, value, added) in zip(self._texts, tiles, strict=True):
            figure.set_text(printable(value))
            note.set_text(printable(added))

    def _build(self, names: list[str]) -> None:
        self._list.clear()
        self._names, self._texts = names, []
        for name in names:
            with self._list, ui.element("div").classes("tile").props(f'data-tile="{name}"'):
                with ui.element("dt"):
                    ui.label(name)
                with ui.element("dd"):
                    self._texts.append((ui.label().classes("value"), ui.label().classes("muted")))


class Figure:
    """A plot with its words; nothing where there is none yet."""

    def __init__(self) -> None:
        with ui.element("figure").classes("card") as self._figure:
            self._title = Text("h3")
            with ui.element("div").props('role="img"') as self._picture:
                self._plot = ui.plotly({"data": [], "layout": {}}).classes("plot")
            self._legend = ui.element("ul").classes("legend").props('aria-hidden="true"')
            self._words = Text("figcaption", classes="muted")
            self._notes = Text("p", classes="muted small")
            with ui.expansion("The figures as a table").classes("figures"):
                self._table = ui.table(rows=[], columns=[], row_key="row").props("flat dense")
        self._figure.set_visibility(False)
        self._last: Plot | None = None
        self._signs: list[tuple[str, str, str]] = []

    def show(self, plot: Plot | None) -> None:
        if plot == self._last:
            return
        self._last = plot
        self._figure.set_visibility(plot is not None)
        if plot is None:
            return
        self._title.show(plot.title)
        self._words.show(plot.summary)
        self._notes.show(" ".join(plot.notes))
        self._picture.props["aria-label"] = printable(f"{plot.title}. {plot.summary}")
        self._plot.update_figure(figure_of(plot))
        self._show_legend(legend_of(plot))
        self._table.columns = columns(dict(enumerate(plot.columns)))
        self._table.rows = [
            {"row": number, **{str(at): printable(cell) for at, cell in enumerate(cells)}}
            for number, cells in enumerate(plot.rows)
        ]

    def _show_legend(self, signs: list[tuple[str, str, str]]) -> None:
        if signs == self._signs:
            return
        self._signs = signs
        self._legend.clear()
        for sign, colour, name in signs:
            with self._legend, ui.element("li"):
                ui.label(sign).style(f"color: {colour}")
                ui.label(name)


def columns(
    names: Mapping[Any, str], left: Sequence[str] = (), sortable: bool = False
) -> list[dict[str, Any]]:
    """Columns of a table by field; figures stand to the right, but for those of `left`."""
    return [
        {
            "name": str(field),
            "field": str(field),
            "label": label,
            "align": "left" if str(field) in left else "right",
            "sortable": sortable,
        }
        for field, label in names.items()
    ]


def poll(
    work: Callable[[], Found],
    show: Callable[[Found], Awaitable[None] | None],
    seconds: float = POLL_SECONDS,
) -> None:
    """Brings the page up to date while it is seen: `work` in a thread, `show` with what it returns."""

    async def again() -> None:
        found = await run.io_bound(work)
        if found is None:  # as when the server ends
            return
        going_on = show(found)
        if going_on is not None:
            await going_on

    timer = ui.timer(seconds, again)
    ui.on("seen", lambda event: timer.activate() if event.args else timer.deactivate())


def told(work: Callable[[], Awaitable[None]], problem: Text) -> Callable[[], Awaitable[None]]:
    """A button's work; what goes wrong is said in `problem`."""

    async def doing() -> None:
        problem.show("")
        try:
            await work()
        except (ValueError, OSError) as error:
            problem.show(str(error))

    return doing
