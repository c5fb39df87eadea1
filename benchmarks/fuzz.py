"""Mutates valid files of every kind that the project reads, and reads them: only one-line errors may come.

Hypothesis draws the mutations, and shrinks what fails to the smallest file that does. Packed formats are
mutated inside too, and packed again, so that a checksum doesn't hide what is behind it.

    python benchmarks/fuzz.py --minutes 10
"""

import argparse
import io
import json
import resource
import struct
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.helpers.hostile_files import LOADERS
from tests.helpers.loader import Loader

TOKENS = (
    *(
        b"NaN",
        b"1e999",
        b"-1",
        b"0",
        b"null",
        b"true",
        b"[]",
        b"{}",
        b'""',
        b"9" * 400,
        b"[" * 2_000,
        b"{" * 2_000,
    ),
    *(b"\x00", b"\xff\xfe", b"\xf0", b'"\\u001b[31m"', b'"\\ud800"', b"../../x", b"\n", b",", b"=", b"."),
    *(b"\xff" * 8, b"\x80" * 4, b"\x7f\xff\xff\xff", b"PK\x03\x04", b"\x93NUMPY", b"cos\nsystem\n"),
)
EXAMPLES = 200  # in one turn of a loader
SECONDS = 10.0  # of processor time that one file may take

Draw = Callable[[st.SearchStrategy[Any]], Any]


@st.composite
def mutations(draw: Draw, content: bytes) -> bytes:
    """One to four mutations of a content."""
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(content) - 1, 0)))
        length = draw(st.integers(0, 16))
        token = draw(st.sampled_from(TOKENS) | st.binary(max_size=8))
        before, after = content[:place], content[place + length :]
        kind = draw(st.sampled_from(("put", "put", "insert", "cut", "repeat", "end")))
        if kind == "put":
            content = before + token + after
        elif kind == "insert":
            content = before + token + content[place:]
        elif kind == "cut":
            content = before + after
        elif kind == "repeat":
            content = content[: place + length] + content[place:]
        else:
            content = before
    return content


@st.composite
def inside(draw: Draw, content: bytes) -> bytes:
    """A mutation of the file, or of what is packed in it."""
    if content[:2] == b"PK" and draw(st.booleans()):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        chosen = draw(st.sampled_from(sorted(members)))
        members[chosen] = draw(mutations(members[chosen]))
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, member in members.items():
                archive.writestr(name, member)
        return packed.getvalue()
    if len(content) > 8 and content[8:9] == b"{" and draw(st.booleans()):  # safetensors
        (length,) = struct.unpack("<Q", content[:8])
        header = draw(mutations(content[8 : 8 + length]))
        return struct.pack("<Q", len(header)) + header + content[8 + length :]
    return draw(mutations(content))


def turn(name: str, loader: Loader, number: int, until: float, counts: Counter[str]) -> None:
    """Some hundred mutated files of one kind. Raises what a loader must not."""
    with tempfile.TemporaryDirectory() as folder:
        path = loader.make(Path(folder))
        content = path.read_bytes()

        @seed(number)
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(inside(content))
        def reads(mutated: bytes) -> None:
            if time.monotonic() > until:
                return
            path.write_bytes(mutated)
            began = time.process_time()
            counts[outcome(loader, path)] += 1
            assert time.process_time() - began < SECONDS, f"{time.process_time() - began:.1f} s"

        reads()


def outcome(loader: Loader, path: Path) -> str:
    """`read` or `refused`; anything but one line is raised."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            loader.read(path)
    except (ValueError, OSError) as error:
        if not str(error) or "\n" in str(error) or isinstance(error, UnicodeError):
            raise AssertionError(f"no clear line: {error!r}") from error
        return "refused"
    return "read"


def main() -> None:
    """Turns over all loaders until the time is up; prints JSON, and fails where a loader did."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", choices=sorted(LOADERS))
    options = parser.parse_args()
    until = time.monotonic() + 60 * options.minutes
    counts: dict[str, Counter[str]] = {name: Counter() for name in options.only or LOADERS}
    failures: dict[str, str] = {}
    number = options.seed
    while time.monotonic() < until:
        for name in counts:
            if name in failures or time.monotonic() > until:
                continue
            try:
                turn(name, LOADERS[name], number, until, counts[name])
            except Exception as error:  # whatever a loader let through is what is looked for
                failures[name] = f"{type(error).__name__}: {error}"[:500]
                print(f"{name}: {failures[name]}", file=sys.stderr)
        number += 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    files = sum(sum(counter.values()) for counter in counts.values())
    result = {"files": files, "peak_megabytes": round(peak / 1024), "loaders": counts, "failures": failures}
    print(json.dumps(result, indent=2))
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
