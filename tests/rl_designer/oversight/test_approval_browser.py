"""A winner is approved, and that revoked, in a real browser, by the dashboard's page of what waits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from rl_designer.envs.limits import VARIABLE
from rl_designer.oversight.approval import approvals
from rl_designer.runs.folder import RunFolder
from tests.helpers.browser import chromium
from tests.helpers.dashboard import dashboard, watched
from tests.rl_designer.oversight.conftest import House

pytest.importorskip("playwright.sync_api", reason="Playwright isn't installed")


@pytest.fixture
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


def test_a_person_sees_what_waits_approves_it_and_revokes_that(
    browser: Any, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = house.path / "limits.toml"
    limits.write_text('approval = ["predict"]')
    monkeypatch.setenv(VARIABLE, str(limits))
    assert house.command("predict", "runs/a", "new.csv").status == 1
    with dashboard(folder=house.path) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)  # the machine may be busy
        heard = watched(page)
        page.goto(address)
        page.get_by_role("link", name="Approvals").click()
        state = page.locator(".state")
        state.get_by_text("waits").wait_for()
        shown = page.locator("#content").inner_text()
        digest = RunFolder.open(Path("runs/a")).summary["best"]["digest"]
        for known in (digest, "Weakest classes", "class_", "right", "wine", "parameters", "reward model"):
            assert known in shown
        assert "Not approved, as limits ask for before predict" in shown
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280

        page.get_by_role("button", name="Approve").click()
        page.get_by_role("alert").get_by_text("by must have from 1 to 1,000 characters").wait_for()
        assert approvals(RunFolder.open(Path("runs/a"))) == {}
        page.get_by_label("Who decides").fill("Ada <i>Example</i>")
        page.get_by_label("Why").fill("the weakest class is right often enough")
        page.get_by_role("button", name="Approve").click()
        state.get_by_text("approved", exact=True).wait_for()
        assert "Approved by Ada <i>Example</i>" in page.locator("#content").inner_text()
        assert house.command("predict", "runs/a", "new.csv").status == 0

        page.get_by_role("button", name="Revoke").click()
        state.get_by_text("revoked", exact=True).wait_for()
        refused = house.command("predict", "runs/a", "new.csv")
        assert refused.status == 1 and "revoked by Ada" in refused.err
        with pytest.raises(HTTPError, match="401") as alone:
            urlopen(f"{address.partition('?')[0]}approvals")
        alone.value.close()
        page.close()
        assert heard.said == [] and heard.elsewhere(address) == []
    assert house.command("audit", "runs/a").status == 0
