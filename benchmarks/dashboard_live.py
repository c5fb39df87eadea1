"""The dashboard on a search that trains: are its numbers the store's at each poll, and what does it cost?

    python benchmarks/dashboard_live.py
    python benchmarks/dashboard_live.py --polls 20 --data wine --folder /tmp/live

A search trains for real while a run's page is open in Chromium. Each poll reads the page in one go, takes as
many of the store's designs as the page shows, and compares tiles and rows with them. Then the search is
stopped and resumed by the page's buttons, the dashboard is closed, and the search has to go on. Prints JSON.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import psutil
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from rl_designer.dashboard.process import searcher_of, stop_search
from tests.helpers.dashboard import Poll, dashboard, poll, start, stored, until, watched

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 600.0  # seconds, since a resumed search first does again what it had done


@click.command()
@click.option("--polls", default=10, show_default=True)
@click.option("--seconds", default=2.0, show_default=True, help="Between polls.")
@click.option("--data", default="mnist1d", show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="For the run.  [default: a temporary one]")
def main(polls: int, seconds: float, data: str, folder: Path | None) -> None:
    """Prints what was seen."""
    parent = Path(tempfile.mkdtemp()) if folder is None else folder.absolute()
    run = parent / "runs" / "live"
    options = ("--data", data, "--max-parameters", "20k", "--evaluations", "2000", "--epochs", "4", "--quiet")
    process = start("train", *options, "--run", run, folder=parent)
    try:
        until(lambda: len(stored(run)) >= 4, PATIENCE)
        facts = watch(run, parent, process, polls, seconds)
        before = len(stored(run))
        until(lambda: len(stored(run)) > before, PATIENCE)
        facts["designs after closing"] = [before, len(stored(run))]
    finally:
        if searcher_of(run) is not None:
            stop_search(run)
            until(lambda: searcher_of(run) is None)
    commit = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    said = subprocess.run(commit, capture_output=True, text=True, check=False).stdout.strip()
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"
    print(json.dumps({"commit": said, "machine": machine, "data": data, **facts}, indent=2))


def watch(
    run: Path, parent: Path, process: "subprocess.Popen[str]", polls: int, seconds: float
) -> dict[str, Any]:
    """What was seen on the page: the polls, what a stop and a resume did, console and network."""
    with dashboard(run, folder=parent) as address, sync_playwright() as tool:
        path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        browser = tool.chromium.launch(executable_path=path, args=["--no-sandbox"] * root)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        heard = watched(page)
        page.goto(address)
        page.get_by_role("link", name=run.name).click()
        page.wait_for_selector(".designs tbody tr")
        server, began = server_of(), time.monotonic()
        used = server.cpu_times()
        found = followed(page, run, polls, seconds)
        after, took = server.cpu_times(), time.monotonic() - began
        spent = after.user + after.system - used.user - used.system
        facts = facts_of(found) | {"the dashboard's share of a core": round(spent / took, 3)}
        page.get_by_role("button", name="Stop").click()
        facts["exit status after stop"] = process.wait(timeout=PATIENCE)
        kept = [d.design for d in stored(run)]
        page.get_by_role("button", name="Resume").click()
        until(lambda: len(stored(run)) > len(kept), PATIENCE)
        facts["designs at stop, same after resume"] = [
            len(kept),
            [d.design for d in stored(run)][: len(kept)] == kept,
        ]
        browser.close()
        facts["console"], facts["requests to elsewhere"] = heard.said, heard.elsewhere(address)
        return facts


def followed(page: Any, run: Path, polls: int, seconds: float) -> list[Poll]:
    """So many polls of a page."""
    found = []
    for number in range(polls):
        page.wait_for_timeout(1000 * seconds)
        found.append(poll(page, run))
        click.echo(f"{number + 1}: {found[-1]}", err=True)
    return found


def facts_of(polls: list[Poll]) -> dict[str, Any]:
    """The polls in figures."""
    return {
        "polls": len(polls),
        "polls that differ from the store": sum(bool(p.differences) for p in polls),
        "differences": [p.differences for p in polls if p.differences],
        "designs shown": [p.shown for p in polls],
        "designs in the store before and after": [[p.stored_before, p.stored_after] for p in polls],
    }


def server_of() -> psutil.Process:
    """The dashboard's process, a child of ours."""
    children = psutil.Process().children(recursive=True)
    return next(child for child in children if "dashboard" in child.cmdline())


if __name__ == "__main__":
    main()
