"""What the report and the dashboard show of a front: plots of the objectives, and each design's layers."""

import re
from pathlib import Path

import pytest

from rl_designer.config import make_config
from rl_designer.dashboard.watch import RunWatch
from rl_designer.reports.front import front_data, front_plots
from rl_designer.reports.front_course import course_plot
from rl_designer.reports.page import page
from rl_designer.reports.run_page import space_of_run
from rl_designer.reports.terminal import print_report
from rl_designer.runs.reading import RunReport, read_run
from rl_designer.searches.search import run_search

THREE = ("val_accuracy", "parameters", "macs")


def on_table(folder: Path, name: str, *objectives: str, agent: str = "random") -> Path:
    options = {"table": "mnist1d-convnet1d", "agent": agent, "evaluations": 32, "tensorboard": False}
    run_search(make_config({**options, "objectives": objectives or None}), folder / name)
    return folder / name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fronts")
    (folder / "mine.py").write_text("def mine(evaluation):\n    return evaluation.val_accuracy ** 2\n")
    on_table(folder, "two", *THREE[:2])
    on_table(folder, "three", *THREE)
    on_table(folder, "reward")
    on_table(folder, "own", f"{folder / 'mine.py'}:mine", "parameters")
    return folder


def read(folder: Path, name: str) -> RunReport:
    return read_run(folder / name)


def test_two_objectives_are_one_plot_with_what_within_would_take(folder: Path) -> None:
    report = read(folder, "two")
    [plot] = front_plots(report, "run")
    assert plot.name == "run-front" and plot.title == "Accuracy against parameters"
    series = {each.name: each for each in plot.series}
    ends = [(point.x, point.y) for point in series["front"].points[:-1]]
    figures = [(f["parameters"], f["val_accuracy"]) for f in (each.figures for each in report.front)]
    assert ends == sorted(figures) and len(series["random"].points) == 32
    [near] = series["the cheapest within 0.5 percentage points of it"].points
    assert near.x == min(x for x, y in figures if y >= max(y for _, y in figures) - 0.005)
    assert "On the front: val. accuracy " in near.text


def test_three_objectives_are_three_plots(folder: Path) -> None:
    report = read(folder, "three")
    plots = front_plots(report, "run")
    assert [plot.name for plot in plots] == ["run-front", "run-front-2", "run-front-3"]
    assert [(plot.x.label, plot.y.label) for plot in plots] == [
        ("parameters", "validation accuracy"),
        ("macs (multiply-adds)", "validation accuracy"),
        ("macs (multiply-adds)", "parameters"),
    ]
    assert plots[2].y.falling and plots[2].y.logarithmic  # less is better, and better is up
    for plot in plots:
        [front] = [series for series in plot.series if series.name == "front"]
        assert len(front.points) == len(report.front) and front.kind == "points"


def test_the_course_of_a_front_ends_where_the_verdict_says(folder: Path) -> None:
    report = read_run(on_table(folder, "nsga", "val_accuracy", "parameters", agent="nsga-ii"))
    space, _ = space_of_run(report)
    plot = course_plot(report, space, "run")
    assert plot is not None and plot.name == "run-learning" and plot.title == "Course of the front"
    [course] = [series for series in plot.series if series.name == "front of nsga-ii"]
    shares = [point.y for point in course.points]
    assert shares == sorted(shares) and len(shares) == 32
    assert shares[-1] == pytest.approx(report.folder.summary["hypervolume"])
    [band] = [series for series in plot.series if series.kind == "band"]
    assert band.points[-1].y < 1 and all(
        low <= high.y for low, high in zip(band.lows, band.points, strict=True)
    )
    assert plot.notes == ("Random search by 40 random orders of the table's designs.",)


def test_where_an_objectives_code_would_have_to_run_it_is_the_best_so_far(folder: Path) -> None:
    report = read(folder, "own")
    plot = course_plot(report, space_of_run(report)[0], "run")
    assert plot is not None and plot.title == "Learning curve"


def test_each_design_of_the_front_has_its_layers_and_one_is_marked(folder: Path) -> None:
    report = read(folder, "two")
    text = page([report])
    for each in report.front:
        assert f'<details id="run-1-on-front-{each.digest}" data-design="{each.digest}">' in text
    assert text.count("the cheapest within 0.5 percentage points of the best") == 1
    assert len(re.findall(r'id="run-1-on-front[-"]', text)) == len(report.front) + 1
    assert '<a href="#run-1-on-front">The front</a>' in text


def test_a_run_without_objectives_shows_accuracy_against_cost_as_ever(folder: Path) -> None:
    report = read(folder, "reward")
    [plot] = front_plots(report, "run")
    assert plot.title == "Accuracy against parameters" and not any("within" in s.name for s in plot.series)
    assert front_data(report, "run") is None and "on-front" not in page([report])


def test_of_an_own_objective_what_is_not_on_the_front_is_not_known(folder: Path) -> None:
    (folder / "mine.py").write_text("raise SystemExit('a report runs no code')\n")
    report = read(folder, "own")
    [plot] = front_plots(report, "run")
    assert plot.y.label == "mine.py:mine"
    [drawn] = [series for series in plot.series if series.name == "random"]
    assert {point.design for point in drawn.points} == {each.digest for each in report.front}
    assert "mine.py:mine" in page([report])


def test_the_terminal_has_the_front_as_a_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from rl_designer.reports.terminal import terminal

    report = read(folder, "three")
    print_report(terminal(), report)
    shown = capsys.readouterr().out
    count = len(report.front)
    assert f"The front: {count} designs that no other beats in val. accuracy, parameters, macs" in shown
    assert "in the first quarter" not in shown  # a mean of one objective says nothing of a front


def test_the_dashboard_has_the_same_also_before_the_end(folder: Path) -> None:
    report = read(folder, "two")
    report.folder.update_summary(state="interrupted", verdict="")
    data = RunWatch(folder / "two", None).look().report
    assert data is not None
    figures = RunWatch(folder / "two", None).figures(data)
    assert len(figures["front"]["designs"]) == len(report.front)
    assert "run-front" in {plot.name for plot in figures["plots"]}
    report.folder.update_summary(state="finished")
