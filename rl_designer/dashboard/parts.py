"""What the pages are made of. Texts reach the browser as texts, never as HTML."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from nicegui import run, ui

from rl_designer.reports.page import part
from rl_designer.reports.plots import Plot
from rl_designer.text import printable

POLL_SECONDS = 1.0
Found = TypeVar("Found")

_KEPT_COLOURS = "keptColours() && setColours(keptColours())"
_OTHER_COLOURS = '() => setColours(Quasar.Dark.isActive ? "light" : "dark")'


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
            link("Approvals", "/approvals")
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


class Part(ui.element, component="templates/part.js"):
    """A part of the report, as the page has it; nothing until there is something to show."""

    def __init__(self) -> None:
        super().__init__()
        self.props["html"] = ""

    def show(self, name: str, *arguments: Any) -> None:
        self._set(part(name, *arguments))

    def show_plot(self, plot: Plot | None) -> None:
        self._set("" if plot is None else part("figure", plot, ("half", "narrow")))

    def _set(self, html: str) -> None:
        if html != self.props["html"]:
            self.props["html"] = html


def columns(names: Mapping[Any, str], left: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Columns of a table by field; figures stand to the right, but for those of `left`."""
    return [
        {
            "name": str(field),
            "field": str(field),
            "label": label,
            "align": "left" if str(field) in left else "right",
        }
        for field, label in names.items()
    ]


def poll(work: Callable[[], Found], show: Callable[[Found], Awaitable[None] | None]) -> None:
    """Brings the page up to date while it is seen: `work` in a thread, `show` with what it returns."""

    async def again() -> None:
        found = await run.io_bound(work)
        if found is None:  # as when the server ends
            return
        going_on = show(found)
        if going_on is not None:
            await going_on

    timer = ui.timer(POLL_SECONDS, again)
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
