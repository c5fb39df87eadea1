"""Every command and every snippet in README and docs/ runs, with smaller budgets.

They run in this process, and so do their workers but for the page of one's own code: as processes of their
own each would import torch anew, which took most of the time. Of embedded data there are some examples alone,
designs are small, the policies of `ppo` are hardly trained, a report says from few designs what matters, and
one page exports all formats.
"""

import dataclasses
import importlib.util
import re
import runpy
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from sklearn.datasets import load_wine

from rl_designer import cli
from rl_designer.envs.datasets import embedded
from rl_designer.envs.datasets.preparation import RawData
from rl_designer.envs.workers.local import InProcess, LocalEngine
from rl_designer.experience import adding
from rl_designer.reports import explanations
from tests.helpers.quick_ppo import QUICK_PPO, quicken

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
IN_WORKERS = "extend.md"
SMALLER = ["--epochs", "1"]
# Of each so many that there are no folds.
EXAMPLES = {"mnist1d": 1_000, "digits": 1_300, "names": 1_000}
LIMITS = {"digits": "5k", "wine": "2k", "breast-cancer": "2k"}  # of parameters
TRAINING = ("train", "retrain", "benchmark")
ON_TABLES = ("agents", "rewards")  # of `benchmark`, without --data
EXPORTED = "runs/wine"  # in all formats: the run of exporting.md
FEWER = {
    "3": "1",
    "5": "1",
    "12": "8",
    "16": "2",
    "64": "4",
    "20": "2",
    "96": "8",
    "47": "1",
    "ppo": QUICK_PPO,
}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def file_name(block: str) -> str | None:
    """The file that a snippet's first line names."""
    found = re.match(r"# (\S+\.(?:py|toml))\n", block)
    return found.group(1) if found else None


def write_named_snippets(folder: Path) -> None:
    for page in PAGES:
        for block in [*blocks(page, "python"), *blocks(page, "toml")]:
            if name := file_name(block):
                (folder / name).write_text(block)


def smaller(words: list[str]) -> list[str]:
    words = [FEWER.get(word, word) for word in words]
    if words[0] == "benchmark":
        words += ["--workers", "1"]
    if words[:2] == ["benchmark", "rewards"] and "--agent" not in words:
        words += ["--agent", QUICK_PPO]
    if words[0] == "retrain":
        words += ["--no-rivals"]  # what they say is tested where they live
    if words[0] == "export" and words[1] != EXPORTED:
        words += ["--format", "python", "--format", "card"]
    on_table = words[0] == "benchmark" and words[1] in ON_TABLES and "--data" not in words
    trains = words[0] in TRAINING and not on_table and "--table" not in words
    if trains and words[0] != "retrain" and "--data" in words and "--max-parameters" not in words:
        limit = LIMITS.get(words[words.index("--data") + 1])
        words += ["--max-parameters", limit] if limit else []
    return [*words, *SMALLER] if trains and "--epochs" not in words else words


def smaller_snippet(block: str) -> str:
    block = block.replace("evaluations=64", "evaluations=4, epochs=1")
    block = re.sub(r"(Network\w+\(.*?)epochs=(\d)", r"\1epochs=\2, final_epochs=\2", block)
    block = block.replace("rl.export(run)", 'rl.export(run, formats=["python", "card"])')
    return block.replace("rl.retrain(run, seeds=2)", "rl.retrain(run, seeds=2, epochs=1, rivals=False)")


def first_of(name: str) -> Callable[[], RawData]:
    """A reader of some of an embedded data set's examples."""
    read, examples = getattr(embedded, name), EXAMPLES[name]

    def read_first() -> RawData:
        raw = read()
        x, y = ({part: values[:examples] for part, values in parts.items()} for parts in (raw.x, raw.y))
        return dataclasses.replace(raw, x=x, y=y)

    return read_first


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """The current folder, with the pages' named snippets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    quicken(monkeypatch)
    monkeypatch.setattr(explanations, "_DESIGNS", 40)
    for name in EXAMPLES:
        monkeypatch.setattr(embedded, name, first_of(name))
    if IN_WORKERS not in request.node.name:
        monkeypatch.setattr(LocalEngine, "pool", lambda engine, workload: InProcess(workload))
    monkeypatch.setattr(adding, "shipped_trainings", lambda space: None)  # a minute of learning
    load_wine(as_frame=True).data.to_csv("wine.csv", index=False)  # which a page predicts
    write_named_snippets(tmp_path)
    return tmp_path


def check_installation(words: list[str]) -> None:
    """Nothing is installed here: the file of versions and the extras must be there."""
    command, option, constraints, package = words[1:]
    assert (command, option) == ("install", "--constraint") and (ROOT / constraints).is_file(), words
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    found = re.fullmatch(r"\.(?:\[([a-z,]+)\])?", package)
    assert found and set((found.group(1) or "test").split(",")) <= known.keys(), words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_runs_in_the_order_of_the_page(
    page: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in "".join(blocks(page, "sh")).splitlines():
        words = shlex.split(line, comments=True)
        if words and words[0] == "rl-designer":
            assert cli.run(smaller(words[1:])) == 0, f"{line}: {capsys.readouterr().err}"
        elif words and words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), line
        elif words and words[0] == "pip":
            check_installation(words)
        elif words and words[0] == "python":
            assert (ROOT / words[1]).is_file(), line
        else:
            assert not words, f"a command that this test doesn't know: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_snippet_of_a_page_runs(page: Path, here: Path) -> None:
    for block in blocks(page, "python"):
        if file_name(block) is None:
            (here / "snippet.py").write_text(smaller_snippet(block))
            runpy.run_path("snippet.py", run_name="__main__")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def newcomer() -> ModuleType:
    specification = importlib.util.spec_from_file_location("newcomer", ROOT / "benchmarks" / "newcomer.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_readme_leads_from_a_clone_to_a_policy_designs_a_report_and_an_onnx_file() -> None:
    commands = newcomer().commands_of((ROOT / "README.md").read_text())
    assert list(commands) == ["install", "train", "report", "retrain", "export", "sample"]
    assert ".[onnx]" in commands["install"] and commands["sample"][3:5] == ["-n", "10"]
    run = commands["train"][commands["train"].index("--run") + 1]
    assert {words[2] for name, words in commands.items() if name not in ("install", "train")} == {run}


def test_a_readme_that_leads_nowhere_is_told() -> None:
    with pytest.raises(ValueError, match="README has no command for train, report, retrain"):
        newcomer().commands_of("```sh\npip install .\n```\n")
