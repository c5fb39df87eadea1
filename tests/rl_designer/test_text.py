"""Text for people: what a hint says can be pasted."""

import re
import shlex
from pathlib import Path

from rl_designer.text import command
from tests.test_imports import files


def test_a_command_can_be_pasted() -> None:
    assert command("resume", Path("runs/a")) == "rl-designer resume runs/a"
    words = ["train", "--run", Path("my runs/it's $(a) run")]
    assert shlex.split(command(*words)) == ["rl-designer", "train", "--run", "my runs/it's $(a) run"]


def test_no_hint_is_put_together_without_quotes() -> None:
    bare = re.compile(r"rl-designer [a-z]+( --?[a-z]+)* \{")
    assert not [str(path) for path in files().values() if bare.search(path.read_text(encoding="utf-8"))]
