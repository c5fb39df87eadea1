"""How a loader takes a file that a stranger made, for tests: read, or refused in one clear line."""

import pickle
import warnings
from pathlib import Path
from typing import Any

from tests.helpers.hostile_files import LOADERS

MARKER = "code-was-run"
ESCAPE = "\x1b[31m"


class Harm:
    """What a pickle of it runs."""

    def __reduce__(self) -> Any:
        return Path(MARKER).touch, ()


def pickled() -> bytes:
    return pickle.dumps(Harm())


def made(name: str) -> Path:
    return LOADERS[name].make(Path("files"))


def outcome(name: str, path: Path) -> str | None:
    """None where the file is read, else why it isn't; fails for anything but one clear line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            LOADERS[name].read(path)
    except (ValueError, OSError) as error:
        text = str(error)
        assert text.strip() and "\n" not in text, text
        assert len(text) < 6_000, text
        assert not isinstance(error, UnicodeError), text
        return text
    finally:
        assert not Path(MARKER).exists()
    return None


def refusal(name: str, path: Path) -> str:
    text = outcome(name, path)
    assert text is not None, f"{name} was read"
    return text
