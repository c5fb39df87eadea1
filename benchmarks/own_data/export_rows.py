"""Exported networks on 1,000 raw rows with gaps, text and dates, against `predict`.

    python benchmarks/own_data/export_rows.py [--rows 1000] [--seed 0] [--alone PYTHON]

Two made tables, with classes and with a number to predict: numbers (some as $1,200.50), categories, texts,
dates with times, True and False, one cell in ten empty. A network is trained on one draw of 1,500 rows, and
exported; another draw also has categories, words and gaps that the training hadn't. `network.py` gets the
raw rows in a process that can import neither this package nor NumPy, safetensors, pandas or pydantic
(`--alone` names another Python to do it); ONNX and `torch.export` get them behind the encoding of
`network.py`. Told is the largest difference to `predict`: of a probability, or of a number as a share of the
largest.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

import rl_designer as rl
from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.datasets import load_dataset
from rl_designer.exporting.export import export
from rl_designer.exporting.find import find_subject
from rl_designer.exporting.formats import FORMATS
from rl_designer.retraining.job import Winner
from rl_designer.retraining.retrain import retrain
from rl_designer.retraining.settings import FullSettings, Plan
from rl_designer.runs.architecture_files import ArchitectureFile

DESIGN = Architecture("mlp", (Layer.of("dense", width=32, normalisation="batch"),), complete=True)
COLOURS, WORDS = ("red", "blue", "green", "01", "1"), ("good", "bad", "fast", "slow", "late", "Ärger", "½")
ALONE = """
import sys
sys.modules |= dict.fromkeys(["rl_designer", "safetensors", "numpy", "pandas", "pydantic"])
import csv, importlib.util, json
spec = importlib.util.spec_from_file_location("network", sys.argv[1])
network = importlib.util.module_from_spec(spec)
spec.loader.exec_module(network)
rows = list(csv.DictReader(open(sys.argv[2], newline="", encoding="utf-8")))
found = network.predict(rows)
inputs = network.encoded(rows).tolist()
found = found[1] if isinstance(found, tuple) else found
print(json.dumps({"inputs": inputs, "found": found.tolist()}))
"""


def table(path: Path, count: int, target: str, generator: np.random.Generator, strange: bool) -> Path:
    """Raw rows; `strange` ones also hold what training hadn't."""
    colours = (*COLOURS, "mauve") if strange else COLOURS
    words = (*WORDS, "unheard") if strange else WORDS
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["age", "income", "colour", "joined", "said", "member", target])
        for row in range(count):
            age, income = generator.normal(40, 12), generator.lognormal(9, 1)
            colour = generator.choice(colours)
            day = np.datetime64("2019-01-01T00:00") + generator.integers(0, 2_000_000)
            said = " ".join(generator.choice(words, generator.integers(1, 6)))
            cells: list[Any] = [f"{age:.3f}", f"${income:,.2f}", colour, str(day).replace("T", " "), said]
            cells = ["" if generator.random() < 0.1 else cell for cell in cells]
            member = "" if strange and row % 50 == 0 else bool(generator.random() < 0.5)
            score = (age - 40) / 12 + 2 * bool(member) + ("good" in said) - (colour == "red")
            score += generator.normal() / 3
            kind = ("low", "middle", "high")[int(np.digitize(score, (0.5, 1.8)))]
            writer.writerow([*cells, member, kind if target == "kind" else f"{45_000 + 8_000 * score:.2f}"])
    return path


def differences(target: str, count: int, seed: int, folder: Path, alone: str) -> dict[str, float]:
    """By format, the largest."""
    generator = np.random.default_rng(seed)
    data = load_dataset(table(folder / "train.csv", 1_500, target, generator, False), target=target)
    new = table(folder / "new.csv", count, target, generator, True)
    plan = Plan(FullSettings(epochs=10), seeds=1, workers=0, device="cpu", rivals=False)
    trained = Path(retrain([Winner(ArchitectureFile(DESIGN), folder, "made")], data, plan)[0]["folder"])
    subject, formats = find_subject(trained, {}), [name for name in FORMATS if not FORMATS[name].missing]
    export(subject, folder / "exported", formats)
    number = subject.predicts_number
    expected = rl.predict(trained, new, probabilities=not number)
    scale = float(np.abs(expected).max()) if number else 1.0
    command = [alone, "-I", "-c", ALONE, str(folder / "exported" / "network.py"), str(new)]
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    found = {"network.py, alone": np.array(said["found"])}
    inputs = torch.tensor(said["inputs"])
    for name in formats[1:]:
        outputs = FORMATS[name].read(subject, folder / "exported")(inputs).detach().double()
        found[name] = (outputs[:, 0] if number else outputs.softmax(dim=1)).numpy()
    found["predict of the export"] = rl.predict(folder / "exported", new, probabilities=not number)
    return {name: float(np.abs(values - expected).max() / scale) for name, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--alone", default=sys.executable)
    given = parser.parse_args()
    torch.set_num_threads(1)
    results = {}
    for target in ("kind", "price"):
        with tempfile.TemporaryDirectory() as folder:
            results[target] = differences(target, given.rows, given.seed, Path(folder), given.alone)
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
