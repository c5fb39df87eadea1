"""Where one class is rare: searching by balanced accuracy against searching by accuracy.

    python benchmarks/own_data/imbalanced.py --output imbalanced

Made tables of rows with 2 % and 5 % of one class (scikit-learn's `make_classification`, 3,000 rows to
search on and 6,000 to judge by, 10 features, another table for each seed). For each seed one search by
each metric: `ppo`, 16 evaluations, 6 epochs, at most 5,000 parameters, no control; by balanced accuracy
the loss weighs the classes alike, as `--class-weights balanced` has it. The best design of each is
trained in full for 30 epochs, and judged by its balanced accuracy on the sealed test. Told are the paired
differences, with a 95 % interval of the mean over the seeds. Finished ones are kept in the output folder.
"""

import json
import sys
from pathlib import Path

import click
import numpy as np
from sklearn.datasets import make_classification

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import rl_designer as rl
from rl_designer.comparisons.estimators import interval_of_mean

SHARES = (0.02, 0.05)
WAYS: dict[str, dict[str, str]] = {
    "accuracy": {},
    "balanced-accuracy": {"metric": "balanced-accuracy", "class_weights": "balanced"},
}
SEARCH = {"evaluations": 16, "epochs": 6, "max_parameters": 5_000, "control_share": 0.0, "workers": 1}


def data(share: float, seed: int) -> dict[str, np.ndarray]:
    """Arrays as `rl.search` takes them."""
    x, y = make_classification(
        9_000, 10, n_informative=6, weights=[1 - share], class_sep=0.7, flip_y=0.0, random_state=seed
    )
    x = x.astype(np.float32)
    return {"x_train": x[:3_000], "y_train": y[:3_000], "x_test": x[3_000:], "y_test": y[3_000:]}


def judged(share: float, seed: int, way: str, folder: Path) -> float:
    """The balanced accuracy on the test; kept in the folder."""
    kept = folder / "result.json"
    if not kept.exists():
        run = rl.search(
            data(share, seed), run=folder / "run", seed=seed, progress=False, **SEARCH, **WAYS[way]
        )
        network = rl.retrain(run, seeds=1, epochs=30, workers=0, progress=False, rivals=False).best
        figures = network.results["test_figures"]
        kept.write_text(json.dumps({name: known["mean"] for name, known in figures.items()}))
    return float(json.loads(kept.read_text())["balanced-accuracy"])


@click.command(help=__doc__)
@click.option("--seeds", default=10, show_default=True)
@click.option("--output", type=click.Path(path_type=Path), default=Path("imbalanced"), show_default=True)
def main(seeds: int, output: Path) -> None:
    for share in SHARES:
        found = {way: [] for way in WAYS}
        for seed in range(seeds):
            for way in WAYS:
                found[way].append(judged(share, seed, way, output / f"{share:g}-{seed}-{way}"))
            print(
                f"{share:.0%}, seed {seed}: " + ", ".join(f"{w} {v[-1]:.4f}" for w, v in found.items()),
                flush=True,
            )
        for way in list(WAYS)[1:]:
            differences = np.array(found[way]) - np.array(found["accuracy"])
            (low,), (high,) = interval_of_mean(differences[:, None])
            means = f"by {way} {np.mean(found[way]):.4f}, by accuracy {np.mean(found['accuracy']):.4f}"
            told = f"{differences.mean():+.4f} [{low:+.4f}, {high:+.4f}], n={seeds}"
            print(f"{share:.0%}: {means}: {told}", flush=True)


if __name__ == "__main__":
    main()
