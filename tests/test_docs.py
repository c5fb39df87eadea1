"""Every command and every snippet in README and docs/ runs, with smaller budgets."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
SMALLER = ["--epochs", "1"]
TRAINING = ("train", "retrain", "benchmark")
ON_TABLES = ("agents", "rewards")  # of `benchmark`, without --data
FEWER = {"16": "4", "64": "4", "20": "2"}


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
    on_table = words[0] == "benchmark" and words[1] in ON_TABLES and "--data" not in words
    trains = words[0] in TRAINING and not on_table and "--table" not in words
    return [*words, *SMALLER] if trains and "--epochs" not in words else words


def run(words: list[str], folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{words}: {done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_runs_in_the_order_of_the_page(page: Path, tmp_path: Path) -> None:
    write_named_snippets(tmp_path)
    for line in "".join(blocks(page, "sh")).splitlines():
        words = shlex.split(line, comments=True)
        if words and words[0] == "rl-designer":
            run(["-m", "rl_designer", *smaller(words[1:])], tmp_path)
        elif words and words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), line
        elif words and words[0] == "python":
            assert (ROOT / words[1]).is_file(), line
        else:
            assert not words, f"a command that this test doesn't know: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_snippet_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    for block in blocks(page, "python"):
        if file_name(block) is None:
            (tmp_path / "snippet.py").write_text(block)
            run(["snippet.py"], tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target
