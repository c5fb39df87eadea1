"""Runs and benchmarks as one HTML file that needs nothing else: no network, no installed package, no script
to be read.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rl_designer import __version__
from rl_designer.errors import WrongUsage
from rl_designer.files import write_text
from rl_designer.quantities import show_figure, show_share
from rl_designer.reports.benchmark_page import BenchmarkReport, benchmark_data
from rl_designer.reports.designs import signed, told_design, yes_or_no
from rl_designer.reports.front import overlay_front
from rl_designer.reports.front_course import course_plot
from rl_designer.reports.learning import overlay_plot
from rl_designer.reports.plots import SIZES, Plot, layout
from rl_designer.reports.run_page import run_data, space_of_run
from rl_designer.runs.reading import RunReport
from rl_designer.text import printable

REPORT = "report.html"
MOST_DETAILED = 8  # runs that are told of in full; of more, the comparison alone
_GENERATOR = '<meta name="generator" content="rl-designer '


def write_report(subjects: Sequence[RunReport | BenchmarkReport], path: Path) -> None:
    """Writes the page, beside and renamed.

    Raises:
        WrongUsage: where the path has a file that is no report of ours.
        OSError: where it can't be written.
    """
    check_replaceable(path)
    text = page(subjects)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)


def leave_report(report: RunReport) -> str | None:
    """Writes `report.html` into the run's folder. A search is done by then and must not fail for its page:
    what went wrong is returned, in one line.
    """
    try:
        write_report([report], report.folder.path / REPORT)
    except Exception as error:  # whatever it is, the run is whole
        return printable(error) or type(error).__name__
    return None


def check_replaceable(path: Path) -> None:
    """Raises WrongUsage where a path has something that no report was written to before."""
    if not path.exists():
        return
    if path.is_file():
        with path.open("rb") as file:
            if _GENERATOR.encode() in file.read(2_000):
                return
    raise WrongUsage(f"{path} exists and is no report of rl-designer; name another with --output")


def page(subjects: Sequence[RunReport | BenchmarkReport]) -> str:
    """The page of runs and benchmarks, at least one, in their order."""
    runs = [subject for subject in subjects if isinstance(subject, RunReport)]
    benchmarks = [subject for subject in subjects if isinstance(subject, BenchmarkReport)]
    detailed = runs if len(runs) <= MOST_DETAILED else []
    data: dict[str, Any] = {"runs": [run_data(run, f"run-{i + 1}") for i, run in enumerate(detailed)]}
    data["benchmarks"] = [benchmark_data(found, f"benchmark-{i + 1}") for i, found in enumerate(benchmarks)]
    data["comparison"] = comparison(runs) if len(runs) > 1 else None
    titles = [part["title"] for part in [*data["runs"], *data["benchmarks"]]]
    data["title"] = titles[0] if len(titles) == 1 else f"{len(subjects)} results, side by side"
    return rendered("page.html", data)


def comparison(runs: Sequence[RunReport]) -> dict[str, Any]:
    """Several runs side by side: a table and the plots that have them all."""
    names = [f"{number}. {run.folder.path.name}" for number, run in enumerate(runs, start=1)]
    plots = (overlay_plot(runs, names), overlay_front(runs, names))
    rows = []
    for run, name in zip(runs, names, strict=True):
        best = run.winners[0].design if run.winners else None
        evaluation = None if best is None else best.evaluation
        rows.append(
            {
                "name": name,
                "agent": run.agent,
                "title": str(run.folder.summary.get("title", "")),
                "reward": show_figure(None if best is None else best.reward),
                "accuracy": show_figure(None if evaluation is None else run.measured(evaluation)),
                "parameters": None if evaluation is None else evaluation.parameters,
                "evaluations": len(run.designs),
                "better": yes_or_no(run.folder.summary.get("better_than_control"), "not known"),
            }
        )
    return {"rows": rows, "plots": [plot for plot in plots if plot is not None]}


def rendered(template: str, data: Mapping[str, Any]) -> str:
    """A template with data; everything that isn't the template's own is escaped."""
    script = packed("plots.js", "report.js")
    return (
        _environment()
        .get_template(template)
        .render(
            **data,
            version=__version__,
            script=Markup(script),
            style=Markup(packed("colours.css", "parts.css", "report.css")),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


def picture(report: RunReport) -> str:
    """A run as HTML for a notebook's cell, on light and on dark: verdict, learning curve, best design; no
    script, so that a mark says what it is by its title.
    """
    curve = course_plot(report, space_of_run(report)[0], f"run-{report.folder.id[:12]}")
    best = told_design(report.winners[0], report) if report.winners else "No design has been trained yet."
    summary = report.folder.summary
    return (
        _environment()
        .get_template("picture.html")
        .render(
            title=report.title,
            state=summary.get("state", "running"),
            evaluations=len(report.designs),
            verdict=summary.get("verdict", ""),
            plots=[] if curve is None else [curve],
            best=best,
            style=Markup(packed("parts.css")),
        )
    )


def part(name: str, *arguments: Any) -> str:
    """A part of the page as HTML: a macro of `parts.html`, to which `parts.css` and `plots.js` belong."""
    return str(getattr(_environment().get_template("parts.html").module, name)(*arguments))


def packed(*names: str) -> str:
    """Files of the templates' folder, one after the other."""
    folder = resources.files("rl_designer.reports") / "templates"
    return "".join((folder / name).read_text(encoding="utf-8") for name in names)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("rl_designer.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters |= {"share": show_share, "figure": show_figure, "signed": signed}
    environment.globals["laid_out"] = _laid_out
    return environment


def _shown(value: object) -> object:
    """Texts from outside have no control characters on the page, and no signs that turn it around."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _laid_out(plot: Plot, sizes: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {name: layout(plot, *SIZES[name]) for name in sizes}
