"""The server: one process, one page for each browser tab, on 127.0.0.1 alone."""

import socket
import threading
import webbrowser
from collections.abc import Callable
from importlib import resources

import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from nicegui import app, ui

from rl_designer.dashboard.approvals_page import approvals_page
from rl_designer.dashboard.guard import ADDRESS, Guard
from rl_designer.dashboard.parts import Text, frame, heading
from rl_designer.dashboard.runs_page import compare_page, run_page, runs_page
from rl_designer.dashboard.sample_page import sample_page
from rl_designer.dashboard.watch import Catalogue, RunWatch
from rl_designer.errors import Error
from rl_designer.reports.page import packed, page

_SECONDS_TO_COME_BACK = 30.0  # that a page's state is kept for a browser that is slow or was asleep
_SECONDS_TO_END = 1  # that open pages get when the server ends
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M2 13l4-5 3 3 5-8" fill="none" '
    'stroke="#2f7fd1" stroke-width="2.5" stroke-linecap="round" stroke-linejoin="round"/></svg>'
)


def serve(catalogue: Catalogue, port: int | None, ready: Callable[[str], None], opens: bool) -> None:
    """Serves the pages until Ctrl-C or SIGTERM.

    Args:
        port: None for a free one.
        ready: called with the address once it is there.
        opens: whether a browser is opened on it.

    Raises:
        ValueError: where the port can't be had.
    """
    listening = listen(port)
    guard = Guard(application(catalogue), listening.getsockname()[1])
    config = uvicorn.Config(
        guard,
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_SECONDS_TO_END,
    )
    ready(guard.address)
    if opens:
        threading.Thread(target=webbrowser.open, args=(guard.address_for_once(),), daemon=True).start()
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        pass  # how it ends
    finally:
        listening.close()


def listen(port: int | None) -> socket.socket:
    """A socket on 127.0.0.1 that listens already. Raises ValueError where the port can't be had."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((ADDRESS, port or 0))
        listening.listen()
    except OSError as error:
        listening.close()
        raise Error(f"port {port} can't be had: {error.strerror}; name another with --port") from error
    return listening


def application(catalogue: Catalogue) -> FastAPI:
    """All pages, without the guard."""
    own = resources.files("rl_designer.dashboard") / "templates"
    style, script = ((own / f"dashboard.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    ui.add_css(packed("colours.css", "parts.css") + style, shared=True)
    ui.add_head_html(f"<script>{packed('plots.js')}{script}</script>", shared=True)
    ui.page("/")(lambda: runs_page(catalogue))
    ui.page("/compare")(lambda: compare_page(catalogue))
    ui.page("/approvals")(lambda: approvals_page(catalogue))
    ui.page("/run/{key}")(lambda key: _of_run(catalogue, key, run_page))
    ui.page("/run/{key}/sample")(lambda key: _of_run(catalogue, key, sample_page))
    app.get("/run/{key}/report")(lambda key: _report(catalogue, key))
    outer = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    ui.run_with(
        outer,
        title="rl-designer",
        dark=None,
        language="en-US",
        favicon=_ICON,
        tailwind=False,
        reconnect_timeout=_SECONDS_TO_COME_BACK,
        show_welcome_message=False,
    )
    return outer


def _of_run(catalogue: Catalogue, key: str, page: Callable[[str, RunWatch], None]) -> None:
    watch = catalogue.find(key)
    if watch is not None:
        page(key, watch)
        return
    with frame("No such run"):
        heading("There is no such run", 1)
        Text("p", "It may have been moved or removed. The page Runs has those that are here.")


def _report(catalogue: Catalogue, key: str) -> HTMLResponse:
    """The report as it would be written now; never a file of the run's folder, which may be a stranger's."""
    watch = catalogue.find(key)
    view = None if watch is None else watch.look()
    if view is None or view.report is None:
        return HTMLResponse("<!doctype html><title>rl-designer</title><p>There is no report.", 404)
    return HTMLResponse(page([view.report]))
