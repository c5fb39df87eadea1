"""Imports go down (run.py → rl_designer → agents → envs), never up, and never in a circle."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILDINGS = ("envs", "agents", "rl_designer")  # from the ground up
HEAVY = (
    "torch",
    "sklearn",
    "scipy",
    "sqlalchemy",
    "stable_baselines3",
    "gymnasium",
    "pydantic",
    "rich",
    "tensorboard",
)


def module_of(path: Path) -> str:
    """The dotted name that a file is imported by; `envs` and `agents` are parts of `rl_designer`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return ".".join(parts if parts[0] in ("rl_designer", "run") else ("rl_designer", *parts))


def building_of(module: str) -> str:
    second = module.split(".")[1:2]
    return second[0] if second and second[0] in BUILDINGS else "rl_designer"


def files() -> dict[str, Path]:
    """All modules of the repository's product."""
    paths = [ROOT / "run.py", *(path for building in BUILDINGS for path in (ROOT / building).rglob("*.py"))]
    return {module_of(path): path for path in paths}


def imports_of(source: str, module: str, is_package: bool, known: set[str]) -> Iterator[str]:
    """The repository's modules that a source imports anywhere, also inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".") if is_package else module.split(".")[:-1]
                base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [base])])
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            while name and name not in known:
                name = name.rpartition(".")[0]
            if name and name != module:
                yield name


def graph_of(sources: dict[str, tuple[str, bool]]) -> dict[str, set[str]]:
    """Who imports whom. A module's own packages above it don't count: Python imports them in any case."""
    known = set(sources)
    return {
        module: {
            name for name in imports_of(text, module, package, known) if not module.startswith(f"{name}.")
        }
        for module, (text, package) in sources.items()
    }


def climbers(graph: dict[str, set[str]]) -> list[str]:
    """Imports that go up."""
    heights = {name: height for height, name in enumerate(BUILDINGS)}
    return [
        f"{module} imports {name}"
        for module, names in graph.items()
        for name in sorted(names)
        if module != "run" and heights[building_of(name)] > heights[building_of(module)]
    ]


@cache
def repository() -> dict[str, set[str]]:
    return graph_of({m: (p.read_text(encoding="utf-8"), p.name == "__init__.py") for m, p in files().items()})


def test_imports_go_down_only() -> None:
    assert climbers(repository()) == []


def test_nothing_imports_the_door() -> None:
    assert [module for module, names in repository().items() if "run" in names] == []


@pytest.mark.parametrize("building", BUILDINGS)
def test_no_circle_inside_a_building(building: str) -> None:
    graph = {m: names for m, names in repository().items() if building_of(m) == building and m != "run"}
    TopologicalSorter({m: {n for n in names if n in graph} for m, names in graph.items()}).prepare()


def test_the_checks_fail_on_what_is_forbidden() -> None:
    up = graph_of(
        {
            "rl_designer.envs.problem": ("def f():\n    from rl_designer.agents import base", False),
            "rl_designer.agents.base": ("from ..store.store import Store", False),
            "rl_designer.store.store": ("import rl_designer.envs.problem", False),
        }
    )
    assert climbers(up) == [
        "rl_designer.envs.problem imports rl_designer.agents.base",
        "rl_designer.agents.base imports rl_designer.store.store",
    ]
    circle = graph_of(
        {"rl_designer.a": ("from . import b", False), "rl_designer.b": ("from .a import x", False)}
    )
    assert circle == {"rl_designer.a": {"rl_designer.b"}, "rl_designer.b": {"rl_designer.a"}}
    with pytest.raises(CycleError):
        TopologicalSorter(circle).prepare()


def test_the_command_line_loads_nothing_heavy_before_it_must() -> None:
    code = f"import sys, rl_designer.cli; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_options_of_a_search_need_nothing_but_their_declaration() -> None:
    heavy = ("numpy", *(name for name in HEAVY if name != "pydantic"))
    code = f"import sys, rl_designer.commands.train; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_data_spaces_configs_and_metrics_need_neither_torch_nor_scikit_learn() -> None:
    code = (
        "import sys, numpy, rl_designer.envs, rl_designer.config, rl_designer.searches.sampling\n"
        "import rl_designer.reports.terminal\n"
        "from rl_designer.envs.metrics import METRICS\n"
        "y = numpy.arange(6) % 2\n"
        "for metric in METRICS.values():\n"
        "    metric.guess(y, y, 2 if metric.predicts == 'class' else 1)\n"
        "print([m for m in ('torch', 'sklearn', 'stable_baselines3') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
