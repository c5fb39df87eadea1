"""A browser for tests."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def chromium() -> Iterator[Any]:
    """The system's, or the one that Playwright has installed; without one the test is skipped."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright isn't installed")
    with playwright.sync_playwright() as tool:
        arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        try:
            opened = tool.chromium.launch(executable_path=path, args=arguments)
        except playwright.Error as error:
            pytest.skip(f"no browser: {str(error).strip().partition(chr(10))[0]}")
        yield opened
        opened.close()
