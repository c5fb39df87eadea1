"""The processes of a pool: known, so that they can be ended, and started without the caller's script."""

import pickle
import sys
import threading
import time
from multiprocessing.process import BaseProcess
from typing import Any

_hiding = threading.Lock()


class Processes:
    """A multiprocessing context that knows the processes that it has made.

    Attributes:
        import_main: whether they import the caller's script, as processes do that start so.
    """

    def __init__(self, context: Any) -> None:
        self._context = context
        self._made: list[BaseProcess] = []
        self.import_main = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def Process(self, *arguments: Any, **options: Any) -> BaseProcess:
        process: BaseProcess = self._context.Process(*arguments, **options)
        if not self.import_main:
            process._Popen = _started_without_main  # type: ignore[attr-defined]
        self._made = [made for made in self._made if made.pid is None or made.is_alive()] + [process]
        return process

    def end(self, grace: float) -> None:
        """Ends them by SIGTERM; by SIGKILL after so many seconds, or at another interruption."""
        alive = [process for process in self._made if process.pid is not None and process.is_alive()]
        try:
            if grace > 0:
                for process in alive:
                    process.terminate()
                deadline = time.monotonic() + grace
                for process in alive:
                    process.join(max(0.0, deadline - time.monotonic()))
        finally:
            for process in alive:
                process.kill()


def has_code_of_main(*parts: Any) -> bool:
    """Whether a process needs the caller's script to understand what it is told to do."""
    try:
        return b"__main__" in pickle.dumps(parts)
    except Exception:  # whoever sends it will say so
        return True


def _started_without_main(process: BaseProcess) -> Any:
    """Starts a process that doesn't import the caller's script, which has no name and no file meanwhile."""
    main = sys.modules["__main__"]
    with _hiding:
        kept: dict[str, Any] = {
            name: main.__dict__[name] for name in ("__spec__", "__file__") if name in main.__dict__
        }
        main.__dict__.update(dict.fromkeys(kept))
        try:
            return type(process)._Popen(process)  # type: ignore[attr-defined]
        finally:
            main.__dict__.update(kept)
