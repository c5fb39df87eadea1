"""Small texts of two classes."""

from pathlib import Path

import numpy as np

SYLLABLES = {"soft": ("la", "mi", "no", "ale"), "hard": ("kr", "tat", "zok", "gru")}


def words(n: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Made-up words, and of which class each is."""
    drawn = np.random.default_rng(seed)
    y = [("soft", "hard")[i % 2] for i in range(n)]
    return ["".join(drawn.choice(SYLLABLES[of], drawn.integers(1, 5))) for of in y], y


def write_words(path: Path, n: int = 80) -> Path:
    """The same as a table."""
    x, y = words(n)
    lines = [f"{text},{label}" for text, label in zip(x, y, strict=True)]
    path.write_text("\n".join(["word,sound", *lines]) + "\n", encoding="utf-8")
    return path
