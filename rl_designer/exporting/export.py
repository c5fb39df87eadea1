"""`export`: a network in files that need none of this package; each is read back and compared first."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jinja2 import UndefinedError
from torch import Tensor

from rl_designer.envs.networks.network import drawn_inputs
from rl_designer.envs.workers.devices import one_thread
from rl_designer.errors import Error, WrongUsage, unknown_name
from rl_designer.exporting.card import CARD, card
from rl_designer.exporting.formats import (
    FORMATS,
    PYTHON,
    TOLERANCE,
    Computed,
    Mismatch,
    exported_network,
    remove_weights,
)
from rl_designer.exporting.quantisation import INT8, INT8_FILE, Quantisation, Quantised
from rl_designer.exporting.subject import Subject
from rl_designer.files import write_text
from rl_designer.oversight.approval import weights_of
from rl_designer.oversight.audit import EXPORTED, digests_of
from rl_designer.runs.folder import CONFIG, RunFolder

CARD_FORMAT = "card"
NAMES = (*FORMATS, INT8, CARD_FORMAT)

_BATCHES = (1, 2, 7)  # the batch axis is free
_SEED = 0
_CHANGED = (KeyError, TypeError, AttributeError, UndefinedError)  # of figures that somebody has changed


@dataclass(frozen=True)
class Exported:
    """A file that was written.

    Attributes:
        difference: the largest from the original's outputs, see `largest_difference`; None of a card, and
            of a quantised network.
        quantised: what came of that.
    """

    format: str
    path: Path
    difference: float | None
    quantised: Quantised | None = None


def export(
    subject: Subject,
    folder: Path,
    formats: Sequence[str] | None = None,
    *,
    licence: str | None = None,
    overwrite: bool = False,
    quantisation: Quantisation | None = None,
) -> list[Exported]:
    """Writes a network's files into a folder, all of them or none.

    Args:
        formats: of `NAMES`; None for all that the installed packages allow, but `int8`.
        licence: for the model card; None where nobody has said so.
        overwrite: whether files of these names are replaced; weights that an earlier export wrote are
            removed where the new network has none.
        quantisation: how `int8` is made, which it may ask for; None for the defaults.

    Raises:
        WrongUsage: for an unknown format, and for files that are there already.
        Lossy: where `int8` loses more than it may.
        ImportError: where a format needs a package that isn't installed.
        Mismatch: where a file doesn't compute what the network does; nothing is left of it.
        OSError: where the folder can't be written.
    """
    how = quantisation or Quantisation()
    wanted = wanted_formats(formats, int8=bool(how.int8))
    own = {INT8: (INT8_FILE,), CARD_FORMAT: (CARD,)}
    files = {name: own[name] if name in own else FORMATS[name].files_of(subject) for name in wanted}
    _check_free(folder, [file for group in files.values() for file in group], overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".export.", dir=folder) as beside:
            written = _written(subject, files, Path(beside), folder, licence, how)
    except BaseException:
        with contextlib.suppress(OSError):
            folder.rmdir()  # where nothing else is in it
        raise
    if overwrite and PYTHON in files and not subject.trained:
        remove_weights(folder)
    try:
        _log(subject, written)
    except OSError as error:
        raise Error(
            f"the files are in {folder}, but the log of {subject.origin.source} can't say so: {error}"
        ) from error
    return written


def _log(subject: Subject, written: Sequence[Exported]) -> None:
    """In the log of the run whose network it is."""
    run = Path(subject.origin.source)
    if (run / CONFIG).is_file():
        folder, design = RunFolder.open(run), subject.architecture.digest
        digests = digests_of(run, [file.path for file in written])
        name = f"/seed-{subject.retrained_seed}.safetensors"
        weights = next((w for file, w in weights_of(folder, design).items() if file.endswith(name)), None)
        folder.log(EXPORTED, design=design, weights=weights, files=digests)


def _written(
    subject: Subject,
    files: Mapping[str, tuple[str, ...]],
    beside: Path,
    folder: Path,
    licence: str | None,
    how: Quantisation,
) -> list[Exported]:
    """Writes into one folder, and moves what is right into the other."""
    if INT8 in files:  # first, since other files tell of it
        from rl_designer.exporting.int8 import quantise  # what it imports others don't need

        subject = replace(subject, quantised=quantise(subject, beside, how))
    differences = {name: _checked(subject, name, beside) for name in files if name in FORMATS}
    if CARD_FORMAT in files:
        others = [file for name, group in files.items() if name != CARD_FORMAT for file in group]
        try:
            text = card(subject, others, licence)
        except _CHANGED as error:
            raise Error(f"the figures of {subject.origin.source} are damaged: {error!r}") from error
        write_text(beside / CARD, text)
    return [
        Exported(
            name,
            (beside / file).replace(folder / file),
            differences.get(name),
            subject.quantised if name == INT8 else None,
        )
        for name, group in files.items()
        for file in group
    ]


def wanted_formats(formats: Sequence[str] | None, int8: bool = False) -> list[str]:
    """The formats to write, each once; `int8` beside those named, or beside all. Raises as `export`."""
    if not formats:
        formats = [name for name in NAMES if name != INT8 and not _missing(name)]
    formats = [*formats, INT8] if int8 else formats
    for name in formats:
        if name not in NAMES:
            raise WrongUsage(unknown_name("format", name, NAMES))
        if missing := _missing(name):
            remedy = "pip install 'rl-designer[onnx]'"
            raise ImportError(f"ONNX needs {', '.join(missing)}, which isn't installed: {remedy}")
    return [name for name in NAMES if name in formats]


def _missing(name: str) -> list[str]:
    """The packages that a format lacks."""
    written = "onnx" if name == INT8 else name
    return FORMATS[written].missing if written in FORMATS else []


def left_out() -> dict[str, list[str]]:
    """The formats that can't be written here, and the packages that they lack."""
    return {name: found.missing for name, found in FORMATS.items() if found.missing}


def _checked(subject: Subject, name: str, folder: Path) -> float:
    """Writes one format, reads it back, and compares; the largest difference."""
    FORMATS[name].write(subject, folder)
    try:
        return largest_difference(subject, FORMATS[name].read(subject, folder))
    except Mismatch as error:
        raise Mismatch(
            f"the {name} file is not the network that was exported, so it was removed: {error}"
        ) from error


def _check_free(folder: Path, files: Sequence[str], overwrite: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise WrongUsage(f"{folder} is no folder; name another with --output")
    taken = [file for file in files if (folder / file).exists()]
    if taken and not overwrite:
        raise WrongUsage(
            f"{folder} has {', '.join(taken)} already; name another folder with --output, or --overwrite"
        )


# -- whether a file computes what the network does -------------------------------------------------


def largest_difference(subject: Subject, computed: Computed) -> float:
    """The largest difference of an output from the original's, over random and real inputs, as a share of the
    largest output of the batch where that is above 1, since float32 has no more than seven digits.

    Raises:
        Mismatch: where it is above 1e-5, or a shape or a number that isn't finite differs.
    """
    worst, network = 0.0, exported_network(subject)
    with one_thread(), torch.inference_mode():
        for kind, x in _inputs(subject):
            expected, found = network(x), computed(x)
            if expected.shape != found.shape:
                raise Mismatch(
                    f"on {kind} inputs it gives the shape {list(found.shape)}, not {list(expected.shape)}"
                )
            difference = _difference(expected, found)
            if not difference <= TOLERANCE:
                raise Mismatch(f"on {kind} inputs it differs by {difference:.1e}, more than {TOLERANCE:.0e}")
            worst = max(worst, difference)
    return worst


def _inputs(subject: Subject) -> Iterator[tuple[str, Tensor]]:
    generator = torch.Generator().manual_seed(_SEED)
    for batch in _BATCHES:
        yield "random", drawn_inputs(subject.architecture, subject.input_shape, batch, generator)
    if subject.examples is not None:
        examples = torch.from_numpy(subject.examples.copy())
        yield "real", examples.long() if subject.architecture.of_texts else examples


def _difference(expected: Tensor, found: Tensor) -> float:
    if torch.equal(expected, found):
        return 0.0
    scale = max(1.0, float(expected.abs().max()))
    return float((expected.double() - found.double()).abs().max()) / scale
