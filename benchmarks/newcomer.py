"""A newcomer's path, timed: from `git clone` to a policy, ten designs, an ONNX file and an opened report.

Usage: python benchmarks/newcomer.py [--folder FOLDER]

Clones this checkout's last commit, makes a fresh virtual environment, and gives README's commands as they
stand there, one after the other, without pip's cache. The report is opened in Chromium, where there is one.
Prints JSON; of a step that failed what it said last, and exits with 1.
"""

import argparse
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
STEPS = ("install", "train", "report", "retrain", "export", "sample")
LEFT = ("policy/policy.safetensors", "report.html", "exported/network.onnx")  # in the run's folder
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LONGEST_SECONDS = 15 * 60


def commands_of(readme: str) -> dict[str, list[str]]:
    """The first command for each step, in README's order, in words.

    Raises:
        ValueError: where README has none for a step.
    """
    found: dict[str, list[str]] = {}
    for block in re.findall(r"^```sh\n(.*?)^```", readme, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words and words[0] in ("pip", "rl-designer") and words[1] in STEPS:
                found.setdefault(words[1], words)
    missing = [step for step in STEPS if step not in found]
    if missing:
        raise ValueError(f"README has no command for {', '.join(missing)}")
    return found


class Failed(Exception):
    """A step that ended with another status than 0."""


class Way:
    """The steps so far, with their times."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []

    def step(self, name: str, words: list[str], folder: Path, environment: dict[str, str]) -> str:
        """Runs one; what it wrote to stdout."""
        print(f"{name}: {shlex.join(words)}", file=sys.stderr, flush=True)
        started = time.perf_counter()
        done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        seconds = round(time.perf_counter() - started, 1)
        self.steps.append({"step": name, "command": shlex.join(words), "seconds": seconds})
        if done.returncode:
            raise Failed(f"{name}: {(done.stderr or done.stdout)[-1000:]}")
        return done.stdout


def walk(way: Way, folder: Path) -> dict[str, Any]:
    """All steps in an empty folder; what they left."""
    clone, environment = folder / "rl-designer", plain_environment(folder / "environment")
    way.step("clone", ["git", "clone", "--quiet", str(ROOT), str(clone)], folder, environment)
    way.step("environment", [sys.executable, "-m", "venv", str(folder / "environment")], folder, environment)
    commands = commands_of((clone / "README.md").read_text(encoding="utf-8"))
    said = {name: way.step(name, words, clone, environment) for name, words in commands.items()}
    run = clone / commands["train"][commands["train"].index("--run") + 1]
    gone = [name for name in LEFT if not (run / name).is_file()]
    if gone:
        raise Failed(f"{run} has no {', '.join(gone)}")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is not None:
        options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'browser'}"]
        page = (run / "report.html").as_uri()
        shown = way.step("open the report", [browser, *options, "--dump-dom", page], folder, environment)
        if "<svg" not in shown:
            raise Failed("the opened report shows no plot")
    return {
        "commit": commit_of(clone),
        "opened_in": None if browser is None else Path(browser).name,
        "bytes": {name: (run / name).stat().st_size for name in LEFT},
        "sampled": said["sample"].splitlines(),
    }


def plain_environment(environment: Path) -> dict[str, str]:
    """As after `activate`, and nothing of this process's own packages."""
    others = ("PYTHON", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    path = f"{environment / 'bin'}{os.pathsep}{kept.get('PATH', '')}"
    return {**kept, "PATH": path, "VIRTUAL_ENV": str(environment), "PIP_NO_CACHE_DIR": "1"}


def commit_of(clone: Path) -> str:
    words = ["git", "-C", str(clone), "rev-parse", "--short", "HEAD"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="an empty one to stay; default: one that is removed")
    given = parser.parse_args()
    way, started = Way(), time.perf_counter()
    result: dict[str, Any] = {"python": platform.python_version(), "cores": len(os.sched_getaffinity(0))}
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            result |= {**walk(way, folder.resolve()), "failure": None}
        except (Failed, ValueError) as error:
            result["failure"] = str(error)
    seconds = round(time.perf_counter() - started, 1)
    result |= {"steps": way.steps, "seconds": seconds}
    result["in_time"] = result["failure"] is None and seconds <= LONGEST_SECONDS
    print(json.dumps(result, indent=2, ensure_ascii=False))
    return int(result["failure"] is not None)


if __name__ == "__main__":
    sys.exit(main())
