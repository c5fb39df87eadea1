"""Measures the networks of this folder: `python measure.py` where ONNX Runtime is, and nothing else need be.

It reads `designs.json`, runs each `design-N.onnx` on one example with one thread, and writes
`latencies.json`, which `rl-designer train --latency-from latencies.json --max-latency 2ms` takes. Every
network is run in several rounds, of whose medians the least counts, so that a moment in which the device has
something else to do spoils one round.
"""

import json
import platform
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped,unused-ignore]

ROUNDS, PASSES, WARMING_UP = 15, 9, 2


def session_of(path):  # type: ignore[no-untyped-def]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def median(session, feed):  # type: ignore[no-untyped-def]
    """Seconds of a pass."""
    seconds = []
    for _ in range(WARMING_UP + PASSES):
        started = time.perf_counter()
        session.run(None, feed)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[WARMING_UP:])


def example_of(session):  # type: ignore[no-untyped-def]
    """One random example, of the type and the shape that a network takes."""
    [given] = session.get_inputs()
    shape = [1, *given.shape[1:]]
    numbers = np.random.default_rng(0)
    if "int64" in given.type:
        return {given.name: numbers.integers(0, 3, shape)}
    return {given.name: numbers.standard_normal(shape).astype(np.float32)}


def main(folder):  # type: ignore[no-untyped-def]
    data = json.loads((folder / "designs.json").read_text(encoding="utf-8"))
    sessions = [session_of(folder / f"design-{number}.onnx") for number in range(len(data["designs"]))]
    least = [float("inf")] * len(sessions)
    for _ in range(ROUNDS):
        for number, session in enumerate(sessions):
            least[number] = min(least[number], median(session, example_of(session)))
    for design, seconds in zip(data["designs"], least, strict=True):
        design["seconds"] = seconds
    data["device"] = (sys.argv[1] if len(sys.argv) > 1 else platform.processor() or platform.machine())[:200]
    data["how"] = (
        f"ONNX Runtime {onnxruntime.__version__}, one example, one thread: the least of {ROUNDS} medians of "
        f"{PASSES} passes"
    )
    (folder / "latencies.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    print(f"{len(least)} networks, {1e3 * min(least):.3g} to {1e3 * max(least):.3g} ms: latencies.json")


if __name__ == "__main__":
    main(Path(__file__).resolve().parent)
