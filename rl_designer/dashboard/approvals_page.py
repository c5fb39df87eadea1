"""The page of approvals: what waits for a person, with what is needed to decide, and who decided what."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nicegui import run, ui

from rl_designer.dashboard.parts import Part, Text, frame, heading, link, poll, told
from rl_designer.dashboard.watch import Catalogue, RunWatch
from rl_designer.oversight.approval import Approval, approve, revoke
from rl_designer.reports.decision import (
    IS_APPROVED,
    IS_REVOKED,
    OPEN,
    WAITS,
    Pairs,
    approval_state,
    decision_data,
)
from rl_designer.retraining.folder import DEFAULT_PARENT, RESULTS
from rl_designer.runs.folder import RunFolder
from rl_designer.runs.reading import RunReport
from rl_designer.text import printable

MOST = 50  # runs, those that were written to last
_ORDER = (WAITS, IS_REVOKED, OPEN, IS_APPROVED)
_COLOURS = {WAITS: "stopped", IS_REVOKED: "not", OPEN: "", IS_APPROVED: "finished"}


@dataclass(frozen=True)
class Candidate:
    """A run's winner at one moment.

    Attributes:
        state, said: as `approval_state` gives them.
        data: as `decision_data` gives it.
    """

    key: str
    watch: RunWatch
    digest: str
    state: str
    said: str
    data: dict[str, Pairs]


class Candidates:
    """All of them, each worked out again only where something was written."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._known: dict[str, tuple[object, dict[str, Pairs]]] = {}

    def look(self) -> list[Candidate]:
        """Those of now, what waits first."""
        found = []
        for key, watch in list(self._catalogue.watches().items())[:MOST]:
            report = watch.look().report
            if report is not None and report.winners:
                digest = report.winners[0].design.architecture.digest
                candidate = (key, watch, digest, *approval_state(report), self._data(key, report))
                found.append(Candidate(*candidate))
        return sorted(found, key=lambda candidate: _ORDER.index(candidate.state))

    def _data(self, key: str, report: RunReport) -> dict[str, Pairs]:
        results = sorted((report.folder.path / DEFAULT_PARENT).glob(f"*/{RESULTS}"))
        mark = id(report), *(path.stat().st_mtime_ns for path in results)
        if key not in self._known or self._known[key][0] != mark:
            self._known[key] = mark, decision_data(report)
        return self._known[key][1]


def approvals_page(catalogue: Catalogue) -> None:
    """A card a run."""
    candidates = Candidates(catalogue)
    with frame("Approvals"):
        heading("Approvals", 1)
        Text(
            "p",
            "The best design of each run. An approval holds for this design, its data, and the weights that "
            "it has now; it stands in the run's log with the account of this machine.",
            "muted",
        )
        none = Text("p")
        place = ui.element("div")
    cards: dict[str, _Card] = {}

    def show(found: list[Candidate]) -> None:
        none.show("" if found else "There is no run with a design yet.")
        for candidate in found:
            if candidate.key not in cards:
                with place:
                    cards[candidate.key] = _Card(candidate)
            cards[candidate.key].show(candidate)

    poll(candidates.look, show)


class _Card:
    """One winner: what is known of it, and the buttons."""

    def __init__(self, candidate: Candidate) -> None:
        self._digest, self._data = candidate.digest, dict[str, Pairs]()
        with ui.element("section").classes("card").props(f'aria-label="{candidate.key}"'):
            with ui.element("h2"):
                link(candidate.watch.name, f"/run/{candidate.key}")
            with ui.element("div").classes("actions"):
                self._state = ui.label("").classes("state").props('role="status"')
            self._said = Text("p")
            with ui.element("div").classes("columns"):
                self._parts = {title: _part(title) for title in candidate.data}
            self._form(candidate.watch)

    def _form(self, watch: RunWatch) -> None:
        with ui.element("div").classes("form"):
            by = ui.input("Who decides").props("stack-label")
            reason = ui.input("Why").props("stack-label")
            self._approve = ui.button("Approve").props("no-caps outline")
            self._revoke = ui.button("Revoke").props("no-caps outline")
        problem = Text("p", classes="problem")
        problem.element.props('role="alert"')

        def work(what: Callable[..., Approval]) -> Callable[[], Any]:
            async def doing() -> None:
                name, why = str(by.value or ""), str(reason.value or "")
                await run.io_bound(_decide, what, watch, self._digest, name, why)

            return told(doing, problem)

        self._approve.on_click(work(approve))
        self._revoke.on_click(work(revoke))

    def show(self, candidate: Candidate) -> None:
        """What is approved is the design that is seen here, also where the run has a better one meanwhile."""
        self._digest = candidate.digest
        self._state.set_text(candidate.state)
        self._state.classes(replace=f"state {_COLOURS[candidate.state]}")
        self._said.show(printable(candidate.said))
        self._approve.set_enabled(candidate.state != IS_APPROVED)
        self._revoke.set_enabled(candidate.state == IS_APPROVED)
        if candidate.data != self._data:
            self._data = candidate.data
            for title, (name, part) in self._parts.items():
                pairs = candidate.data.get(title) or []
                name.element.set_visibility(bool(pairs))
                part.show("pairs", title, pairs)


def _part(title: str) -> tuple[Text, Part]:
    with ui.element("div"):
        return heading(title, 3), Part()


def _decide(what: Callable[..., Approval], watch: RunWatch, digest: str, by: str, reason: str) -> Approval:
    return what(RunFolder.open(watch.path), digest, by, reason)
