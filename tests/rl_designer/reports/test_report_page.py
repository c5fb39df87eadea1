"""The report's page: what it says, that it is sound HTML, and that nothing from outside is more than text."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.problem import Design
from rl_designer.errors import WrongUsage
from rl_designer.reports.benchmark_page import read_benchmark
from rl_designer.reports.page import MOST_DETAILED, leave_report, page, picture, write_report
from rl_designer.runs.folder import RunFolder
from rl_designer.runs.reading import RunReport, read_run
from rl_designer.store.store import StoredDesign
from tests.helpers.command_line import Ended, runner
from tests.helpers.quick_ppo import quicken

Command = Callable[..., Ended]
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u202e\x1b[2J\"'"
VOID = ("meta", "link", "br", "img", "input", "hr")


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    return runner(capsys)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of ppo on the embedded table, and one of random search on real data, each with its report."""
    from rl_designer.cli import run

    parent = tmp_path_factory.mktemp("runs")
    common = ["--quiet", "--no-tensorboard", "--store", str(parent / "store.sqlite")]
    table = ["--table", "mnist1d-convnet1d", "--evaluations", "16", "--run", str(parent / "table")]
    data = ["--data", "wine", "--evaluations", "8", "--epochs", "1", "--workers", "1"]
    with pytest.MonkeyPatch.context() as patch:
        quicken(patch)
        assert run(["train", *table, *common]) == 0
        assert run(["train", *data, "--max-parameters", "2k", "--run", str(parent / "wine"), *common]) == 0
    return parent


class Elements(HTMLParser):
    """All start tags with their attributes, and whether every one is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def of(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag in tags]


def text_of(path: Path) -> str:
    return (path / "report.html").read_text(encoding="utf-8")


@pytest.fixture(params=["table", "wine"])
def text(folder: Path, request: pytest.FixtureRequest) -> str:
    return text_of(folder / request.param)


# -- sound HTML -------------------------------------------------------------------------------------


def test_train_leaves_a_report_whose_tags_are_all_closed(text: str) -> None:
    assert Elements(text).open == []


def test_the_page_names_nothing_outside_itself(text: str) -> None:
    elements = Elements(text)
    for attributes in elements.of(*{tag for tag, _ in elements.found}):
        for name in ("src", "href", "action", "data"):
            assert re.match(r"#|data:,$", attributes.get(name) or "#"), attributes
    assert not re.search(r"url\((?!#)", text) and "@import" not in text
    policy = next(a for a in elements.of("meta") if a.get("http-equiv"))["content"]
    assert policy is not None and policy.startswith("default-src 'none';")


def test_a_page_of_one_run_is_small(text: str) -> None:
    assert len(text.encode()) < 1_000_000


def test_ids_are_unique_and_links_within_the_page_lead_somewhere(text: str) -> None:
    elements = Elements(text)
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [str(attributes["href"]).removeprefix("#") for attributes in elements.of("a")]
    labels = [word for _, a in elements.found for word in (a.get("aria-labelledby") or "").split()]
    assert links and labels and {*links, *labels} <= set(ids)


def test_tables_have_captions_and_headers_with_a_scope(text: str) -> None:
    elements = Elements(text)
    assert len(elements.of("table")) == len(elements.of("caption")) > 3
    assert all(header.get("scope") in ("row", "col") for header in elements.of("th"))


def test_headings_never_skip_a_level_and_there_are_landmarks(text: str) -> None:
    elements = Elements(text)
    levels = [int(tag[1]) for tag, _ in elements.found if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(len(elements.of(tag)) == 1 for tag in ("header", "main", "nav", "footer"))
    assert elements.of("html")[0]["lang"] == "en"


def test_every_plot_has_a_name_a_description_and_its_figures_as_a_table(text: str) -> None:
    elements = Elements(text)
    plots = [a for a in elements.of("svg") if "plot" in (a.get("class") or "")]
    assert len(plots) == 4  # two, each for wide and for narrow pages
    assert all(
        plot["role"] == "img" and plot["tabindex"] == "0" and plot["aria-labelledby"] for plot in plots
    )
    assert text.count("The same as a table") == 2
    others = [a for a in elements.of("svg") if a not in plots]
    assert all(picture["aria-hidden"] == "true" for picture in others)


# -- what it says -----------------------------------------------------------------------------------


def test_the_page_has_the_figures_of_the_summary(
    folder: Path, text: str, request: pytest.FixtureRequest
) -> None:
    run = read_run(folder / ("table" if "mnist1d-convnet1d" in text else "wine"))
    best = run.winners[0].design
    assert best.architecture.digest in text and f"{best.reward:.4f}" in text
    assert f"{100 * (best.evaluation.val_accuracy or 0):.2f} %" in text
    for part in ("Why the policy chose each layer", "What the reward model believes matters", "Failures"):
        assert part in text
    assert "random search, 8 of 10 searches" in text
    assert text.count("<strong>Step ") >= 2 and "not measured" in text


def test_a_table_s_control_is_exact_and_that_of_real_training_is_not(folder: Path) -> None:
    assert "computed exactly" in text_of(folder / "table")
    assert "that were evaluated; what lies beyond" in text_of(folder / "wine")


def test_several_runs_stand_side_by_side(folder: Path, command: Command, tmp_path: Path) -> None:
    path = tmp_path / "both.html"
    ended = command("report", folder / "table", folder / "wine", "--output", path, "--quiet")
    assert (ended.status, ended.err) == (0, "")
    text = path.read_text()
    assert "Side by side" in text and "Learning curves" in text and Elements(text).open == []
    assert 'href="#run-2"' in text


def test_very_many_runs_are_compared_only(folder: Path) -> None:
    text = page([read_run(folder / "wine")] * (MOST_DETAILED + 1))
    assert "So many runs are compared only" in text and "Why the policy" not in text


def test_json_writes_a_page_only_where_that_was_said(folder: Path, command: Command, tmp_path: Path) -> None:
    assert "file" not in command("report", folder / "wine", "--json").json
    path = tmp_path / "page.html"
    ended = command("report", folder / "wine", "--json", "--output", path)
    assert ended.json["file"] == str(path) and path.is_file()


def test_a_file_that_is_no_report_is_left_alone(folder: Path, command: Command, tmp_path: Path) -> None:
    path = tmp_path / "mine.html"
    path.write_text("mine")
    ended = command("report", folder / "wine", "--output", path)
    assert ended.status == 2 and "exists and is no report of rl-designer" in ended.err
    with pytest.raises(WrongUsage, match="name another with --output"):
        write_report([read_run(folder / "wine")], tmp_path)
    assert path.read_text() == "mine"


def test_a_run_without_designs_policy_or_space_still_has_a_page(folder: Path) -> None:
    report = read_run(folder / "wine")
    empty = RunReport(report.folder, [])
    assert page([empty]).count("No design has been trained yet.") == 3
    summary = {name: value for name, value in report.folder.summary.items() if name != "setting"}
    lost = RunReport(RunFolder(Path("gone"), report.folder.config, summary), report.designs)
    text = page([lost])
    assert "The search space can&#39;t be made any more" in text and Elements(text).open == []


def test_a_search_never_fails_for_its_page(folder: Path, tmp_path: Path) -> None:
    report = read_run(folder / "wine")
    (tmp_path / "report.html").mkdir()
    there = RunReport(RunFolder(tmp_path, report.folder.config, report.folder.summary), report.designs)
    assert "exists and is no report" in str(leave_report(there))
    assert leave_report(RunReport(None, [])) is not None  # type: ignore[arg-type]


# -- nothing from outside is more than text ---------------------------------------------------------


def hostile_report(report: RunReport) -> RunReport:
    """A run whose every text is an attack."""
    layers = (Layer.of(HOSTILE, **{HOSTILE: HOSTILE}), Layer.of("conv", width=3))
    designs = [
        StoredDesign(
            Design(
                Architecture(HOSTILE, layers[: 1 + i % 2], True),
                Evaluation(val_accuracy=0.5, parameters=100 + i, failure=HOSTILE if i > 2 else None),
                0.1 * i,
                i,
            ),
            "agent",
            1.0,
        )
        for i in range(5)
    ]
    summary = {**report.folder.summary, "title": HOSTILE, "verdict": HOSTILE, "setting": {HOSTILE: HOSTILE}}
    summary["sources"] = [{"run": HOSTILE, "kept": True, "reason": HOSTILE}]
    config = report.folder.config.changed(data=HOSTILE, reward=HOSTILE, agent="ppo")
    return RunReport(RunFolder(Path(HOSTILE), config, summary), designs)


def test_hostile_texts_stay_texts(folder: Path) -> None:
    hostile = hostile_report(read_run(folder / "wine"))
    for text in (page([hostile]), page([hostile] * 2)):
        elements = Elements(text)
        assert elements.open == [] and not elements.of("img")
        assert len(elements.of("script")) == 1
        assert not any(name.startswith("on") for _, attributes in elements.found for name in attributes)
        assert "\u202e" not in text and "\x1b" not in text and "alert(2)" in text


def test_a_notebook_s_picture_is_one_element_without_a_script_whose_marks_have_titles(folder: Path) -> None:
    run = read_run(folder / "table")
    text = picture(run)
    elements = Elements(text)
    assert elements.open == [] and not elements.of("script", "link", "html", "body")
    assert elements.found[0] == ("div", {"class": "rl-designer-run"}) and len(elements.of("svg")) > 1
    assert "<title>Evaluation 1 by ppo: reward" in text and "data-tip" not in text
    assert run.winners[0].design.architecture.digest in text
    assert str(run.folder.summary["verdict"]).partition(".")[0] in text
    assert "No design has been trained yet." in picture(RunReport(run.folder, []))
    hostile = picture(hostile_report(run))
    assert Elements(hostile).open == [] and not Elements(hostile).of("img", "script")
    assert "\u202e" not in hostile and "\x1b" not in hostile and "alert(2)" in hostile
    for colour in re.findall(r"--[\w-]+: (#\w{6})", text):
        assert min(contrast(colour, ground) for ground in ("#ffffff", "#181e26")) >= 3, colour


# -- benchmarks -------------------------------------------------------------------------------------


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    """A folder as `benchmark agents --output` writes it."""
    figures = {
        "evaluations_to_optimum": {"mean": 12.5, "standard_error": 1.5},
        "best_reward": {"20": 0.9},
        "best_reported": {"20": 0.8},
        "seconds_per_run": 1.25,
    }
    data = {"task": "a task", "seeds": 3, "evaluations": 20, "agents": {"ppo": figures, "random": figures}}
    (tmp_path / "summary.json").write_text(json.dumps(data))
    (tmp_path / "agents.csv").write_text("agent\nppo\nrandom\n")
    rows = [f"{a},best_reward,{i},{i / 20},{i / 40},{i / 10}" for a in ("ppo", "random") for i in (1, 10, 20)]
    (tmp_path / "curves.csv").write_text("agent,figure,evaluations,mean,low,high\n" + "\n".join(rows))
    return tmp_path


def test_a_benchmark_s_folder_has_a_page(command: Command, benchmark: Path) -> None:
    ended = command("report", benchmark)
    assert (ended.status, ended.out) == (0, "") and str(benchmark / "report.html") in ended.err
    text = text_of(benchmark)
    assert '<h2 id="benchmark-1" class="hidden">' in text and "reward, mean over seeds" in text
    assert "Agents on a task" in text and "12.5 ± 1.5" in text and "95 % interval" in text
    assert Elements(text).open == []
    assert command("report", benchmark, "--json").json["benchmarks"][0]["task"] == "a task"


def test_a_benchmark_of_rewards_has_a_page(tmp_path: Path) -> None:
    figures = {"iqm": 0.5, "interval": [0.4, 0.6], "verdict": "better", "hacked": False}
    figures["energy_kwh_per_run"] = 0.002
    data = {
        "task": "t",
        "seeds": 2,
        "evaluations": 9,
        "yardstick_title": "best",
        "conclusions": ["It is so."],
        "cost_drawn": "macs",
    }
    (tmp_path / "summary.json").write_text(json.dumps({**data, "rewards": {"accuracy": figures}}))
    (tmp_path / "rewards.csv").write_text("reward\naccuracy\n")
    rows = "reward,evaluations,chosen_by,reported\naccuracy,1,0.1,0.2\naccuracy,9,0.3,\n"
    (tmp_path / "courses.csv").write_text(rows)
    (tmp_path / "fronts.csv").write_text("reward,cost,reported,low,high\naccuracy,10,0.1,,\n")
    text = page([read_benchmark(tmp_path)])
    assert "by the most macs allowed" in text
    assert "It is so." in text and "0.4000 to 0.6000" in text and ">2<" in text  # Wh


@pytest.mark.parametrize("damage", ["{", "[]", "{}", '{"agents": 3}', '{"agents": {"a": {}}, "seeds": 1}'])
def test_a_damaged_benchmark_gets_one_line(command: Command, benchmark: Path, damage: str) -> None:
    (benchmark / "summary.json").write_text(damage)
    ended = command("report", benchmark)
    assert ended.status == 1 and "is damaged" in ended.err and ended.err.count("\n") == 1


# -- colours ----------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_colours_can_be_told_from_their_ground_in_both_schemes() -> None:
    """WCAG 2.2, AA: 4.5 for text, 3 for lines and marks."""
    import rl_designer.reports

    style = (Path(rl_designer.reports.__file__).parent / "templates" / "colours.css").read_text()
    schemes = [
        dict(re.findall(r"--([\w-]+): (#\w{6})", block))
        for block in re.findall(r"{[^{}]*--page:[^{}]*}", style)
    ]
    assert len(schemes) == 3 and schemes[1] == schemes[2]
    for scheme in schemes:
        for ground in ("page", "card", "soft"):
            for name in ("text", "muted", "agent", "control", "front", "good", "bad", "failed"):
                assert contrast(scheme[name], scheme[ground]) >= 4.5, (name, ground)
        for name in ("edge", *(f"run-{i}" for i in range(8))):
            assert contrast(scheme[name], scheme["card"]) >= 3, name
