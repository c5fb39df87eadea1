"""The dashboard in a real browser, on a live search: its numbers are the store's, and its buttons work."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from rl_designer import cli
from rl_designer.dashboard.process import searcher_of, stop_search
from rl_designer.runs.folder import PROCESS, RunFolder
from tests.helpers.browser import chromium
from tests.helpers.dashboard import dashboard, poll, start, stored, until, watched

pytest.importorskip("playwright.sync_api", reason="Playwright isn't installed")

POLLS = 3
HOSTILE = "<img src=x onerror=alert(1)>"
SEARCH = (
    "--table",
    "mnist1d-convnet1d",
    "--agent",
    "local-search",
    "--no-control",
    "--no-tensorboard",
    "--quiet",
)
# What a search takes its time with, since a table answers at once.
REWARD = """
import time


def slow(evaluation):
    time.sleep(0.04)
    return evaluation.val_accuracy
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def search(tmp_path: Path) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """A search that goes on for long, and ends with the test."""
    run = tmp_path / "runs" / HOSTILE
    (tmp_path / "slow.py").write_text(REWARD)
    options = ("--evaluations", "4000", "--reward", "slow.py:slow", "--run", run)
    process = start("train", *SEARCH, *options, folder=tmp_path)
    try:
        until(lambda: len(stored(run)) >= 8)
        yield run, process
    finally:
        if searcher_of(run) is not None:
            stop_search(run)
            until(lambda: searcher_of(run) is None)
        process.wait(timeout=30)


def test_a_search_is_followed_stopped_and_let_go_on_and_outlives_the_dashboard(
    browser: Any, search: tuple[Path, subprocess.Popen[str]], tmp_path: Path
) -> None:
    run, process = search
    with dashboard(folder=tmp_path) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)  # the machine may be busy
        heard = watched(page)
        page.goto(address)
        page.get_by_role("link", name=HOSTILE).click()
        page.wait_for_selector(".designs tbody tr")
        assert "token" not in page.url and page.locator("h1").inner_text() == HOSTILE
        assert page.locator(".state").inner_text() == "searching"

        polls = []
        for _ in range(POLLS):
            page.wait_for_timeout(500)
            polls.append(poll(page, run))
        assert [p.differences for p in polls] == [[]] * POLLS
        assert all(p.shown <= p.stored_after for p in polls) and polls[-1].shown > polls[0].shown
        a_point_says_what_it_is_while_more_come(page)

        page.get_by_role("button", name="Stop").click()
        assert process.wait(timeout=30) == 130
        page.wait_for_function("document.querySelector('.state').innerText === 'stopped'")
        kept = stored(run)
        until(lambda: poll(page, run).shown == len(kept))
        assert not (run / PROCESS).exists()

        page.get_by_role("button", name="Resume").click()
        until(lambda: len(stored(run)) > len(kept))
        page.wait_for_function("document.querySelector('.state').innerText === 'searching'")
        with pytest.raises(HTTPError, match="401") as refused:
            urlopen(address.partition("?")[0])
        refused.value.close()
        page.close()
        assert heard.said == [] and heard.elsewhere(address) == []
    after = stored(run)
    until(lambda: len(stored(run)) > len(after))  # nobody looks on, and it goes on
    assert [d.design for d in stored(run)][: len(kept)] == [d.design for d in kept]


def a_point_says_what_it_is_while_more_come(page: Any) -> None:
    """To the keyboard, which keeps its place; what is open stays open, and the pointer finds its design."""
    plot, tip = page.locator("svg.plot.half").first, page.locator("#tip")
    page.locator("summary").first.click()
    plot.focus()
    page.keyboard.press("ArrowRight")
    before = plot.locator("path.mark").count()
    told = tip.inner_text()
    assert before > 5 and told.startswith("Evaluation 1 by local-search: reward")
    page.wait_for_function(f"document.querySelectorAll('svg.plot.half path.mark').length > {2 * before}")
    assert tip.is_visible() and tip.inner_text() == told
    assert page.evaluate("document.activeElement.classList.contains('plot')")
    assert page.locator("details").first.get_attribute("open") is not None
    page.keyboard.press("Escape")
    assert not tip.is_visible()
    plot.locator("path.mark[data-tip]").last.hover(force=True)
    assert tip.is_visible() and page.locator("path.mark.lit").count() >= 1


def test_a_phone_shows_all_pages_without_sticking_out_also_in_the_dark(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "runs" / HOSTILE
    assert cli.run(["train", *SEARCH, "--evaluations", "12", "--run", str(run)]) == 0
    RunFolder.open(run).update_summary(state="interrupted")
    (run / "report.html").unlink()
    with dashboard(run, folder=tmp_path) as address:
        page = browser.new_page(viewport={"width": 360, "height": 740}, color_scheme="dark")
        page.set_default_timeout(60_000)  # the machine may be busy
        heard = watched(page)
        page.goto(address)
        page.get_by_role("link", name=HOSTILE).click()
        page.wait_for_selector("svg.plot.narrow")
        for name in ("Sample designs", "Compare", "Runs"):
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 19, 24)"
            page.get_by_role("link", name=name, exact=True).click()
            page.wait_for_selector("h1")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.innerText") == "To the content"
        page.go_back()
        page.go_back()
        page.get_by_role("button", name="Sample").click()
        page.get_by_text("leaves no policy").wait_for()
        page.get_by_role("link", name="Back to the run").click()
        with page.expect_popup() as opened:
            page.get_by_role("link", name="Report").click()
        opened.value.get_by_role("heading", name="The ten best, and how they differ").wait_for()
        page.goto(f"{address.partition('?')[0]}run/{'0' * 12}")
        page.get_by_role("heading", name="There is no such run").wait_for()
        page.close()
        assert heard.said == [] and heard.elsewhere(address) == []
