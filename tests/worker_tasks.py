"""Tasks for workers that are ready at once, since nothing here loads PyTorch."""

import os
import time
from pathlib import Path


def prepare_folder(folder: Path) -> None:
    folder.mkdir()


def remove_folder(folder: Path) -> None:
    folder.rmdir()


def write_process_and_hang(path: Path) -> None:
    path.write_text(str(os.getpid()))
    time.sleep(600)
