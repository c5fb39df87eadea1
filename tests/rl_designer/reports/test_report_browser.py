"""The report in a real browser: nothing asked of a network, no error, every plot drawn, on every screen."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rl_designer.cli import run
from rl_designer.config import make_config
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.problem import Design
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.envs.search_spaces.registry import space_definition
from rl_designer.envs.seeding import stream
from rl_designer.reports.page import write_report
from rl_designer.runs.folder import RunFolder
from rl_designer.runs.reading import RunReport
from rl_designer.store.store import StoredDesign
from tests.helpers.browser import chromium
from tests.helpers.quick_ppo import quicken

pytest.importorskip("playwright.sync_api", reason="Playwright isn't installed")

SCREENS = {"wide": (1280, 900), "tablet": (768, 1024), "phone": (360, 740)}
SECONDS = 2.0


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    parent = tmp_path_factory.mktemp("runs")
    search = ["--table", "mnist1d-convnet1d", "--evaluations", "16", "--no-tensorboard", "--quiet"]
    with pytest.MonkeyPatch.context() as patch:
        quicken(patch)
        assert run(["train", *search, "--run", str(parent / "run"), "--store", str(parent / "s.sqlite")]) == 0
    return parent / "run" / "report.html"


@pytest.fixture(scope="module")
def layers_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run whose designs have layers, shapes and failures, of the longest kind."""
    definition = space_definition("convnet1d")
    space = LayerSpace(definition, (1, 40), 10)
    actions = space.random_actions(400, stream(0, "designs"))
    longest = actions[(actions >= 0).sum(axis=1).argsort()[-40:]]
    designs = [
        StoredDesign(
            Design(
                architecture, Evaluation(0.5 + i / 100, parameters=10**6 + i, macs=10**9), 0.5 + i / 100, i
            ),
            "agent",
            1.0,
        )
        for i, architecture in enumerate(space.architectures(longest))
    ]
    failed = Evaluation(failure="worker process died: " + "x" * 300)
    designs.append(StoredDesign(Design(designs[0].design.architecture, failed, -1.0, 40), "control", 1.0))
    setting = {"space": definition.to_dict(), "input_shape": [1, 40], "num_classes": 10}
    summary = {"id": "0" * 32, "state": "finished", "title": "signals", "setting": setting}
    path = tmp_path_factory.mktemp("layers") / "report.html"
    folder = RunFolder(Path("a/rather/long/path/to/a/run"), make_config({"data": "x" * 200}), summary)
    write_report([RunReport(folder, designs)], path)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def open_page(browser: Any, page_file: Path) -> Iterator[Any]:
    """Opens the report; what the console and the network said is checked afterwards."""
    said: list[str] = []
    asked: list[str] = []
    contexts = []

    def opened(screen: str = "wide", scheme: str = "light", **options: Any) -> Any:
        width, height = SCREENS[screen]
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_file.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []
    assert all(url == page_file.as_uri() for url in asked)


@pytest.mark.parametrize(
    ("screen", "scheme"), [*((screen, "light") for screen in SCREENS), ("phone", "dark")]
)
def test_every_plot_is_drawn_and_nothing_sticks_out(open_page: Any, screen: str, scheme: str) -> None:
    page = open_page(screen, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= SCREENS[screen][0]
    shown = [plot for plot in page.query_selector_all("svg.plot") if plot.is_visible()]
    assert len(shown) == 2  # the other size of each is hidden
    for plot in shown:
        box = plot.bounding_box()
        assert box["width"] > 250 and box["height"] > 200
        lines = plot.query_selector_all("path.line")
        lengths = [line.evaluate("path => path.getTotalLength()") for line in lines]
        assert lengths and min(lengths) > 50 and len(plot.query_selector_all("path.mark")) >= 10
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 19, 24)"
    assert dark == (scheme == "dark")


def test_long_designs_and_names_never_stick_out(browser: Any, layers_file: Path) -> None:
    with browser.new_context(viewport={"width": 320, "height": 800}) as context:
        page = context.new_page()
        page.goto(layers_file.as_uri())
        for width in (320, 360, 640, 641, 800, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("[innerWidth, document.documentElement.scrollWidth]") == [width, width]
            assert page.locator("table.layers").get_by_role("rowheader").count() > 5


def test_text_in_plots_is_large_enough_on_a_phone(open_page: Any) -> None:
    page = open_page("phone")
    heights = page.evaluate(
        "[...document.querySelectorAll('svg.narrow text')].map(text => text.getBoundingClientRect().height)"
    )
    assert min(heights) >= 10


def test_it_opens_quickly(open_page: Any) -> None:
    """The best of three, since the machine may be busy."""
    took = "performance.getEntriesByType('navigation')[0].loadEventEnd"
    page = open_page()
    times = []
    for _ in range(3):
        page.reload(wait_until="load")
        page.wait_for_function(f"{took} > 0")
        times.append(page.evaluate(took) / 1000)
    assert min(times) < SECONDS


def test_the_colours_can_be_turned_around(open_page: Any) -> None:
    page = open_page("wide", "light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    button = page.get_by_role("button", name="Dark colours")
    button.click()
    assert page.evaluate(ground) != light
    page.get_by_role("button", name="Light colours").click()
    assert page.evaluate(ground) == light


def test_a_mark_tells_of_its_design_to_mouse_and_keyboard(open_page: Any) -> None:
    page = open_page()
    tip = page.locator("#tip")
    plot = page.locator("svg.plot.wide").first
    plot.scroll_into_view_if_needed()
    page.wait_for_timeout(100)
    plot.locator("path.mark[data-tip]").nth(3).hover(force=True)
    assert "Evaluation 4 by ppo" in tip.inner_text() or "Evaluation" in tip.inner_text()
    page.mouse.move(0, 0)
    plot.focus()
    page.keyboard.press("ArrowRight")
    assert tip.is_visible() and "Evaluation 1 by ppo" in tip.inner_text()
    assert page.locator("path.mark.lit").count() >= 2  # the same design in both plots
    page.keyboard.press("Escape")
    assert not tip.is_visible()


def test_the_first_stop_of_the_keyboard_leads_to_the_content(open_page: Any) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_page_reads_without_a_script(open_page: Any) -> None:
    page = open_page("wide", "light", java_script_enabled=False)
    assert page.get_by_role("heading", name="The ten best, and how they differ").is_visible()
    assert page.locator("svg.plot.wide").first.is_visible()
    assert not page.locator("#theme").is_visible()
