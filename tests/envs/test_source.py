import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rl_designer.envs.source import source_digest

FILES = {"__init__.py": "", "a.py": "A = 1", "B.py": "B = 1", "room/__init__.py": "", "room/a.py": "A = 2"}


def digest_of(folder: Path, *modules: str) -> str:
    """As a process finds it that imports from `folder`."""
    code = f"from rl_designer.envs.source import source_digest; print(source_digest(*{modules}))"
    paths = f"import sys; sys.path.insert(0, {str(folder)!r}); {code}"
    return subprocess.run(
        [sys.executable, "-c", paths], check=True, capture_output=True, text=True
    ).stdout.strip()


def written(folder: Path, order: list[str]) -> Path:
    for name in order:
        (folder / "house" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "house" / name).write_text(FILES[name])
    return folder


def test_neither_the_place_nor_the_order_of_the_files_changes_it(tmp_path: Path) -> None:
    first = digest_of(written(tmp_path / "here", list(FILES)), "house")
    assert digest_of(written(tmp_path / "there", list(FILES)[::-1]), "house") == first
    assert len(first) == 12


@pytest.mark.parametrize("change", ["content", "moved", "added"])
def test_every_change_of_a_file_changes_it(tmp_path: Path, change: str) -> None:
    before = digest_of(written(tmp_path, list(FILES)), "house")
    house = tmp_path / "house"
    if change == "content":
        (house / "room" / "a.py").write_text("A = 3")
    elif change == "moved":
        shutil.move(house / "B.py", house / "room" / "B.py")
    else:
        (house / "c.py").touch()
    assert digest_of(tmp_path, "house") != before
    assert len({digest_of(tmp_path, *names) for names in (["house.a"], ["house.room.a"], ["house"])}) == 3


def test_several_modules_have_one_in_any_order() -> None:
    names = ("rl_designer.agents", "rl_designer.envs", "rl_designer.setting")
    assert source_digest(*names) == source_digest(*names[::-1])
    assert len({source_digest(*names), source_digest(*names[:2]), source_digest(names[0])}) == 3
